"""How large the training images of an index are, from a few of its shards."""

from __future__ import annotations

from pathlib import Path
from statistics import median_low

from pytest_replication.index.layout import SHARDS
from pytest_replication.index.manifest import Manifest
from pytest_replication.index.shard import RECORDS, read_columns

_MOST = 8
"""Shards that are looked at: an index of millions has thousands."""


def usual_side(folder: Path, manifest: Manifest) -> int | None:
    """Median of the shorter sides of training images, in pixels; None where none is known (imports).

    Args:
        folder: of the index.
        manifest: its own; of its shards no more than 8 are read, spread over all.

    Raises:
        IndexCorrupt: a file of records cannot be read.
    """
    shards = [shard for shard in manifest.shards if shard.rows]
    step = max(1, -(-len(shards) // _MOST))
    sides = [
        min(width, height)
        for shard in shards[::step]
        for width, height in read_columns(folder / SHARDS / shard.name / RECORDS, ("width", "height"))
        if width is not None and height is not None
    ]
    return median_low(sides) if sides else None
