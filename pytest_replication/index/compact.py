"""Delete what was removed: shards are written anew without the masked rows."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pytest_replication.index.canaries_file import without_pictures
from pytest_replication.index.entries import ShardEntry
from pytest_replication.index.features import of_rows
from pytest_replication.index.layout import drop_derived
from pytest_replication.index.lock import engines_locked
from pytest_replication.index.manifest import Manifest
from pytest_replication.index.mapped_shard import Shard
from pytest_replication.index.reader import Index
from pytest_replication.index.removed import attach_removed, read_removed, removed_entries
from pytest_replication.index.shard import RECORDS, REJECTED, read_records, read_rejected
from pytest_replication.index.side_arrays import Beside
from pytest_replication.index.sound import require_sound
from pytest_replication.index.writer import IndexWriter


@dataclass(frozen=True, slots=True)
class CompactReport:
    """What `compact_index` did.

    Attributes:
        deleted: masked rows whose vectors and records are gone now.
        shards: shards that were written anew.
        rows: rows that are left.
    """

    deleted: int
    shards: int
    rows: int


def compact_index(index: str | os.PathLike[str]) -> CompactReport:
    """Write the shards that hold removed images anew, without their vectors and records.

    The old shards stay in force until all new ones are on disk; then one rename puts the new
    manifest in their place. What engines have made of the old shards is deleted too. What is kept of
    a removed image is the sha256 of its file, so that `append` knows it. The files of a shard are
    compared with their checksums before it is written anew, which gives it new ones.

    Raises:
        IndexUnavailable: there is no complete index, it is damaged, or another process writes it or
            builds an engine of it.
    """
    folder = Path(index)
    with IndexWriter(folder) as writer:
        manifest = writer.edit()
        removed = read_removed(folder, manifest).rows
        rewritten = 0
        if len(removed):
            with engines_locked(folder):
                rewritten = _rewrite(writer, folder, manifest, removed)
        return CompactReport(len(removed), rewritten, writer.manifest.rows)


def _rewrite(writer: IndexWriter, folder: Path, manifest: Manifest, removed: NDArray[np.int64]) -> int:
    """Put an index without some rows in force; returns how many shards were written anew."""
    shards: list[ShardEntry] = []
    rewritten = 0
    for shard in Index(folder, manifest, None, "auto").shards:
        low, high = np.searchsorted(removed, [shard.first, shard.first + shard.entry.rows])
        if low == high:
            shards.append(shard.entry)
            continue
        shards.append(_without(writer, shard, removed[low:high] - shard.first))
        rewritten += 1
    # Engines hold copies of the vectors. They go first: after a kill this is done again.
    drop_derived(folder, keep={shard.name for shard in shards})
    writer.commit(_compacted(writer, folder, manifest, shards))
    return rewritten


def _without(writer: IndexWriter, shard: Shard, removed: np.ndarray) -> ShardEntry:
    require_sound(shard.folder, shard.entry)
    kept = np.setdiff1d(np.arange(shard.entry.rows), removed)
    records = read_records(shard.folder / RECORDS, kept.tolist())
    rejected = list(read_rejected(shard.folder / REJECTED)) if shard.entry.rejected else []
    vectors = np.ascontiguousarray(shard.embeddings()[0][kept])
    rows = [records[row] for row in kept.tolist()]
    return writer.rewrite_shard(shard.entry, vectors, rows, rejected, _beside(shard, kept))


def _beside(shard: Shard, kept: NDArray[np.int64]) -> Beside:
    """What is left of what is stored beside the vectors."""
    objects = shard.objects is not None
    return Beside(
        tokens=None if shard.token_shape is None else _kept_tokens(shard, kept),
        pixels=None if shard.side is None else np.ascontiguousarray(shard.pixels()[0][kept]),
        parts=np.ascontiguousarray(shard.parts()[0][kept]) if objects else None,
        features=of_rows(shard.features()[0], kept) if objects else None,
    )


def _kept_tokens(shard: Shard, kept: NDArray[np.int64]) -> NDArray[np.float16]:
    stored = shard.tokens()
    by_row = stored.reshape(*shard.shape[:2], *stored.shape[1:])
    return np.ascontiguousarray(by_row[kept]).reshape(-1, *stored.shape[1:])


def _compacted(writer: IndexWriter, folder: Path, manifest: Manifest, shards: list[ShardEntry]) -> Manifest:
    entries = [replace(entry, row=None) for entry in removed_entries(folder, manifest)]
    return replace(
        manifest,
        shards=tuple(shards),
        removed=attach_removed(writer, entries),
        hidden=0,
        duplicates=None,
        canaries=without_pictures(writer, manifest),
    )
