"""What a manifest says of the images of a shard, held against the file that names them.

The fingerprint of an index takes `ShardEntry.content` in the place of the file, which holds names and places.
So whoever reads the file has to find that content in it, or a pinned fingerprint would not be about it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from pytest_replication.errors import IndexCorrupt
from pytest_replication.index.checksums import check_file, once
from pytest_replication.index.mapped_shard import Shard
from pytest_replication.index.shard import (
    RECORDS,
    content_columns,
    content_of_rows,
    describe_file,
    read_columns,
)
from pytest_replication.index.sound import RESTORE


def shard_columns(shard: Shard, names: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    """Read columns of the records of a shard, whose content is compared first.

    Raises:
        IndexCorrupt: the file cannot be read, or is about other images than the manifest.
    """
    check_records(shard)
    return read_columns(shard.folder / RECORDS, names)


def check_records(shard: Shard) -> None:
    """Compare the records of a shard with its manifest, once a file and process.

    Raises:
        IndexCorrupt: the file is missing or not the one that was written, or is about other images.
    """

    def check() -> None:
        if fault := content_fault(shard):
            raise IndexCorrupt(f"{fault}: {RESTORE}")

    path = shard.folder / RECORDS
    check_file(path, shard.checksum_of(RECORDS))
    once(path, shard.entry.content or shard.entry.files[RECORDS].sha256, check)


def content_fault(shard: Shard) -> str:
    """What sets the images of a shard apart from those of the manifest; empty for nothing.

    Without a content of its own, as older manifests are, the file is what the fingerprint is about.

    Raises:
        IndexCorrupt: the file cannot be read.
    """
    path, entry = shard.folder / RECORDS, shard.entry
    if not entry.content:
        same = describe_file(path).sha256 == entry.files[RECORDS].sha256
        return "" if same else f"{path} has changed since it was written (its checksum differs)"
    rows = 0

    def counted() -> Iterator[Any]:
        nonlocal rows
        for values in read_columns(path, content_columns(shard.objects is not None)):
            rows += 1
            if rows > entry.rows:
                return
            yield values

    found = content_of_rows(counted())
    if rows != entry.rows:
        return f"{path} has {'more' if rows > entry.rows else rows} rows, expected {entry.rows}"
    return "" if found == entry.content else f"{path} is about other images than the manifest says"
