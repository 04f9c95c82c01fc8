"""A manifest, made up."""

from __future__ import annotations

from pytest_replication.embedders import EmbedderSpec
from pytest_replication.images.views import WHOLE, View
from pytest_replication.index.entries import FileEntry, ShardEntry, SourceEntry
from pytest_replication.index.manifest import Manifest

ENTRY = FileEntry(10, "ab" * 32, "cd" * 8)

MANIFEST = Manifest(
    embedder=EmbedderSpec("toy", 3, None, "none", "toy", "p"),
    decoder="pillow",
    views=(*WHOLE, View("corner", (0.0, 0.0, 0.5, 0.5))),
    dtype="<f4",
    shard_rows=4,
    created="2026-01-01T00:00:00+00:00",
    writer="0",
    probe=ENTRY,
    sources=(SourceEntry("folder x", 5, 1, "2026-01-01T00:00:00+00:00"),),
    complete=True,
    shards=(ShardEntry("000000", 4, 0, "l", {"a": ENTRY}), ShardEntry("000001", 0, 1, "l", {"a": ENTRY})),
)
