from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pytest_replication import BuildOptions, build_index, open_index
from pytest_replication.errors import IndexCorrupt, IndexMismatch, SettingsError, SourceError
from pytest_replication.index.append import append_index
from pytest_replication.index.manifest import read_manifest, write_manifest
from pytest_replication.index.merge import merge_indexes
from pytest_replication.index.removed import remove_images
from pytest_replication.index.verify import verify_index
from pytest_replication.search import search

PIXELS = BuildOptions(embedder="pixels", shard_rows=5, batch_size=2)


@pytest.fixture
def parts(pictures: Path, unrelated: Path, tmp_path: Path) -> list[Path]:
    build_index(pictures, tmp_path / "a", PIXELS)
    build_index(unrelated, tmp_path / "b", replace(PIXELS, shard_rows=7))
    remove_images(tmp_path / "b", ids=[sorted(p.name for p in unrelated.iterdir())[2]])
    return [tmp_path / "a", tmp_path / "b"]


def test_the_merged_index_answers_as_its_parts(parts: list[Path], tmp_path: Path) -> None:
    merged = merge_indexes(parts, tmp_path / "ab")
    assert (merged.rows, merged.manifest.stored, merged.manifest.opted_out) == (22, 23, 1)
    assert merged.removed.tolist() == [14]
    assert [source.listed for source in merged.manifest.sources] == [12, 11]
    assert verify_index(merged.path).sound
    vectors = np.concatenate(
        [np.asarray(s.embeddings()[0]) for part in parts for s in open_index(part).shards]
    )
    found = search(merged, vectors, k=1)
    expected = [row for row in range(23) if row != 14]
    assert found.rows[expected, 0].tolist() == expected
    assert 14 not in found.rows


def test_it_grows_like_any_other(parts: list[Path], training: Path, tmp_path: Path) -> None:
    merge_indexes(parts, tmp_path / "ab")
    assert append_index(tmp_path / "ab", training).rows == 42


def test_a_merge_that_was_interrupted_goes_on(parts: list[Path], tmp_path: Path) -> None:
    whole = merge_indexes(parts, tmp_path / "ab").manifest
    half = Path(shutil.copytree(tmp_path / "ab", tmp_path / "half"))
    write_manifest(half, replace(whole, shards=whole.shards[:2], complete=False, removed=None, hidden=0))
    assert merge_indexes(parts, half).manifest.fingerprint == whole.fingerprint
    assert merge_indexes(parts, half).rows == 22  # and given again it is there


def test_parts_made_in_different_ways(parts: list[Path], training: Path, tmp_path: Path) -> None:
    build_index(training, tmp_path / "half", replace(PIXELS, dtype="float16"))
    with pytest.raises(IndexMismatch, match="dtype '<f4' against '<f2'"):
        merge_indexes([parts[0], tmp_path / "half"], tmp_path / "out")
    changed = read_manifest(parts[1])
    write_manifest(parts[1], replace(changed, embedder=replace(changed.embedder, preprocessing="other")))
    with pytest.raises(IndexMismatch, match="preprocessing .* against 'other'"):
        merge_indexes(parts, tmp_path / "out")


def test_a_damaged_part_is_not_taken_in(parts: list[Path], tmp_path: Path) -> None:
    path = parts[1] / "shards" / "000001" / "embeddings.npy"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(IndexCorrupt, match="shard 000001 is not the one"):
        merge_indexes(parts, tmp_path / "ab")
    assert not read_manifest(tmp_path / "ab").complete


def test_what_cannot_be_merged(parts: list[Path], training: Path, tmp_path: Path) -> None:
    for wrong, out in ((parts[:1], "x"), ([parts[0], parts[0]], "x"), (parts, "a")):
        with pytest.raises(SettingsError, match="two or more indexes, each once"):
            merge_indexes(wrong, tmp_path / out)
    build_index(training, tmp_path / "other", PIXELS)
    with pytest.raises(SourceError, match="holds something else.*--overwrite"):
        merge_indexes(parts, tmp_path / "other")
    assert merge_indexes(parts, tmp_path / "other", overwrite=True).rows == 22
