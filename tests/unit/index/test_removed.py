from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pytest_replication import BuildOptions, Index, build_index, check_replication, open_index
from pytest_replication.errors import BuildError, IndexCorrupt, IndexIncomplete, IndexNotFound, SettingsError
from pytest_replication.index.compact import compact_index
from pytest_replication.index.manifest_file import read_manifest, write_manifest
from pytest_replication.index.removed import remove_images
from pytest_replication.index.verify import verify_files
from pytest_replication.search import search
from pytest_replication.search.codes import write_codes

PIXELS = BuildOptions(embedder="pixels", shard_rows=5, batch_size=2)


@pytest.fixture
def index(pictures: Path, tmp_path: Path) -> Path:
    build_index(pictures, tmp_path / "index", PIXELS)
    return tmp_path / "index"


def stored(index: Path) -> np.ndarray:
    return np.concatenate([np.asarray(shard.embeddings()[0]) for shard in open_index(index).shards])


def test_a_removed_image_is_masked_in_every_search(index: Path) -> None:
    vectors = stored(index)
    assert remove_images(index, ids=["03.png"]).rows == 11
    opened = open_index(index)
    found = search(opened, vectors, k=12)
    assert found.searched == opened.rows == 11
    assert 3 not in found.rows
    assert found.scores[3, 0] < 0.999
    others = [row for row in range(12) if row != 3]
    assert found.rows[others, 0].tolist() == others


def test_by_the_digest_of_the_file_in_any_case_of_letters(index: Path, pictures: Path) -> None:
    digest = hashlib.sha256((pictures / "05.png").read_bytes()).hexdigest()
    assert remove_images(index, sha256=[digest.upper()]).removed == 1
    assert open_index(index).removed.tolist() == [5]


def test_removing_twice_is_told(index: Path) -> None:
    remove_images(index, ids=["03.png"])
    report = remove_images(index, ids=["03.png", "04.png"])
    assert (report.removed, report.already, report.rows) == (1, 1, 10)


def test_what_is_not_there_removes_nothing(index: Path) -> None:
    with pytest.raises(
        SettingsError, match=r"no training image of id nobody\.png \(1 of 2 .*nothing was removed"
    ):
        remove_images(index, ids=["03.png", "nobody.png"])
    with pytest.raises(SettingsError, match="nothing is named"):
        remove_images(index)
    assert open_index(index).rows == 12


def test_another_image_is_never_masked_in_the_place_of_the_named_one(index: Path) -> None:
    digest = open_index(index).records([0])[0].sha256
    assert digest is not None
    files = [index / "shards" / name / "records.parquet" for name in ("000000", "000001")]
    first, second = (path.read_bytes() for path in files)
    for path, content in zip(files, (second, first), strict=True):
        path.write_bytes(content)
    before = read_manifest(index)
    for named in ({"ids": ["03.png"]}, {"sha256": [digest]}):
        with pytest.raises(
            IndexCorrupt, match=r"records\.parquet has (changed since it was written|\d+ bytes, expected)"
        ):
            remove_images(index, **named)
    assert read_manifest(index) == before


def test_the_last_image_stays(index: Path) -> None:
    with pytest.raises(SettingsError, match="no image would be left"):
        remove_images(index, ids=[f"{i:02d}.png" for i in range(12)])


def test_every_verdict_says_so(index: Path, unrelated: Path) -> None:
    from pytest_replication.reports.data import verdict_data
    from pytest_replication.reports.text import render

    remove_images(index, ids=["03.png"])
    verdict = check_replication(unrelated, 0.9, index=index)
    assert "1 training image was removed from the index" in render(verdict)
    assert verdict_data(verdict)["index"]["removed"] == 1


@pytest.mark.parametrize("damage", ["gone", "changed", "counts"])
def test_a_damaged_list_is_no_open_index(index: Path, damage: str) -> None:
    vectors = stored(index)
    remove_images(index, ids=["03.png"])
    manifest = read_manifest(index)
    assert manifest.removed is not None
    path = index / manifest.removed.name
    if damage == "gone":
        path.unlink()
    elif damage == "changed":
        content = bytearray(path.read_bytes())
        content[20] ^= 1
        path.write_bytes(content)
    else:
        write_manifest(index, replace(manifest, hidden=0))
    with pytest.raises(IndexCorrupt, match="removed-"):
        search(open_index(index), vectors)
    if damage != "counts":
        assert not verify_files(index).sound


def test_compact_deletes_vectors_and_records(index: Path) -> None:
    vectors = stored(index)
    remove_images(index, ids=["03.png", "04.png", "11.png"])
    before = search(open_index(index), vectors, k=12)
    report = compact_index(index)
    assert (report.deleted, report.shards, report.rows) == (3, 2, 9)
    opened = open_index(index)
    after = search(opened, vectors, k=12)
    assert np.array_equal(before.scores, after.scores)
    names = [record.id for record in opened.records(range(9)).values()]
    assert sorted(names) == [f"{i:02d}.png" for i in range(12) if i not in (3, 4, 11)]
    assert (opened.manifest.opted_out, opened.manifest.hidden, opened.manifest.listed) == (3, 0, 12)
    assert len(list((index / "shards").iterdir())) == 3
    assert len(list(index.glob("removed-*"))) == 1
    assert verify_files(index).sound
    assert compact_index(index).shards == 0


def test_compact_deletes_what_engines_have_made_of_removed_images(index: Path) -> None:
    write_codes(open_index(index), progress=False)
    approximate = index / "engines" / "toy"
    approximate.mkdir()
    (approximate / "engine.json").write_text("{}")
    (approximate / "vectors.npy").write_bytes(b"all vectors, also those that were removed")
    (index / "engines" / ".lock").touch()
    remove_images(index, ids=["03.png"])
    (touched,) = (s.entry.name for s in open_index(index).shards if s.first <= 3 < s.first + s.entry.rows)
    compact_index(index)
    assert not approximate.exists()
    left = {path.name for path in (index / "engines" / "int8").iterdir()}
    assert left == {"000000", "000001", "000002"} - {touched}
    assert write_codes(open_index(index), progress=False) == 1


@pytest.mark.parametrize("name", ["embeddings.npy", "records.parquet", "rejected.parquet"])
def test_compact_gives_no_new_checksum_to_a_damaged_file(index: Path, name: str) -> None:
    remove_images(index, ids=["03.png"])
    path = index / "shards" / "000000" / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    before = read_manifest(index)
    with pytest.raises(IndexCorrupt, match=f"000000.{name} has changed since it was written"):
        compact_index(index)
    assert read_manifest(index) == before
    assert not verify_files(index, progress=False).sound


def test_compact_writes_no_vector_that_no_build_would(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    remove_images(index, ids=["03.png"])
    monkeypatch.setattr(
        "pytest_replication.index.mapped_shard.map_embeddings",
        lambda path, shape, dtype: (np.zeros(shape), 0),
    )
    with pytest.raises(BuildError, match="not of unit length"):
        compact_index(index)


def test_compact_of_halves(pictures: Path, tmp_path: Path) -> None:
    build_index(pictures, tmp_path / "half", replace(PIXELS, dtype="float16"))
    remove_images(tmp_path / "half", ids=["03.png"])
    before = stored(tmp_path / "half")
    assert compact_index(tmp_path / "half").deleted == 1
    assert np.array_equal(stored(tmp_path / "half"), np.delete(before, 3, axis=0))


def test_compact_leaves_engines_where_nothing_was_removed(index: Path) -> None:
    (index / "engines" / "toy").mkdir(parents=True)
    (index / "engines" / "toy" / "engine.json").write_text("{}")
    compact_index(index)
    assert (index / "engines" / "toy" / "engine.json").exists()


def test_a_build_of_the_same_set_finds_its_index_compacted(index: Path, pictures: Path) -> None:
    remove_images(index, ids=["03.png"])
    compact_index(index)
    assert build_index(pictures, index, PIXELS).rows == 11


def test_without_an_index_or_with_half_of_one(tmp_path: Path, index: Path) -> None:
    with pytest.raises(IndexNotFound):
        compact_index(tmp_path / "none")
    write_manifest(index, replace(read_manifest(index), complete=False))
    for change in (lambda: remove_images(index, ids=["03.png"]), lambda: compact_index(index)):
        with pytest.raises(IndexIncomplete, match="has not finished"):
            change()


def test_copies_of_a_file_that_stay_are_counted(pictures: Path, tmp_path: Path) -> None:
    for name in ("copy.png", "copy2.png", "copy3.png"):
        shutil.copy(pictures / "03.png", pictures / name)
    build_index(pictures, tmp_path / "index", PIXELS)
    assert remove_images(tmp_path / "index", ids=["03.png"]).copies == 3
    report = remove_images(tmp_path / "index", ids=["03.png", "copy.png", "04.png"])
    assert (report.removed, report.already, report.copies) == (2, 1, 2)
    digest = hashlib.sha256((pictures / "03.png").read_bytes()).hexdigest()
    report = remove_images(tmp_path / "index", ids=["05.png"], sha256=[digest])
    assert (report.removed, report.already, report.copies) == (3, 2, 0)


def test_imported_vectors_have_no_digest(made_up_index: Callable[..., Index], tmp_path: Path) -> None:
    vectors = np.eye(4, dtype=np.float32)[:, None]
    made_up_index(tmp_path / "index", vectors, sha256=None)
    with pytest.raises(SettingsError, match=r"4 have no sha256 \(their vectors were imported\): .*--id"):
        remove_images(tmp_path / "index", sha256=["0" * 64])
