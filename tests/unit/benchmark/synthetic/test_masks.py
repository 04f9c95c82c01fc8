from __future__ import annotations

import json
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pytest_replication.benchmark.synthetic.items import Items, open_items
from pytest_replication.benchmark.synthetic.masks import open_masks
from pytest_replication.benchmark.synthetic.masks_coco import paint
from pytest_replication.errors import BenchmarkError, SettingsError

SQUARE = [1, 1, 5, 1, 5, 4, 1, 4]
LARGE = [0, 0, 8, 0, 8, 6, 0, 6]


@pytest.fixture
def coco(tmp_path: Path, picture: Callable[..., Image.Image]) -> dict[str, Any]:
    """Two images with annotations of all forms, and one without."""
    (tmp_path / "images").mkdir()
    for name in ("b.png", "a.png", "c.png"):
        picture(0, (8, 6)).save(tmp_path / "images" / name)
    return {
        "images": [
            {"id": number, "file_name": name, "width": 8, "height": 6}
            for number, name in ((1, "b.png"), (2, "a.png"), (3, "c.png"))
        ],
        "categories": [{"id": 17, "name": "cat"}, {"id": 18, "name": "dog"}],
        "annotations": [
            {"id": 10, "image_id": 1, "category_id": 17, "segmentation": [SQUARE], "iscrowd": 0},
            {"id": 11, "image_id": 1, "category_id": 18, "segmentation": [LARGE], "iscrowd": 0},
            {
                "id": 12,
                "image_id": 2,
                "category_id": 18,
                "segmentation": {"size": [6, 8], "counts": [6, 6, 36]},
                "iscrowd": 1,
            },
        ],
    }


def opened(tmp_path: Path, content: Any, kind: str = "coco") -> Items:
    (tmp_path / "instances.json").write_text(json.dumps(content))
    return open_masks(f"{kind}:{tmp_path / 'instances.json'}:{tmp_path / 'images'}")


def packed(counts: list[int]) -> str:
    assert all(0 <= count < 16 for count in counts[:3])
    return "".join(chr(48 + count) for count in counts)


def test_coco_gives_the_classes_with_the_smaller_object_on_top(tmp_path: Path, coco: dict[str, Any]) -> None:
    items = opened(tmp_path, coco)
    assert [item.id for item in items.images] == ["a.png", "b.png"]
    crowd, both = (item.load() for item in items.images)
    wanted = np.full((6, 8), 18)
    wanted[1:4, 1:5] = 17
    assert np.array_equal(both.labels, wanted)
    assert both.classes == {17: "cat", 18: "dog"}
    assert (crowd.labels[:, 1] == 18).all()
    assert (crowd.labels == 18).sum() == 6


def test_coco_objects_have_labels_of_their_own_and_crowds_are_void(
    tmp_path: Path, coco: dict[str, Any]
) -> None:
    items = opened(tmp_path, coco, "coco-objects")
    crowd, both = (item.load() for item in items.images)
    assert both.classes == {1: "dog", 2: "cat"}
    assert both.labels[2, 2] == 2
    assert both.labels[0, 0] == 1
    assert set(np.unique(crowd.labels)) == {-1, 0}
    assert crowd.classes == {}


def test_coco_reads_packed_runs(tmp_path: Path, coco: dict[str, Any]) -> None:
    # 12 zeros, 6 ones, 30 zeros: 30 needs a second character, 30 = 30 + 0 * 32 with its sign bit clear.
    text = packed([12, 6]) + chr(48 + 30 + 32) + chr(48)
    coco["annotations"] = [coco["annotations"][0] | {"segmentation": {"size": [6, 8], "counts": text}}]
    (item,) = opened(tmp_path, coco).images
    wanted = np.zeros((6, 8))
    wanted[:, 2] = 17
    assert np.array_equal(item.load().labels, wanted)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c.pop("images"), "cannot be read as instances of COCO"),
        (lambda c: c.update(annotations=3), "cannot be read as instances of COCO"),
        (lambda c: c["images"].pop(0), "annotations of image 1, which it does not list"),
        (lambda c: c["images"][0].update(file_name="../../etc/x"), "leads out of"),
        (lambda c: c["images"][0].update(height=10**6, width=10**6), "has 1000000 x 1000000 pixels"),
        (lambda c: c["categories"].append({"id": 0, "name": "x"}), "means the background"),
    ],
)
def test_a_damaged_coco_file_is_refused(
    tmp_path: Path, coco: dict[str, Any], change: Callable[[Any], Any], message: str
) -> None:
    change(coco)
    with pytest.raises(BenchmarkError, match=message):
        opened(tmp_path, coco)


@pytest.mark.parametrize(
    "change",
    [
        {"segmentation": []},
        {"segmentation": [[1, 2, 3]]},
        {"segmentation": {"size": [8, 6], "counts": [48]}},
        {"segmentation": {"size": [6, 8], "counts": [47]}},
        {"segmentation": {"size": [6, 8], "counts": "!"}},
        {"segmentation": {"size": [6, 8]}},
        {"segmentation": None},
        {"category_id": 99},
    ],
)
def test_a_damaged_annotation_is_refused_when_it_is_read(
    tmp_path: Path, coco: dict[str, Any], change: dict[str, Any]
) -> None:
    coco["annotations"] = [coco["annotations"][0] | change]
    (item,) = opened(tmp_path, coco).images
    with pytest.raises(BenchmarkError, match=r"the masks of b\.png are damaged"):
        item.load()


def test_a_size_that_is_not_the_images_is_refused_before_anything_is_painted(
    tmp_path: Path, coco: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    coco["images"][0].update(height=8000, width=10000)
    item = next(item for item in opened(tmp_path, coco).images if item.id == "b.png")
    monkeypatch.delattr("pytest_replication.benchmark.synthetic.masks_coco.paint")
    with pytest.raises(BenchmarkError, match=r"b\.png has 10000 x 8000 pixels, the image 8 x 6"):
        item.load()


def test_masks_of_many_annotations_are_not_held_at_once() -> None:
    crowd = {"size": [500, 600], "counts": [0, 300_000]}
    annotations = [
        {"id": number, "category_id": 1, "segmentation": [[0, 0, 9, 0, 9, 9]] * 3 if number else crowd}
        for number in range(30)
    ]
    tracemalloc.start()
    mask = paint(annotations, 500, 600, {1: "cat"})
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (mask.labels == 1).all()
    assert peak < 12 * 500 * 600  # labels of four bytes, and a few masks


def test_coco_without_its_files(tmp_path: Path) -> None:
    with pytest.raises(BenchmarkError, match="cannot be read as instances of COCO"):
        open_masks(f"coco:{tmp_path / 'x.json'}:{tmp_path}")
    with pytest.raises(BenchmarkError, match="names no folder of images"):
        open_masks("coco:x.json")


@pytest.fixture
def voc(tmp_path: Path, picture: Callable[..., Image.Image]) -> Path:
    """One image of Pascal VOC: a cat (8) and a dog (12) beside each other, void between."""
    classes, objects = np.zeros((6, 8), np.uint8), np.zeros((6, 8), np.uint8)
    classes[1:5, 1:3], classes[1:5, 4:7], classes[1:5, 3] = 8, 12, 255
    objects[1:5, 1:3], objects[1:5, 4:7], objects[1:5, 3] = 1, 2, 255
    for name, values in (("SegmentationClass", classes), ("SegmentationObject", objects)):
        (tmp_path / name).mkdir()
        image = Image.fromarray(values)
        image.putpalette([value for number in range(256) for value in (number, 255 - number, 7)])
        image.save(tmp_path / name / "2007_000032.png")
    (tmp_path / "JPEGImages").mkdir()
    picture(0, (8, 6)).save(tmp_path / "JPEGImages" / "2007_000032.jpg")
    return tmp_path


def test_voc_gives_classes_and_void(voc: Path) -> None:
    (item,) = open_masks(f"voc:{voc}").images
    loaded = item.load()
    assert item.id == "2007_000032"
    assert loaded.labels[2].tolist() == [0, 8, 8, -1, 12, 12, 12, 0]
    assert loaded.name(8) == "cat"
    assert loaded.shares() == pytest.approx({0: 24 / 48, 8: 8 / 48, 12: 12 / 48})


def test_voc_gives_objects_with_the_names_of_their_classes(voc: Path) -> None:
    (item,) = open_masks(f"voc-objects:{voc}").images
    loaded = item.load()
    assert loaded.labels[2].tolist() == [0, 1, 1, -1, 2, 2, 2, 0]
    assert loaded.classes == {1: "cat", 2: "dog"}


def test_voc_without_its_parts_is_refused(voc: Path) -> None:
    small = voc / "SegmentationClass" / "2007_000032.png"
    Image.new("L", (2, 2)).save(small)
    with pytest.raises(BenchmarkError, match="are of different sizes"):
        open_masks(f"voc-objects:{voc}").images[0].load()
    (voc / "JPEGImages" / "2007_000032.jpg").unlink()
    with pytest.raises(BenchmarkError, match=r"is the mask of .*\.jpg, which is missing"):
        open_masks(f"voc:{voc}")
    with pytest.raises(BenchmarkError, match="is no folder of Pascal VOC"):
        open_masks(f"voc:{voc / 'x'}")


def test_the_alpha_of_a_cut_out_is_its_mask_and_what_is_transparent_is_void(tmp_path: Path) -> None:
    pixels = np.full((6, 8, 4), 200, np.uint8)
    pixels[..., 3] = 0
    pixels[1:4, 2:6, 3] = 255
    pixels[4, 2:6, 3] = 100
    Image.fromarray(pixels).save(tmp_path / "x.png")
    (item,) = open_masks(f"cutouts:{tmp_path}").images
    loaded = item.load()
    wanted = np.full((6, 8), -1)
    wanted[1:4, 2:6] = 1
    assert np.array_equal(loaded.labels, wanted)
    assert loaded.image.getpixel((0, 0)) == (255, 255, 255)
    Image.new("RGB", (4, 4)).save(tmp_path / "x.png")
    with pytest.raises(BenchmarkError, match="it is no cut-out object"):
        item.load()
    (tmp_path / "x.png").write_bytes(b"no image")
    assert item.mask is not None
    with pytest.raises(BenchmarkError, match="cannot be read"):
        item.mask()


def test_a_list_that_is_open_is_passed_on(voc: Path) -> None:
    items = open_masks(f"voc:{voc}")
    assert open_masks(items) is items
    assert open_items(items) is items  # kinds that need no masks take them too


@pytest.mark.parametrize("beside", [True, False])
@pytest.mark.parametrize("suffix", [".png", ".npy"])
def test_label_maps_in_either_place_and_format(
    tmp_path: Path, picture: Callable[..., Image.Image], beside: bool, suffix: str
) -> None:
    images, labels = tmp_path / "images", tmp_path / "images" if beside else tmp_path / "labels"
    for folder in {images / "sub", labels / "sub"}:
        folder.mkdir(parents=True)
    picture(0, (8, 6)).save(images / "sub" / "x.jpg")
    values = np.arange(48).reshape(6, 8) % 5
    target = labels / "sub" / ("x.labels" + suffix if beside else "x" + suffix)
    if suffix == ".npy":
        np.save(target, values - 1)
    else:
        Image.fromarray(np.where(values == 0, 255, values - 1).astype(np.uint8)).save(target)
    given = f"labels:{images}" if beside else f"labels:{images}:{labels}"
    (item,) = open_masks(given).images
    assert item.id == "sub/x.jpg"
    assert np.array_equal(item.load().labels, values - 1)
    target.unlink()
    with pytest.raises(BenchmarkError, match="has 0 label maps; expected one"):
        open_masks(given)
    for ending in (".png", ".npy"):
        target.with_suffix(ending).touch()
    with pytest.raises(BenchmarkError, match="has 2 label maps; expected one"):
        open_masks(given)


def test_what_names_no_masks_is_refused(pictures: Path) -> None:
    for given in (str(pictures), "coco:", "ade:x", 3):
        with pytest.raises(SettingsError, match="names no images with masks"):
            open_masks(given)
    with pytest.raises(BenchmarkError, match="holds images without masks"):
        open_masks(open_items(pictures))
