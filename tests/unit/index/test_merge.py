from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pytest_replication import BuildOptions, Index, build_index, open_index
from pytest_replication.durable import meant_for
from pytest_replication.errors import IndexCorrupt, IndexMismatch, SettingsError, SourceError
from pytest_replication.index.append import append_index
from pytest_replication.index.compact import compact_index
from pytest_replication.index.manifest_file import parse_manifest, read_manifest, write_manifest
from pytest_replication.index.merge import MergeReport, merge_indexes
from pytest_replication.index.removed import remove_images
from pytest_replication.index.shard import FILES
from pytest_replication.index.verify import verify_files
from pytest_replication.search import search

PIXELS = BuildOptions(embedder="pixels", shard_rows=5, batch_size=2)


@pytest.fixture
def parts(pictures: Path, unrelated: Path, tmp_path: Path) -> list[Path]:
    build_index(pictures, tmp_path / "a", PIXELS)
    build_index(unrelated, tmp_path / "b", replace(PIXELS, shard_rows=7))
    remove_images(tmp_path / "b", ids=[sorted(p.name for p in unrelated.iterdir())[2]])
    return [tmp_path / "a", tmp_path / "b"]


def merge(parts: list[Path], out: Path, *, overwrite: bool = False) -> Index:
    return open_index(merge_indexes(parts, out, overwrite=overwrite).index)


def test_the_merged_index_answers_as_its_parts(parts: list[Path], tmp_path: Path) -> None:
    merged = merge(parts, tmp_path / "ab")
    assert (merged.rows, merged.manifest.stored, merged.manifest.opted_out) == (22, 23, 1)
    assert merged.removed.tolist() == [14]
    assert [source.listed for source in merged.manifest.sources] == [12, 11]
    assert verify_files(merged.path).sound
    vectors = np.concatenate(
        [np.asarray(s.embeddings()[0]) for part in parts for s in open_index(part).shards]
    )
    found = search(merged, vectors, k=1)
    expected = [row for row in range(23) if row != 14]
    assert found.rows[expected, 0].tolist() == expected
    assert 14 not in found.rows


def test_what_it_tells(parts: list[Path], tmp_path: Path) -> None:
    assert merge_indexes(parts, tmp_path / "ab") == MergeReport(tmp_path / "ab", 2, 23, 22, 0, 1)


def test_it_grows_like_any_other(parts: list[Path], training: Path, tmp_path: Path) -> None:
    merge(parts, tmp_path / "ab")
    assert append_index(tmp_path / "ab", training).rows == 42


def test_a_merge_that_was_interrupted_goes_on(parts: list[Path], tmp_path: Path) -> None:
    whole = merge(parts, tmp_path / "ab").manifest
    half = Path(shutil.copytree(tmp_path / "ab", tmp_path / "half"))
    write_manifest(half, replace(whole, shards=whole.shards[:2], complete=False, removed=None, hidden=0))
    assert merge(parts, half).manifest.fingerprint == whole.fingerprint
    assert merge(parts, half).rows == 22  # and given again it is there


def test_given_again_it_takes_over_what_was_removed_since(parts: list[Path], tmp_path: Path) -> None:
    merged = tmp_path / "ab"
    merge(parts, merged)
    remove_images(merged, ids=["07.png"])
    before = read_manifest(merged)
    assert merge(parts, merged).rows == 21
    assert read_manifest(merged) == before  # nothing was removed from a part since
    remove_images(parts[0], ids=["05.png", "07.png"])
    last = open_index(parts[1]).records([10])[10]
    remove_images(parts[1], sha256=[str(last.sha256)])
    again = merge(parts, merged)
    assert again.removed.tolist() == [5, 7, 14, 22]
    assert (again.rows, again.manifest.opted_out) == (19, 4)
    assert verify_files(merged, progress=False).sound
    found = search(again, np.asarray(open_index(parts[0]).shards[1].embeddings()[0][:1]), k=1)
    assert found.scores[0, 0] < 0.999
    again = merge(parts, merged)
    assert again.removed.tolist() == [5, 7, 14, 22]


@pytest.mark.parametrize("compacted", [False, True])
def test_a_file_that_was_removed_from_one_part_does_not_come_back_with_another(
    pictures: Path, tmp_path: Path, compacted: bool
) -> None:
    copy = tmp_path / "copies" / "x.png"
    shutil.copytree(pictures, copy.parent)
    shutil.copy(copy.parent / "03.png", copy)
    shutil.copy(copy.parent / "05.png", pictures / "y.png")
    parts = [
        build_index(folder, tmp_path / folder.name[:1], PIXELS).index for folder in (pictures, copy.parent)
    ]
    remove_images(parts[0], ids=["03.png"])
    merged = tmp_path / "merged"
    assert merge(parts, merged).removed.tolist() == [3, 16, 25]
    assert merge(parts, merged).removed.tolist() == [3, 16, 25]
    remove_images(parts[0], ids=["05.png"])  # the other copy stays in its own part, which names it still
    if compacted:
        compact_index(parts[0])
        again = merge(parts, merged, overwrite=True)
        assert again.removed.tolist() == [14, 16, 23]
    else:
        assert merge(parts, merged).removed.tolist() == [3, 5, 16, 18, 25]
    assert verify_files(merged, progress=False).sound


def test_a_part_that_was_compacted_since_is_another_index(parts: list[Path], tmp_path: Path) -> None:
    merge(parts, tmp_path / "ab")
    compact_index(parts[1])
    with pytest.raises(SourceError, match="holds something else than these 2 indexes"):
        merge(parts, tmp_path / "ab")


def test_parts_made_in_different_ways(parts: list[Path], training: Path, tmp_path: Path) -> None:
    build_index(training, tmp_path / "half", replace(PIXELS, dtype="float16"))
    with pytest.raises(IndexMismatch, match="dtype '<f4' against '<f2'"):
        merge([parts[0], tmp_path / "half"], tmp_path / "out")
    changed = read_manifest(parts[1])
    write_manifest(parts[1], replace(changed, embedder=replace(changed.embedder, preprocessing="other")))
    with pytest.raises(IndexMismatch, match="preprocessing .* against 'other'"):
        merge(parts, tmp_path / "out")


def test_a_damaged_part_is_not_taken_in(parts: list[Path], tmp_path: Path) -> None:
    path = parts[1] / "shards" / "000001" / "embeddings.npy"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(IndexCorrupt, match="shard 000001 is not the one"):
        merge(parts, tmp_path / "ab")
    assert not read_manifest(tmp_path / "ab").complete


def test_a_damaged_probe_is_not_taken_in(parts: list[Path], tmp_path: Path) -> None:
    path = parts[0] / "probe.npz"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(IndexCorrupt, match=r"a.probe\.npz has changed since it was written"):
        merge(parts, tmp_path / "ab")
    assert not (tmp_path / "ab" / "manifest.json").exists()


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs the names of open files")
def test_what_a_manifest_names_is_on_disk_before_it(
    cells: str, pictures: Path, unrelated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each file was synchronised before the manifest that names it was."""
    with_tokens = replace(PIXELS, embedder=cells, tokens=True)
    parts = [
        build_index(folder, tmp_path / folder.name[:1], with_tokens).index for folder in (pictures, unrelated)
    ]
    real, synced, named = os.fsync, set(), []

    def fsync(handle: int) -> None:
        real(handle)
        path = Path(f"/proc/self/fd/{handle}").readlink()
        name = meant_for(path.name) or path.name
        synced.add(name if path.parent.parent.name != "shards" else f"{path.parent.name}/{name}")
        if name == "manifest.json":
            shards = parse_manifest(path.read_text(), path).shards
            files = {f".new-{shard.name}/{name}" for shard in shards for name in (*FILES, "tokens.npy")}
            named.append(({"probe.npz"} | files) - synced)

    monkeypatch.setattr(os, "fsync", fsync)
    merge(parts, tmp_path / "ab")
    assert len(named) > 6
    assert set().union(*named) == set()


def test_what_cannot_be_merged(parts: list[Path], training: Path, tmp_path: Path) -> None:
    for wrong, out in ((parts[:1], "x"), ([parts[0], parts[0]], "x"), (parts, "a")):
        with pytest.raises(SettingsError, match="two or more indexes, each once"):
            merge(wrong, tmp_path / out)
    build_index(training, tmp_path / "other", PIXELS)
    with pytest.raises(SourceError, match="holds something else.*--overwrite"):
        merge(parts, tmp_path / "other")
    assert merge(parts, tmp_path / "other", overwrite=True).rows == 22
