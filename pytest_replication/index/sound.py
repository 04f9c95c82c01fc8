"""Whether the files of a shard are the ones that were written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pytest_replication.errors import IndexCorrupt, IndexUnavailable
from pytest_replication.index.entries import ShardEntry
from pytest_replication.index.shard import FILES, RECORDS, describe_file, read_columns

RESTORE = "restore it, or build the index again with --overwrite"


def is_sound(folder: Path, entry: ShardEntry) -> bool:
    """Whether every file of a shard is the one that its manifest describes.

    Args:
        folder: of the shard.
        entry: what the manifest says of it.

    Raises:
        IndexUnavailable: a file is there and cannot be read, which says nothing about its content.
    """
    return _fault(folder, entry, _files(entry)) is None


def require_sound(
    folder: Path, entry: ShardEntry, names: Sequence[str] | None = None, remedy: str = RESTORE
) -> None:
    """Refuse files of a shard that are not the ones that its manifest describes.

    Args:
        folder: of the shard.
        entry: what the manifest says of it.
        names: of the files, None for all.
        remedy: what mends it, for the message.

    Raises:
        IndexCorrupt: one is missing or has changed.
        IndexUnavailable: one cannot be read.
    """
    if fault := _fault(folder, entry, _files(entry) if names is None else names):
        raise IndexCorrupt(f"{fault}: {remedy}")


def read_sound_columns(
    folder: Path, entry: ShardEntry, name: str, columns: Sequence[str]
) -> Iterator[tuple[Any, ...]]:
    """Read columns of the records or rejected images of a shard, after its file was compared.

    Args:
        folder: of the shard.
        entry: what the manifest says of it.
        name: of the file, ``records.parquet`` or ``rejected.parquet``.
        columns: names of the columns.

    Raises:
        IndexCorrupt: the file is missing or has changed, or has another number of rows.
        IndexUnavailable: it cannot be read.
    """
    require_sound(folder, entry, (name,))
    count, expected = 0, entry.rows if name == RECORDS else entry.rejected
    for values in read_columns(folder / name, columns):
        count += 1
        yield values
    if count != expected:
        raise IndexCorrupt(f"{folder / name} has {count} rows, expected {expected}: {RESTORE}")


def _files(entry: ShardEntry) -> tuple[str, ...]:
    """The files that every shard has, and those that this one has besides, such as its tokens."""
    return (*FILES, *(name for name in entry.files if name not in FILES))


def _fault(folder: Path, entry: ShardEntry, names: Sequence[str]) -> str | None:
    for name in names:
        path = folder / name
        try:
            found = describe_file(path)
        except FileNotFoundError:
            return f"{path} is missing"
        except OSError as error:
            raise IndexUnavailable(
                f"{path} cannot be read ({error.strerror or error}): nothing was changed; give the command "
                "again when it can be"
            ) from error
        if found != entry.files.get(name):
            return f"{path} has changed since it was written (its checksum differs)"
    return None
