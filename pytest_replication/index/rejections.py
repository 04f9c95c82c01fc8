"""The images that could not be read: how many, why, and some of them by name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from pytest_replication.index.manifest import ShardEntry
from pytest_replication.index.shard import REJECTED, Rejected, read_rejected

NAMED = 20
"""Images that a message names."""


@dataclass(frozen=True, slots=True)
class Rejections:
    """Images that could not be read.

    Attributes:
        count: how many.
        reasons: how many for each reason, the most frequent first.
        first: some of them, in the order of listing.
    """

    count: int
    reasons: Mapping[str, int]
    first: tuple[Rejected, ...]

    def data(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "count": self.count,
            "reasons": dict(self.reasons),
            "first": [{"id": row.id, "uri": row.uri, "reason": row.reason} for row in self.first],
        }

    def lines(self) -> list[str]:
        """Say it for people: the images when they are few, else the reasons and some images."""
        lines = []
        if self.count > len(self.first):
            lines += [f"{count} x {reason}" for reason, count in islice(self.reasons.items(), NAMED)]
        lines += [f"{row.uri}: {row.reason}" for row in self.first]
        if self.count > len(self.first):
            lines.append(f"and {self.count - len(self.first)} more, in shards/*/{REJECTED}")
        return lines


def count_rejections(shards: Path, entries: tuple[ShardEntry, ...]) -> Rejections:
    """Count the rejected images of shards, one shard in memory at a time.

    Raises:
        IndexCorrupt: a file of them cannot be read.
    """
    reasons: Counter[str] = Counter()
    first: list[Rejected] = []
    for row in _each(shards, entries):
        reasons[row.reason] += 1
        if len(first) < NAMED:
            first.append(row)
    return Rejections(reasons.total(), dict(reasons.most_common()), tuple(first))


def _each(shards: Path, entries: tuple[ShardEntry, ...]) -> Iterator[Rejected]:
    for entry in entries:
        if entry.rejected:
            yield from read_rejected(shards / entry.name / REJECTED)
