"""The images that could not be read: how many, why, and some of them by name."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from pytest_replication.escape import one_line
from pytest_replication.index.entries import ShardEntry
from pytest_replication.index.shard import REJECTED, Rejected, read_rejected

_NUMBER = re.compile(r"\d[\d,]*")
NAMED = 20
"""Images that a message names."""


@dataclass(frozen=True, slots=True)
class Rejections:
    """Images that could not be read.

    Attributes:
        count: how many.
        reasons: how many for each reason, the most frequent first; reasons that differ only in their
            numbers are one, with N for these.
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
            lines += [f"and {len(self.reasons) - NAMED} more reasons"] * (len(self.reasons) > NAMED)
        lines += [f"{row.uri}: {row.reason}" for row in self.first]
        if self.count > len(self.first):
            lines.append(f"and {self.count - len(self.first)} more ('info INDEX --rejected' lists all)")
        return list(map(one_line, lines))


def count_rejections(shards: Path, entries: tuple[ShardEntry, ...]) -> Rejections:
    """Count the rejected images of shards, one shard in memory at a time.

    Raises:
        IndexCorrupt: a file of them cannot be read.
    """
    kinds: Counter[str] = Counter()
    shown: dict[str, str] = {}
    first: list[Rejected] = []
    for row in each_rejected(shards, entries):
        kind = _NUMBER.sub("N", row.reason)
        kinds[kind] += 1
        if shown.setdefault(kind, row.reason) != row.reason:
            shown[kind] = kind
        if len(first) < NAMED:
            first.append(row)
    reasons = {shown[kind]: count for kind, count in kinds.most_common()}
    return Rejections(kinds.total(), reasons, tuple(first))


def each_rejected(shards: Path, entries: tuple[ShardEntry, ...]) -> Iterator[Rejected]:
    """Read the rejected images of shards, one shard in memory at a time.

    Raises:
        IndexCorrupt: a file of them cannot be read.
    """
    for entry in entries:
        if entry.rejected:
            yield from read_rejected(shards / entry.name / REJECTED)
