from __future__ import annotations

import hashlib
import pickle
import shutil
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_replication.errors import SourceError
from pytest_replication.images.decode import decode
from pytest_replication.images.sources import ImageRef, open_source
from pytest_replication.images.sources import torchvision_sets as tv

torchvision = pytest.importorskip("torchvision")

import torch  # noqa: E402
from scipy.io import savemat  # noqa: E402
from torchvision import datasets  # noqa: E402

RNG = np.random.default_rng(0)


def md5(path: Path) -> str:
    return hashlib.md5(path.read_bytes()).hexdigest()


def pixels(refs: list[ImageRef]) -> np.ndarray:
    return np.stack([np.asarray(decode(ref.read())) for ref in refs])


@pytest.fixture
def flowers(photos: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    base = tmp_path / "flowers-102"
    (base / "jpg").mkdir(parents=True)
    for number, photo in enumerate(photos[:6], start=1):
        shutil.copy(photo, base / "jpg" / f"image_{number:05d}.jpg")
    savemat(base / "imagelabels.mat", {"labels": np.array([[1, 2, 102, 1, 5, 6]], np.uint8)})
    ids = {"trnid": [[3, 1]], "valid": [[2, 6]], "tstid": [[4, 5]]}
    savemat(base / "setid.mat", {name: np.array(each, np.uint16) for name, each in ids.items()})
    files = {
        "image": ("102flowers.tgz", ""),
        "label": ("imagelabels.mat", md5(base / "imagelabels.mat")),
        "setid": ("setid.mat", md5(base / "setid.mat")),
    }
    monkeypatch.setattr(datasets.Flowers102, "_file_dict", files)
    return tmp_path


def test_flowers(flowers: Path, photos: list[Path]) -> None:
    source = open_source(f"torchvision:Flowers102:{flowers}")
    found = list(source)
    assert (len(source), source.counted) == (2, True)
    assert [ref.id for ref in found] == [f"flowers-102/jpg/image_0000{i}.jpg" for i in (3, 1)]
    assert [ref.read() for ref in found] == [photos[2].read_bytes(), photos[0].read_bytes()]
    names = getattr(datasets.Flowers102, "classes", [str(number) for number in range(102)])
    assert [ref.label for ref in found] == [names[101], names[0]]
    assert found[0].uri == f"{flowers}/flowers-102/jpg/image_00003.jpg"
    assert [ref.id[-5] for ref in open_source(f"torchvision:Flowers102:{flowers}:all")] == list("312645")
    assert [ref.id[-5] for ref in open_source(f"torchvision:Flowers102:{flowers}:val")] == list("26")


def test_an_image_that_is_missing_is_listed(flowers: Path) -> None:
    (flowers / "flowers-102" / "jpg" / "image_00003.jpg").unlink()
    found = list(open_source(f"torchvision:Flowers102:{flowers}"))
    assert len(found) == 2
    assert found[0].version == "missing"


def test_a_damaged_annotation_is_an_error(flowers: Path) -> None:
    (flowers / "flowers-102" / "setid.mat").write_bytes(b"x")
    with pytest.raises(SourceError, match=r"\(Dataset not found or corrupted\): expected flowers-102/jpg"):
        open_source(f"torchvision:Flowers102:{flowers}")


@pytest.fixture
def celeba(photos: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    base = tmp_path / "celeba"
    (base / "img_align_celeba").mkdir(parents=True)
    names = [f"{number:06d}.jpg" for number in range(1, 8)]
    for name, photo in zip(names, photos, strict=False):
        shutil.copy(photo, base / "img_align_celeba" / name)
    many = {
        "list_attr_celeba.txt": ("7\nBald Young \n", "-1  1"),
        "list_bbox_celeba.txt": ("7\nimage_id x_1 y_1 width height\n", "   95  71 226 313"),
        "list_landmarks_align_celeba.txt": ("7\n" + "lefteye_x " * 10 + "\n", "69 " * 9 + "69"),
    }
    for file, (head, row) in many.items():
        (base / file).write_text(head + "".join(f"{name} {row}\n" for name in names))
    identities, parts = (2880, 17, 2880, 1, 9, 9, 5), (0, 0, 0, 1, 1, 2, 2)
    for file, values in (("identity_CelebA.txt", identities), ("list_eval_partition.txt", parts)):
        (base / file).write_text("".join(f"{n} {v}\n" for n, v in zip(names, values, strict=True)))
    listed = [("", md5(file), file.name) for file in sorted(base.glob("*.txt"))]
    monkeypatch.setattr(datasets.CelebA, "file_list", [("", "", "img_align_celeba.zip"), *listed])
    return tmp_path


def test_celeba(celeba: Path, photos: list[Path]) -> None:
    found = list(open_source(f"torchvision:CelebA:{celeba}"))
    assert [ref.id for ref in found] == [f"celeba/img_align_celeba/00000{i}.jpg" for i in (1, 2, 3)]
    assert [ref.label for ref in found] == ["2880", "17", "2880"]
    assert found[1].read() == photos[1].read_bytes()
    assert [ref.label for ref in open_source(f"torchvision:CelebA:{celeba}:valid")] == ["1", "9"]
    everything = open_source(f"torchvision:CelebA:{celeba}:all")
    assert [ref.label for ref in everything] == ["2880", "17", "2880", "1", "9", "9", "5"]


@pytest.fixture
def imagenet(photos: list[Path], tmp_path: Path) -> Path:
    classes = {"n01440764": ("tench", "Tinca tinca"), "n01443537": ("goldfish", "Carassius auratus")}
    for number, wnid in enumerate(classes):
        for split in ("train", "val"):
            (tmp_path / split / wnid).mkdir(parents=True)
            shutil.copy(photos[number], tmp_path / split / wnid / f"{wnid}_{number}.JPEG")
    torch.save((classes, ["n01440764"]), tmp_path / "meta.bin")
    return tmp_path


def test_imagenet(imagenet: Path, photos: list[Path]) -> None:
    found = list(open_source(f"torchvision:ImageNet:{imagenet}"))
    assert [(ref.id, ref.label) for ref in found] == [
        ("train/n01440764/n01440764_0.JPEG", "tench / Tinca tinca"),
        ("train/n01443537/n01443537_1.JPEG", "goldfish / Carassius auratus"),
    ]
    assert found[1].read() == photos[1].read_bytes()
    assert len(open_source(f"torchvision:ImageNet:{imagenet}:all")) == 4


@pytest.mark.parametrize("missing", ["meta.bin", "train"])
def test_imagenet_is_not_unpacked(missing: str, imagenet: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (imagenet / missing).rename(imagenet / "away")
    monkeypatch.setattr(datasets.ImageNet, "parse_archives", lambda _: pytest.fail("was unpacked"))
    with pytest.raises(SourceError, match=f"has no {missing}: expected meta.bin and train/"):
        open_source(f"torchvision:ImageNet:{imagenet}")


def test_imagefolder(imagenet: Path, photos: list[Path]) -> None:
    found = list(open_source(f"torchvision:ImageFolder:{imagenet}/val"))
    assert [(ref.id, ref.label) for ref in found] == [
        ("n01440764/n01440764_0.JPEG", "n01440764"),
        ("n01443537/n01443537_1.JPEG", "n01443537"),
    ]
    assert found[0].read() == photos[0].read_bytes()
    with pytest.raises(SourceError, match="no split train: it has all"):
        open_source(f"torchvision:ImageFolder:{imagenet}/val:train")


CIFAR = {
    "CIFAR10": (
        [f"data_batch_{i}" for i in range(1, 6)],
        "test_batch",
        "batches.meta",
        "label_names",
        "labels",
    ),
    "CIFAR100": (["train"], "test", "meta", "fine_label_names", "fine_labels"),
}


@pytest.fixture(params=[*CIFAR])
def cifar(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[str, Path, np.ndarray]:
    train, test, meta, names, labels = CIFAR[request.param]
    kind = getattr(datasets, request.param)
    base = tmp_path / kind.base_folder
    base.mkdir()
    images = RNG.integers(0, 256, (len(train) * 2 + 2, 32, 32, 3), dtype=np.uint8)
    for number, name in enumerate([*train, test]):
        data = images[2 * number : 2 * number + 2].transpose(0, 3, 1, 2).reshape(2, -1)
        (base / name).write_bytes(pickle.dumps({"data": data, labels: [number % 3, 1]}, protocol=2))
    (base / meta).write_bytes(pickle.dumps({names: ["airplane", "bird", "cat"]}, protocol=2))
    monkeypatch.setattr(kind, "train_list", [[name, md5(base / name)] for name in train])
    monkeypatch.setattr(kind, "test_list", [[test, md5(base / test)]])
    monkeypatch.setattr(kind, "meta", {"filename": meta, "key": names, "md5": md5(base / meta)})
    return request.param, tmp_path, images


def test_cifar(cifar: tuple[str, Path, np.ndarray]) -> None:
    name, root, images = cifar
    found = list(open_source(f"torchvision:{name}:{root}"))
    assert [ref.id for ref in found] == [f"train#{number}" for number in range(len(images) - 2)]
    assert np.array_equal(pixels(found), images[:-2])
    assert (found[0].label, found[1].label) == ("airplane", "bird")
    assert found[1].uri == f"torchvision:{name}:{root}:train#1"
    everything = list(open_source(f"torchvision:{name}:{root}:all"))
    assert [ref.id for ref in everything][-2:] == ["test#0", "test#1"]
    assert np.array_equal(pixels(everything), images)


def test_damaged_cifar_is_never_unpickled(
    cifar: tuple[str, Path, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    name, root, _ = cifar
    base = root / getattr(datasets, name).base_folder
    first = base / CIFAR[name][0][0]
    first.write_bytes(first.read_bytes() + b"x")
    monkeypatch.setattr(pickle, "load", lambda *_, **__: pytest.fail("was unpickled"))
    with pytest.raises(SourceError, match=f"Dataset not found or corrupted.*{base.name}"):
        open_source(f"torchvision:{name}:{root}")


@pytest.mark.parametrize("name", ["MNIST", "FashionMNIST"])
def test_mnist(name: str, tmp_path: Path) -> None:
    raw = tmp_path / name / "raw"
    raw.mkdir(parents=True)
    images = RNG.integers(0, 256, (6, 28, 28), dtype=np.uint8)
    for part, rows in (("train", slice(0, 4)), ("t10k", slice(4, 6))):
        values = images[rows]
        head = struct.pack(">4B3I", 0, 0, 8, 3, *values.shape)
        (raw / f"{part}-images-idx3-ubyte").write_bytes(head + values.tobytes())
        head = struct.pack(">4BI", 0, 0, 8, 1, len(values))
        (raw / f"{part}-labels-idx1-ubyte").write_bytes(head + bytes(range(len(values))))
    found = list(open_source(f"torchvision:{name}:{tmp_path}"))
    assert np.array_equal(pixels(found)[..., 0], images[:4])
    assert found[0].read().startswith(b"P5\n28 28\n255\n")
    assert [ref.label for ref in found] == getattr(datasets, name).classes[:4]
    assert len(open_source(f"torchvision:{name}:{tmp_path}:all")) == 6
    assert np.array_equal(
        pixels(list(open_source(f"torchvision:{name}:{tmp_path}:test")))[..., 0], images[4:]
    )


@pytest.mark.parametrize("name", [*tv._KINDS])
def test_a_root_without_the_files_is_an_error(name: str, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=rf"{name} in .*expected {tv._KINDS[name].files[:12]}") as caught:
        open_source(f"torchvision:{name}:{tmp_path}")
    assert "download=True" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_another_name_and_another_split_are_refused(flowers: Path) -> None:
    with pytest.raises(SourceError, match="torchvision:LSUN is not known: name one of Flowers102, CelebA"):
        open_source(f"torchvision:LSUN:{flowers}")
    with pytest.raises(SourceError, match="no split half: it has train, val, test, and all"):
        open_source(f"torchvision:Flowers102:{flowers}:half")


def test_a_root_with_a_colon_is_a_root(flowers: Path) -> None:
    root = flowers / "a:b"
    root.mkdir()
    (flowers / "flowers-102").rename(root / "flowers-102")
    for given in (f"torchvision:Flowers102:{root}", f"torchvision:Flowers102:{root}:train"):
        assert len(open_source(given)) == 2


def test_labels_that_do_not_fit_are_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Lying:
        def __init__(self, *_: Any, **__: Any) -> None:
            self.data, self.targets = RNG.integers(0, 256, (3, 28, 28), dtype=np.uint8), [1, 2]

    monkeypatch.setattr(datasets, "MNIST", Lying)
    with pytest.raises(SourceError, match="3 images and 2 labels"):
        open_source(f"torchvision:MNIST:{tmp_path}")


def test_without_torchvision_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "torchvision", None)
    with pytest.raises(SourceError, match=r"pip install 'pytest-replication\[torch\]'"):
        open_source(f"torchvision:MNIST:{tmp_path}")
