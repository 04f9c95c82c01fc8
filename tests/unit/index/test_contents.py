"""What is in the fingerprint is what is in the files, also where a manifest was sealed again."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from resealed import reseal

from pytest_replication import BuildOptions, build_index, open_index
from pytest_replication.cli import main
from pytest_replication.errors import IndexCorrupt
from pytest_replication.index.contents import shard_columns
from pytest_replication.index.entries import Pin
from pytest_replication.index.manifest_file import read_manifest
from pytest_replication.index.reader import Index
from pytest_replication.index.removed import read_removed, remove_images
from pytest_replication.index.verify import verify_files

RECORDS = Path("shards") / "000001" / "records.parquet"
OTHER = "about other images than the manifest says"


def rewrite(path: Path, change: Callable[[list[dict[str, Any]]], object]) -> None:
    table = pq.read_table(path)
    rows = table.to_pylist()
    change(rows)
    pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), path)


def swap_digests(rows: list[dict[str, Any]]) -> None:
    rows[0]["sha256"], rows[1]["sha256"] = rows[1]["sha256"], rows[0]["sha256"]


def pinned(path: Path) -> Index:
    index = open_index(path)
    index.pin(Pin("test", measured=False))
    return index


CHANGES: dict[str, Callable[[list[dict[str, Any]]], object]] = {
    "sha256": swap_digests,
    "caption": lambda rows: rows[2].update(caption="another"),
    "label": lambda rows: rows[2].update(label="another"),
}


@pytest.mark.parametrize("what", CHANGES)
def test_records_of_other_images_are_refused_under_the_same_fingerprint(what: str, damaged: Path) -> None:
    before = read_manifest(damaged).fingerprint
    rewrite(damaged / RECORDS, CHANGES[what])
    assert reseal(damaged).fingerprint == before
    assert open_index(damaged).records([9])  # nobody has asked for a fingerprint
    index = pinned(damaged)
    assert len(index.records([0, 1, 17])) == 3  # the other shards are whole
    for _ in range(2):  # it is not taken for sound when it is read again
        with pytest.raises(IndexCorrupt, match=OTHER):
            index.records([9])
    with pytest.raises(IndexCorrupt, match=OTHER):
        next(shard_columns(index.shards[1], ("label",)))
    assert OTHER in str(verify_files(damaged, progress=False).faults)


def test_places_of_images_may_change(damaged: Path) -> None:
    """They are in no fingerprint: a report shows them, and no verdict rests on them."""
    rewrite(damaged / RECORDS, lambda rows: rows[0].update(uri="/elsewhere/cat.jpg"))
    reseal(damaged)
    assert pinned(damaged).records([8])[8].uri == "/elsewhere/cat.jpg"
    assert verify_files(damaged, progress=False).sound


@pytest.mark.parametrize("change", [lambda rows: rows.pop(), lambda rows: rows.append(dict(rows[0]))])
def test_another_number_of_records_is_refused(
    change: Callable[[list[dict[str, Any]]], object], damaged: Path
) -> None:
    rewrite(damaged / RECORDS, change)
    reseal(damaged)
    with pytest.raises(IndexCorrupt, match=r"has (7|more) rows, expected 8"):
        pinned(damaged).records([8])
    assert "rows, expected 8" in str(verify_files(damaged, progress=False).faults)


def test_records_whose_file_is_not_the_one_that_was_written_are_refused(damaged: Path) -> None:
    content = (damaged / RECORDS).read_bytes()
    at = content.index(b".jpg")
    (damaged / RECORDS).write_bytes(content[:at] + b".JPG" + content[at + 4 :])
    with pytest.raises(IndexCorrupt, match="its checksum differs"):
        pinned(damaged).records([8])


@pytest.fixture
def masked(damaged: Path) -> Path:
    remove_images(damaged, ids=["cat.jpg"])
    return damaged


@pytest.mark.parametrize("column", ["row", "sha256"])
def test_another_image_masked_under_the_same_fingerprint_is_refused(column: str, masked: Path) -> None:
    manifest = read_manifest(masked)
    assert manifest.removed is not None
    other = {"row": (int(open_index(masked).removed[0]) + 1) % 20, "sha256": "0" * 64}
    rewrite(masked / manifest.removed.name, lambda rows: rows[0].update({column: other[column]}))
    changed = reseal(masked)
    assert changed.fingerprint == manifest.fingerprint
    with pytest.raises(IndexCorrupt, match="lists other images than the manifest says"):
        read_removed(masked, changed)
    assert "lists other images" in str(verify_files(masked, progress=False).faults)


def test_more_removed_images_than_are_named_are_refused(masked: Path) -> None:
    manifest = read_manifest(masked)
    assert manifest.removed is not None
    rewrite(masked / manifest.removed.name, lambda rows: rows.extend(rows * 9))
    with pytest.raises(IndexCorrupt, match="does not list 1 images"):
        read_removed(masked, reseal(masked))


def test_a_check_of_such_an_index_is_no_pass(
    masked: Path, unrelated: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = read_manifest(masked)
    assert manifest.removed is not None
    samples = tmp_path / "samples"
    samples.mkdir()
    shutil.copy(next(unrelated.iterdir()), samples)
    asked = ["check", str(masked), str(samples), "--threshold", "0.9"]
    assert main([*asked, "--index-fingerprint", manifest.fingerprint]) == 0
    rewrite(masked / manifest.removed.name, lambda rows: rows[0].update(row=int(rows[0]["row"]) ^ 1))
    reseal(masked)
    assert main([*asked, "--index-fingerprint", manifest.fingerprint]) == 3
    assert "lists other images" in capsys.readouterr().err


@pytest.fixture(scope="module")
def with_parts(training: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("cv2")
    path = tmp_path_factory.mktemp("parts") / "index"
    build_index(
        [training / "cat.jpg", training / "coins.jpg"], path, BuildOptions(embedder="pixels", objects="whole")
    )
    return path


@pytest.mark.parametrize(
    "value", [{"width": 40}, {"height": 4000}, {"thumbnail": b"noise"}, {"thumbnail": None}]
)
def test_what_parts_are_laid_on_is_in_the_fingerprint(
    value: dict[str, Any], with_parts: Path, tmp_path: Path
) -> None:
    """Shape and small picture of a training image decide which points of a part count."""
    index = tmp_path / "index"
    shutil.copytree(with_parts, index)
    assert pinned(index).records([0])
    before = read_manifest(index).fingerprint
    rewrite(index / "shards" / "000000" / "records.parquet", lambda rows: rows[0].update(value))
    assert reseal(index).fingerprint == before
    with pytest.raises(IndexCorrupt, match=OTHER):
        pinned(index).records([0])
    assert OTHER in str(verify_files(index, progress=False).faults)
