from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pytest_replication.errors import IndexCorrupt, IndexUnavailable
from pytest_replication.index.entries import ShardEntry
from pytest_replication.index.manifest_file import read_manifest
from pytest_replication.index.shard import FILES, RECORDS, REJECTED
from pytest_replication.index.sound import is_sound, read_sound_columns, require_sound


def first(index: Path) -> tuple[Path, ShardEntry]:
    entry = read_manifest(index).shards[0]
    return index / "shards" / entry.name, entry


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("damage", ["missing", "changed", "not named"])
def test_each_file_counts(damaged: Path, name: str, damage: str) -> None:
    folder, entry = first(damaged)
    assert is_sound(folder, entry)
    require_sound(folder, entry)
    if damage == "missing":
        (folder / name).unlink()
    elif damage == "changed":
        flip(folder / name)
    else:
        entry = replace(entry, files={key: value for key, value in entry.files.items() if key != name})
    assert not is_sound(folder, entry)
    said = rf"{name} (is missing|has changed since .*checksum differs.): restore it, or build .*--overwrite"
    with pytest.raises(IndexCorrupt, match=said):
        require_sound(folder, entry)


def test_a_file_that_cannot_be_read_now_is_not_damaged(
    damaged: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(path: Path) -> None:
        raise OSError(24, "Too many open files")

    folder, entry = first(damaged)
    monkeypatch.setattr("pytest_replication.index.sound.describe_file", busy)
    with pytest.raises(IndexUnavailable, match="cannot be read .Too many open files.: nothing was") as caught:
        is_sound(folder, entry)
    assert not isinstance(caught.value, IndexCorrupt)


def test_columns_are_read_from_a_sound_file_only(damaged: Path) -> None:
    folder, entry = first(damaged)
    flip(folder / "embeddings.npy")  # another file
    assert len(list(read_sound_columns(folder, entry, RECORDS, ("id",)))) == entry.rows == 8
    assert list(read_sound_columns(folder, entry, REJECTED, ("id",))) == []
    with pytest.raises(IndexCorrupt, match=r"records\.parquet has 8 rows, expected 7: restore it"):
        list(read_sound_columns(folder, replace(entry, rows=7), RECORDS, ("id",)))
    flip(folder / RECORDS)
    with pytest.raises(IndexCorrupt, match=r"records\.parquet has changed"):
        next(read_sound_columns(folder, entry, RECORDS, ("id",)))
