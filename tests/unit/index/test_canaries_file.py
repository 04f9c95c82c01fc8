from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from pytest_replication import append_index, compact_index, open_index, remove_images, verify_index
from pytest_replication.errors import BuildError, ControlFailed, IndexCorrupt
from pytest_replication.index import Index, canaries_file
from pytest_replication.index.canaries import Canaries, Canary, PartCanaries, PartCanary, png
from pytest_replication.index.canaries_file import read_canaries, write_canaries
from pytest_replication.index.manifest_file import read_manifest, write_manifest
from pytest_replication.index.shard import describe_file

IMAGE = png(Image.new("RGB", (4, 3), "red"))
SOME = Canaries(0.5, {"grey": (2, 3), "mirror": (0, 3)}, (Canary(3, "grey", 0.75, IMAGE),))


@pytest.fixture
def index(damaged: Path) -> Index:
    """An index with one canary, as it was opened before."""
    opened = open_index(damaged)
    write_canaries(opened, SOME)
    return opened


def test_an_index_has_none_unless_some_were_planted(pixels_index: Index) -> None:
    assert pixels_index.canaries is None


def test_canaries_come_back_as_they_were(index: Index) -> None:
    found = open_index(index.path).canaries
    assert found == SOME
    assert (found.found, found.tried) == (2, 6)
    assert found.kept[0].picture().getpixel((0, 0)) == (255, 0, 0)


def test_they_change_neither_fingerprint_nor_generation(index: Index) -> None:
    after = open_index(index.path).manifest
    assert after.fingerprint == index.manifest.fingerprint
    assert after.generation == index.manifest.generation
    assert verify_index(index.path).sound


def test_planting_again_leaves_one_file(index: Index) -> None:
    write_canaries(index, replace(SOME, threshold=0.6))
    assert open_index(index.path).canaries == replace(SOME, threshold=0.6)
    assert len(list(index.path.glob("canaries-*"))) == 1


def test_pictures_of_removed_images_go_when_an_index_is_compacted(index: Index) -> None:
    remove_images(index.path, ids=["cat.jpg"])
    (before,) = index.path.glob("canaries-*")
    assert b"PNG" in before.read_bytes()
    compact_index(index.path)
    (after,) = index.path.glob("canaries-*")
    assert b"PNG" not in after.read_bytes()
    with pytest.raises(ControlFailed, match="planted before its training images changed"):
        _ = open_index(index.path).canaries


def test_an_index_that_changed_meanwhile_gets_none(index: Index) -> None:
    remove_images(index.path, ids=["cat.jpg"])
    with pytest.raises(IndexCorrupt, match="has changed while its canaries were planted: calibrate it again"):
        write_canaries(index, SOME)


def removed(folder: Path) -> None:
    remove_images(folder, ids=["cat.jpg"])


def appended(folder: Path) -> None:
    more = folder.parent / "more"
    more.mkdir()
    Image.new("RGB", (8, 8), "blue").save(more / "blue.png")
    append_index(folder, more)


@pytest.mark.parametrize("change", [removed, appended])
def test_canaries_of_another_generation_are_an_error(index: Index, change: object) -> None:
    change(index.path)  # type: ignore[operator]
    with pytest.raises(
        ControlFailed,
        match=r"before its training images changed: run 'pytest-replication calibrate .*canaries 0",
    ):
        _ = open_index(index.path).canaries


def flipped(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def gone(path: Path) -> None:
    path.unlink()


DAMAGE = {flipped: "is damaged (its checksum differs)", gone: "is not there any more"}


@pytest.mark.parametrize("damage", DAMAGE, ids=lambda damage: damage.__name__)
def test_damaged_canaries_are_an_error(index: Index, damage: Callable[[Path], None]) -> None:
    opened = open_index(index.path)
    damage(next(index.path.glob("canaries-*")))
    with pytest.raises(IndexCorrupt, match=rf"canaries-.*\.parquet {re.escape(DAMAGE[damage])}.*calibrate"):
        _ = opened.canaries


def test_a_truncated_file_is_an_error_and_can_be_replaced(index: Index) -> None:
    os.truncate(next(index.path.glob("canaries-*")), 100)
    with pytest.raises(IndexCorrupt, match="is damaged"):
        _ = open_index(index.path).canaries
    write_canaries(open_index(index.path), SOME)
    assert open_index(index.path).canaries == SOME


WRONG = {
    "no such row": replace(SOME, kept=(replace(SOME.kept[0], row=20),)),
    "below zero": replace(SOME, kept=(replace(SOME.kept[0], row=-1),)),
    "below its threshold": replace(SOME, kept=(replace(SOME.kept[0], score=0.4),)),
    "more found than tried": replace(SOME, recall={"grey": (3, 2), "mirror": (0, 3)}),
    "found below zero": replace(SOME, recall={"grey": (2, 3), "mirror": (-1, 3)}),
    "fewer found than kept": replace(SOME, recall={"grey": (0, 3)}),
    "no whole number": replace(SOME, recall={"grey": (2.5, 3)}),  # type: ignore[dict-item]
    "not finite": replace(SOME, kept=(replace(SOME.kept[0], score=float("nan")),)),
}


@pytest.mark.parametrize("what", WRONG)
def test_canaries_that_cannot_be_are_an_error(damaged: Path, what: str) -> None:
    write_canaries(open_index(damaged), WRONG[what])
    with pytest.raises(IndexCorrupt, match="is damaged"):
        _ = open_index(damaged).canaries


def test_a_file_that_is_too_large_is_neither_read_nor_written(
    index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(canaries_file, "_MOST_BYTES", 100)
    with pytest.raises(IndexCorrupt, match="more than the 100 bytes that canaries may have"):
        _ = open_index(index.path).canaries
    with pytest.raises(BuildError, match="1 canaries take more than 100 bytes"):
        write_canaries(open_index(index.path), SOME)


@pytest.mark.parametrize(
    ("rows", "size", "message"),
    [(2, 10_000, "it holds 2 canaries"), (1, 1_000_000, "it unpacks to more than")],
)
def test_a_file_that_unpacks_to_more_than_it_should_is_not_read(
    index: Index, monkeypatch: pytest.MonkeyPatch, rows: int, size: int, message: str
) -> None:
    monkeypatch.setattr(canaries_file, "_MOST_BYTES", 100_000)
    path = next(index.path.glob("canaries-*"))
    old = pq.read_table(path)
    row = old.to_pylist()[0] | {"image": b"0" * size}
    pq.write_table(pa.Table.from_pylist([row] * rows, schema=old.schema), path, compression="zstd")
    manifest = read_manifest(index.path)
    assert manifest.canaries is not None
    entry = replace(manifest.canaries, file=describe_file(path))
    with pytest.raises(IndexCorrupt, match=message):
        read_canaries(index.path, replace(manifest, canaries=entry))


def test_another_file_in_its_place_is_an_error(index: Index) -> None:
    path = next(index.path.glob("canaries-*"))
    shutil.copyfile(index.path / "shards/000000/records.parquet", path)
    manifest = read_manifest(index.path)
    assert manifest.canaries is not None
    write_manifest(
        index.path, replace(manifest, canaries=replace(manifest.canaries, file=describe_file(path)))
    )
    with pytest.raises(IndexCorrupt, match="it holds other columns"):
        read_canaries(index.path, read_manifest(index.path))


PARTS = PartCanaries((PartCanary(2, 30, IMAGE), PartCanary(5, 12, IMAGE)), 4, 3)


def test_canaries_of_parts_come_back_beside_the_others(index: Index) -> None:
    write_canaries(index, replace(SOME, parts=PARTS))
    opened = open_index(index.path)
    assert opened.canaries == replace(SOME, parts=PARTS)
    assert opened.manifest.canaries is not None
    assert opened.manifest.canaries.rows == 1
    tried = replace(SOME, parts=PartCanaries((), 4, 0))
    write_canaries(index, tried)
    assert open_index(index.path).canaries == tried


@pytest.mark.parametrize(
    "wrong",
    [
        replace(PARTS, found=1),
        replace(PARTS, tried=2),
        PartCanaries((PartCanary(999, 30, IMAGE),), 4, 3),
        PartCanaries((PartCanary(2, 0, IMAGE),), 4, 3),
    ],
    ids=["fewer found than kept", "fewer tried than found", "no row", "no points"],
)
def test_canaries_of_parts_that_cannot_be_are_refused(index: Index, wrong: PartCanaries) -> None:
    write_canaries(index, replace(SOME, parts=wrong))
    with pytest.raises(IndexCorrupt, match="is damaged"):
        _ = open_index(index.path).canaries


def test_pictures_of_parts_go_when_an_index_is_compacted(index: Index) -> None:
    write_canaries(index, replace(SOME, parts=PARTS))
    remove_images(index.path, ids=["cat.jpg"])
    compact_index(index.path)
    (after,) = index.path.glob("canaries-*")
    assert b"PNG" not in after.read_bytes()
