"""What an interrupted calibration has measured so far, kept in the folder of the index.

A line of JSON a batch, appended when the batch is done: what was torn off at the end is measured again.
The file is named like an attachment that no manifest names, so that whoever changes the index deletes it.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from pytest_replication.errors import CalibrationError

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
        values: Any = json.loads(line, parse_constant=_refuse)
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

    Attributes:
        batches: those that an earlier run has done.
    """

    def __init__(self, folder: Path, job: str) -> None:
        digest = hashlib.sha256(job.encode("utf-8", "surrogatepass")).hexdigest()
        self._path = folder / f"calibration-{digest[:16]}.part"
        self.batches: list[Batch] = []
        self._end = 0

    def read(self) -> None:
        """Take up what an earlier run has done."""
        try:
            if self._path.stat().st_size > _MOST_BYTES:
                return
            lines = self._path.read_bytes().splitlines(keepends=True)
        except OSError:
            return
        for line in lines:
            try:
                if not line.endswith(b"\n"):
                    break
                self.batches.append(Batch.parse(line))
            except (ValueError, TypeError):
                break
            self._end += len(line)

    def add(self, batch: Batch) -> None:
        """Keep a batch.

        Raises:
            CalibrationError: the disk cannot be written.
        """
        self.batches.append(batch)
        try:
            if self._end and self._path.exists():  # another writer may have cleared it away
                with self._path.open("r+b") as file:
                    file.truncate(self._end)  # a line that was torn off
                    file.seek(self._end)
                    self._end += file.write(_line(batch))
            else:
                self._end = self._path.write_bytes(b"".join(map(_line, self.batches)))
        except OSError as error:
            raise CalibrationError(
                f"{self._path} cannot be written ({error.strerror or error}): what is measured could not be "
                "kept; free some space, or allow writing to the index"
            ) from error

    def drop(self) -> None:
        """Forget all of it."""
        self.batches.clear()
        self._end = 0
        self._path.unlink(missing_ok=True)


def _line(batch: Batch) -> bytes:
    return json.dumps(asdict(batch), allow_nan=False).encode() + b"\n"


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is no score")
