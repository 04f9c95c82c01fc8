"""Parts and local features beside the vectors, through the life of an index."""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections import namedtuple
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from interrupted import Interrupted
from PIL import Image

from pytest_replication import BuildOptions, build_index, cli, open_index
from pytest_replication.embedders import load_embedder
from pytest_replication.errors import BuildError, IndexCorrupt, IndexMismatch, SettingsError, SourceError
from pytest_replication.images import local
from pytest_replication.images.decode import decode
from pytest_replication.images.parts import GRIDS
from pytest_replication.images.views import View, cut
from pytest_replication.index import tokens
from pytest_replication.index.append import AppendOptions, append_index
from pytest_replication.index.compact import compact_index
from pytest_replication.index.entries import ObjectsEntry
from pytest_replication.index.features import STORED, pack
from pytest_replication.index.manifest import NAME
from pytest_replication.index.manifest_file import parse_manifest, read_manifest, write_manifest
from pytest_replication.index.merge import merge_indexes
from pytest_replication.index.objects import differences
from pytest_replication.index.removed import remove_images
from pytest_replication.index.shard import describe_file
from pytest_replication.index.staging import check_features, check_parts
from pytest_replication.index.verify import verify_files

pytest.importorskip("cv2")

OPTIONS = BuildOptions(
    embedder="pixels", shard_rows=3, batch_size=2, objects="quarters", dtype="float16", progress=False
)
QUIET = AppendOptions(progress=False)
ENTRY = ObjectsEntry("quarters", GRIDS["quarters"], local.MOST, local.DETECTOR)


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory, picture: Callable[..., Image.Image]) -> Path:
    """Folder of 7 made-up images, one of them so even that it has no local features."""
    folder = tmp_path_factory.mktemp("few")
    for seed in range(7):
        image = Image.new("RGB", (40, 30), (9, 9, 9)) if seed == 4 else picture(seed)
        image.save(folder / f"{seed}.png")
    return folder


@pytest.fixture(scope="module")
def shared(few: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Their index. Shared: copy it before you change it."""
    return build_index(few, tmp_path_factory.mktemp("objects") / "index", OPTIONS).index


@pytest.fixture
def built(shared: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(shared, tmp_path / "index"))


def images_of(folder: Path) -> list[Image.Image]:
    return [decode(path.read_bytes()) for path in sorted(folder.iterdir())]


def require_stored(folder: Path, images: list[Image.Image]) -> None:
    """Compare what is stored of each row with what it is made of: the images, in their order."""
    index, embedder, rows = open_index(folder), load_embedder("pixels"), np.arange(len(images))
    assert index.rows == len(images)
    assert index.objects is not None
    found = index.features_of(rows)
    for row, (image, parts) in enumerate(zip(images, index.parts_of(rows), strict=True)):
        prepared = [embedder.prepare(part) for part in cut(image, index.objects.parts)]
        assert parts == pytest.approx(embedder.embed(prepared), abs=1e-3)
        assert np.array_equal(found[row], local.extract(image))


def shard_files(folder: Path) -> list[Any]:
    return [shard.files for shard in read_manifest(folder).shards]


def test_every_row_has_the_parts_and_features_of_its_image(shared: Path, few: Path) -> None:
    index = open_index(shared)
    assert index.objects == ENTRY
    assert [shard.parts()[0].shape[:2] for shard in index.shards] == [(3, 4), (3, 4), (1, 4)]
    assert {shard.parts()[0].dtype for shard in index.shards} == {np.dtype("<f2")}
    assert {shard.features()[0].dtype for shard in index.shards} == {STORED}
    require_stored(shared, images_of(few))
    counts = [len(found) for found in index.features_of(np.arange(7))]
    assert counts[4] == 0
    assert min(counts[:4] + counts[5:]) > 0
    assert verify_files(shared, progress=False).sound


def test_an_index_without_them_is_as_it_was(shared: Path, few: Path, tmp_path: Path) -> None:
    plain = open_index(build_index(few, tmp_path / "plain", replace(OPTIONS, objects=None)).index)
    assert plain.objects is None
    assert "objects" not in json.loads((plain.path / NAME).read_text())
    for ours, theirs in zip(shard_files(shared), shard_files(plain.path), strict=True):
        assert ours["embeddings.npy"] == theirs["embeddings.npy"]
    of_rows = (lambda: plain.parts_of(np.array([0])), lambda: plain.features_of(np.array([0])))
    for call in (plain.shards[0].parts, plain.shards[0].features, *of_rows):
        with pytest.raises(SettingsError, match="build the index again with --objects"):
            call()
    with pytest.raises(IndexMismatch, match=r"objects 4 parts \(quarters\) and local features against none"):
        merge_indexes([shared, plain.path], tmp_path / "never")
    with pytest.raises(SourceError, match=r"objects 4 parts \(quarters\) and local features against none"):
        build_index(few, plain.path, OPTIONS)


def test_rows_come_in_any_order_and_none_are_taken_for_others(shared: Path) -> None:
    index, rows = open_index(shared), np.array([6, 0, 5, 0])
    parts, features = index.parts_of(rows), index.features_of(rows)
    for place, row in enumerate(rows):
        assert np.array_equal(parts[place], index.parts_of(np.array([row]))[0])
        assert np.array_equal(features[place], index.features_of(np.array([row]))[0])
    assert index.features_of(np.empty(0, np.int64)) == []
    for wrong in (-1, 7):
        for of in (index.parts_of, index.features_of):
            with pytest.raises(SettingsError, match="stores rows 0 to 6"):
                of(np.array([0, wrong]))


def test_pictures_are_kept_of_256_pixels_or_more() -> None:
    sides = [replace(OPTIONS, thumbnails=side).kept_thumbnails for side in (0, 64, 256, 300)]
    assert sides == [256, 256, 256, 300]
    assert BuildOptions(thumbnails=64).kept_thumbnails == 64


def test_pictures_are_in_the_records(shared: Path) -> None:
    assert read_manifest(shared).thumbnails == 256
    assert all(record.thumbnail for record in open_index(shared).records(range(7)).values())


def test_unreadable_images_have_neither(few: Path, tmp_path: Path) -> None:
    images = Path(shutil.copytree(few, tmp_path / "images"))
    (images / "1.png").write_bytes(b"")
    build_index(images, tmp_path / "index", replace(OPTIONS, max_rejected=1))
    (images / "1.png").unlink()
    require_stored(tmp_path / "index", images_of(images))


def test_an_interrupted_build_ends_the_same_and_another_grid_is_another_build(
    shared: Path, few: Path, tmp_path: Path
) -> None:
    half = tmp_path / "half"
    with pytest.raises(KeyboardInterrupt):
        build_index(Interrupted(few, 4), half, OPTIONS)
    with pytest.raises(SourceError, match="grid of parts 'ninths' against 'quarters'"):
        build_index(few, half, replace(OPTIONS, objects="ninths"))
    with pytest.raises(SourceError, match=r"objects none against 4 parts \(quarters\) and local features"):
        build_index(few, half, replace(OPTIONS, objects=None, thumbnails=256))
    assert build_index(few, half, OPTIONS).resumed == 3
    assert shard_files(half) == shard_files(shared)


def test_worker_processes_make_the_same_bytes(shared: Path, few: Path, tmp_path: Path) -> None:
    build_index(few, tmp_path / "two", replace(OPTIONS, workers=2))
    assert shard_files(tmp_path / "two") == shard_files(shared)
    assert not (tmp_path / "two" / "shards" / ".handed").exists()


@pytest.mark.parametrize("name", ["parts.npy", "features.npy"])
@pytest.mark.parametrize("gone", [False, True])
def test_damage_is_told_and_made_anew(built: Path, few: Path, name: str, gone: bool) -> None:
    before, path, index = shard_files(built), built / "shards" / "000001" / name, open_index(built)
    if gone:
        path.unlink()
        with pytest.raises(IndexCorrupt, match=f"{name} is missing"):
            open_index(built)
    else:
        data = bytearray(path.read_bytes())
        data[-1] ^= 1
        path.write_bytes(data)
    assert any(name in fault for fault in verify_files(built, progress=False).faults)
    use = index.parts_of if name == "parts.npy" else index.features_of
    use(np.array([0, 6]))
    with pytest.raises(IndexCorrupt, match=f"{name} (has changed since it was written|cannot be read)"):
        use(np.array([3]))
    with pytest.raises(IndexCorrupt, match=name):
        append_index(built, few, QUIET)
    build_index(few, built, OPTIONS)
    assert shard_files(built) == before


def test_append_remove_compact_and_merge_keep_rows_together(
    built: Path, shared: Path, few: Path, tmp_path: Path, picture: Callable[..., Image.Image]
) -> None:
    more = tmp_path / "more"
    more.mkdir()
    picture(100).save(more / "new.png")
    append_index(built, more, QUIET)
    remove_images(built, ids=["0.png", "4.png"])
    compact_index(built)
    left = [image for number, image in enumerate(images_of(few)) if number not in (0, 4)]
    require_stored(built, left + images_of(more))
    merge_indexes([built, shared], tmp_path / "merged")
    # What was removed from one part is masked in the other, and stored.
    compact_index(tmp_path / "merged")
    require_stored(tmp_path / "merged", left + images_of(more) + left)
    assert verify_files(tmp_path / "merged", progress=False).sound


def test_features_that_are_found_otherwise_do_not_mix(built: Path, shared: Path, few: Path) -> None:
    other = replace(ENTRY, detector="sift of another kind")
    write_manifest(built, replace(read_manifest(built), objects=other))
    with pytest.raises(
        IndexMismatch, match=r"found as 'sift of another kind', this version finds them as 'si"
    ):
        append_index(built, few, QUIET)
    with pytest.raises(SourceError, match="local features 'sift, .* against 'sift of another kind'"):
        build_index(few, built, OPTIONS)
    with pytest.raises(IndexMismatch, match="local features 'sift, .* against 'sift of another kind'"):
        merge_indexes([shared, built], built.parent / "never")


def test_differences_name_both_sides() -> None:
    assert differences(ENTRY, ENTRY) == differences(None, None) == []
    moved = replace(ENTRY, parts=(View("quarter 1 of 4", (0, 0, 0.5, 0.5)), *ENTRY.parts[1:]))
    (said,) = differences(ENTRY, moved)
    assert said == "parts ['quarter 1 of 4 (0.0, 0.0, 0.6, 0.6)'] against ['quarter 1 of 4 (0, 0, 0.5, 0.5)']"
    (said,) = differences(ENTRY, replace(ENTRY, parts=ENTRY.parts[::-1]))
    assert said.startswith("parts ['quarter 1 of 4")
    assert differences(ENTRY, replace(ENTRY, features=9)) == ["features an image 1024 against 9"]


def test_without_opencv_nothing_is_begun(
    shared: Path, few: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(SettingsError, match=r"pip install 'pytest-replication\[objects\]'"):
        build_index(few, tmp_path / "new", OPTIONS)
    assert not (tmp_path / "new").exists()
    copy = Path(shutil.copytree(shared, tmp_path / "copy"))
    with pytest.raises(SettingsError, match=r"pip install 'pytest-replication\[objects\]'"):
        append_index(copy, few, QUIET)
    assert read_manifest(copy) == read_manifest(shared)
    open_index(copy).features_of(np.array([0]))  # what is stored is read without it


def test_room_and_work_are_told_and_asked_for(
    few: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = [
        "build",
        str(few),
        "--out",
        str(tmp_path / "index"),
        "--embedder",
        "pixels",
        "--objects=ninths",
    ]
    each = 13 * 769 * 4 + 1024 * 140 + 20_000
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(tokens.shutil, "disk_usage", lambda _: usage(0, 0, 7 * each - 1))
    assert cli.main(arguments) == 3
    error = capsys.readouterr().err
    assert (
        "objects: 13 parts (ninths) x 769 float32, up to 1024 local features and a picture of 256 pixels, "
        f"{each // 1024} KiB an image, {7 * each // 1000}"[:-3]
        in error
    )
    assert " for 7 images, 14 times the embedding work" in error
    assert "build without --objects" in error
    monkeypatch.setattr(tokens.shutil, "disk_usage", lambda _: usage(0, 0, 7 * each))
    assert cli.main(arguments) == 0
    capsys.readouterr()
    assert cli.main(["info", str(tmp_path / "index")]) == 0
    said = f"  objects      13 parts of each image (ninths), up to 1024 local features ({local.DETECTOR})\n"
    assert said in capsys.readouterr().out
    assert cli.main(["info", str(tmp_path / "index"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["objects"]
    assert (found["grid"], len(found["parts"]), found["detector"]) == ("ninths", 13, local.DETECTOR)


def test_a_grid_that_there_is_not(few: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(
        SettingsError, match="'tenths' is no grid of parts: name whole, quarters, ninths, sixteenths"
    ):
        BuildOptions(objects="tenths")
    assert cli.main(["build", "--out", str(tmp_path / "x"), str(few), "--objects", "tenths"]) != 0
    assert "(on a command line images come before --objects)" in capsys.readouterr().err


@pytest.mark.parametrize(
    "wrong",
    [
        {"grid": ""},
        {"detector": 3},
        {"parts": ()},
        {"features": 0},
        {"features": True},
        {"features": 2.0},
        {"parts": (View("a", (0, 0, 1.1, 1)),)},
        {"parts": (View("a", (0.5, 0, 0.5, 1)),)},
        {"parts": (View("a", (0, 0, 1, float("nan"))),)},
        {"parts": (View("a", (0, 0, 1)),)},  # type: ignore[arg-type]
    ],
)
def test_a_manifest_with_objects_that_cannot_be(wrong: dict[str, Any], shared: Path) -> None:
    manifest = replace(read_manifest(shared), objects=replace(ENTRY, **wrong))
    with pytest.raises(IndexCorrupt, match="is damaged"):
        parse_manifest(manifest.to_json(), shared / NAME)


def test_a_shard_that_lacks_them_is_no_shard(built: Path) -> None:
    manifest = read_manifest(built)
    for name in ("parts.npy", "features.npy"):
        files = {key: entry for key, entry in manifest.shards[0].files.items() if key != name}
        first = replace(manifest.shards[0], files=files)
        write_manifest(built, replace(manifest, shards=(first, *manifest.shards[1:])))
        with pytest.raises(IndexCorrupt, match="does not name its files"):
            open_index(built)
    write_manifest(built, replace(manifest, objects=None))
    with pytest.raises(IndexCorrupt, match="does not name its files"):
        open_index(built)


def made(rows: list[int]) -> np.ndarray:
    found = np.zeros(len(rows), STORED)
    found["row"] = rows
    return found


def spoiled(field: str) -> np.ndarray:
    found = made([0, 1])
    found[field][1] = np.nan
    return found


WRONG_FEATURES = [
    (made([1, 0]), "not in the order of its rows"),
    (made([0, 3]), "not in the order of its rows"),
    (made([1] * 1025), "more than 1024 features of an image"),
    (spoiled("x"), "not finite"),
    (spoiled("size"), "not finite"),
]


@pytest.mark.parametrize(("wrong", "says"), [*WRONG_FEATURES, (np.zeros(3), "features of float64")])
def test_features_that_do_not_fit_are_not_written(wrong: np.ndarray, says: str, shared: Path) -> None:
    manifest = read_manifest(shared)
    with pytest.raises(BuildError, match=says):
        check_features(wrong, 3, manifest)
    for features, there in ((None, manifest), (made([]), replace(manifest, objects=None))):
        with pytest.raises(BuildError, match="local features of all its images, or of none"):
            check_features(features, 3, there)
    check_features(made([0, 2, 2]), 3, manifest)
    check_features(None, 3, replace(manifest, objects=None))


def test_parts_that_do_not_fit_are_not_written(shared: Path) -> None:
    manifest, unit = read_manifest(shared), np.eye(4, 769, dtype=np.float32)[None]
    check_parts(unit, 1, manifest)
    for wrong in (None, unit[:, :3], np.repeat(unit, 2, 0)):
        with pytest.raises(BuildError, match=r"expected \(1, 4, 769\): an index stores parts of all"):
            check_parts(wrong, 1, manifest)
    with pytest.raises(BuildError, match="expected None"):
        check_parts(unit, 1, replace(manifest, objects=None))
    for factor in (1.1, np.nan):
        with pytest.raises(BuildError, match="not of unit length"):
            check_parts(unit * np.float32(factor), 1, manifest)


@pytest.mark.parametrize(
    ("name", "content", "fault"),
    [
        ("features.npy", wrong, rf"features.npy holds (more|features) .*{says.split()[-1]}")
        for wrong, says in WRONG_FEATURES
    ]
    + [
        ("features.npy", np.zeros(3), "no whole number of features"),
        ("features.npy", np.zeros((0, 2), STORED), "does not hold"),
        ("features.npy", pack([]).astype([("row", "<u8"), *STORED.descr[1:]]), "does not hold"),
        (
            "parts.npy",
            np.zeros((3, 4, 769), np.float16),
            "parts.npy holds vectors that are not of unit length",
        ),
        ("parts.npy", np.zeros((3, 5, 769), np.float16), r"does not hold \(3, 4, 769\)"),
    ],
)
def test_verify_looks_at_what_is_stored(built: Path, name: str, content: np.ndarray, fault: str) -> None:
    """A file that was wrong from the beginning, so that all checksums agree."""
    path, manifest = built / "shards" / "000000" / name, read_manifest(built)
    np.save(path, content)
    first = replace(manifest.shards[0], files={**manifest.shards[0].files, name: describe_file(path)})
    write_manifest(built, replace(manifest, shards=(first, *manifest.shards[1:])))
    assert any(re.search(fault, found) for found in verify_files(built, progress=False).faults)
