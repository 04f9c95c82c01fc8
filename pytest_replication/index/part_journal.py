"""What an interrupted calibration has measured of parts so far: a line an image (`index.kept_lines`)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from pytest_replication.index.kept_lines import KeptLines

_MOST_BYTES = 1 << 28


@dataclass(frozen=True, slots=True)
class MeasuredPart:
    """An image of the null and the training image that a part of it comes nearest to.

    Attributes:
        key: what it is known by: sha256 of its file, or its row.
        uri: where it lies.
        points: most points that it has with a training image.
        training_id: names that; empty where none has a point.
        training_uri: where that lies; empty without.
    """

    key: str
    uri: str
    points: int
    training_id: str = ""
    training_uri: str = ""

    @classmethod
    def parse(cls, line: bytes) -> Self:
        """Read a line.

        Raises:
            ValueError: it is torn, or none.
            TypeError: it has other keys.
        """
        values: Any = json.loads(line)
        if not isinstance(values, dict):
            raise ValueError("no object")
        found = cls(**values)
        texts = (found.key, found.uri, found.training_id, found.training_uri)
        if type(found.points) is not int or found.points < 0 or not all(type(text) is str for text in texts):
            raise ValueError("no points of an image")
        return found


class PartJournal:
    """The images that are done, and where the next ones go.

    Args:
        folder: of the index.
        job: what is measured; another job has another file.

    Attributes:
        done: those that an earlier run, or this one, has measured, by key.
    """

    def __init__(self, folder: Path, job: str) -> None:
        self._lines = KeptLines(folder, f"parts\0{job}", MeasuredPart.parse, _MOST_BYTES)
        self.done: dict[str, MeasuredPart] = {}

    def read(self) -> None:
        """Take up what an earlier run has done."""
        self._lines.read()
        self.done = {one.key: one for one in self._lines.kept}

    def add(self, found: Sequence[MeasuredPart]) -> None:
        """Keep a batch.

        Raises:
            CalibrationError: the disk cannot be written.
        """
        self.done |= {one.key: one for one in found}
        self._lines.add(found)

    def drop(self) -> None:
        """Forget all of it."""
        self.done.clear()
        self._lines.drop()
