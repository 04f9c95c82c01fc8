"""What an interrupted calibration has measured of whole images: a line a batch (`index.kept_lines`)."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from pytest_replication.index.kept_lines import KeptLines
from pytest_replication.strict_json import no_constant

_MOST_BYTES = 1 << 30


@dataclass(slots=True)
class Batch:
    """What was measured of some images of a hold-out.

    Attributes:
        listing: digest of their ids and versions.
        listed: how many there are.
        rejected: those that could not be read: place and reason of some.
        unreadable: how many could not be read.
        scores: highest score of each of the others.
        rows: row of the training image that it is with.
        keys: first 16 hex digits of the sha256 of each.
        nearest: the closest of them: uri, row and score.
    """

    listing: str
    listed: int
    unreadable: int
    rejected: list[tuple[str, str]]
    scores: list[float]
    rows: list[int]
    keys: list[str]
    nearest: list[tuple[str, int, float]] = field(default_factory=list)

    @classmethod
    def parse(cls, line: bytes) -> Self:
        """Read a line.

        Raises:
            ValueError: it is torn, or none.
        """
        values: Any = json.loads(line, parse_constant=no_constant)
        if not isinstance(values, dict):
            raise ValueError("no object")
        found = cls(**values)
        found.rejected = [(str(uri), str(reason)) for uri, reason in found.rejected]
        found.nearest = [(str(uri), int(row), float(score)) for uri, row, score in found.nearest]
        counts = {len(found.scores), len(found.rows), len(found.keys)}
        if counts != {found.listed - found.unreadable} or not all(-1 <= score <= 1 for score in found.scores):
            raise ValueError("counts that do not add up")
        return found


class Journal:
    """The batches that are done, and where the next ones go.

    Args:
        folder: of the index.
        job: what is measured; another job has another file.
    """

    def __init__(self, folder: Path, job: str) -> None:
        self._lines = KeptLines(folder, job, Batch.parse, _MOST_BYTES)

    @property
    def batches(self) -> list[Batch]:
        """Those that an earlier run, or this one, has done."""
        return self._lines.kept

    def read(self) -> None:
        """Take up what an earlier run has done."""
        self._lines.read()

    def add(self, batch: Batch) -> None:
        """Keep a batch.

        Raises:
            CalibrationError: the disk cannot be written.
        """
        self._lines.add([batch])

    def drop(self) -> None:
        """Forget all of it."""
        self._lines.drop()
