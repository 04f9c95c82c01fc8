"""What an interrupted calibration has measured of parts so far, kept in the folder of the index.

A line of JSON an image, appended when its batch is done: what was torn off at the end is measured again. The
file is named like that of `index.journal`, so that whoever changes the index deletes it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from pytest_replication.errors import CalibrationError

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
        digest = hashlib.sha256(f"parts\0{job}".encode("utf-8", "surrogatepass")).hexdigest()
        self._path = folder / f"calibration-{digest[:16]}.part"
        self.done: dict[str, MeasuredPart] = {}
        self._sound = False

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
                found = MeasuredPart.parse(line)
            except (ValueError, TypeError):
                break
            self.done[found.key] = found

    def add(self, found: Sequence[MeasuredPart]) -> None:
        """Keep a batch.

        Raises:
            CalibrationError: the disk cannot be written.
        """
        self.done |= {one.key: one for one in found}
        try:
            if self._sound and self._path.exists():  # another writer may have cleared it away
                with self._path.open("ab") as file:
                    file.write(_lines(found))
            else:  # without what was torn off
                self._path.write_bytes(_lines(list(self.done.values())))
                self._sound = True
        except OSError as error:
            raise CalibrationError(
                f"{self._path} cannot be written ({error.strerror or error}): what is measured could not be "
                "kept; free some space, or allow writing to the index"
            ) from error

    def drop(self) -> None:
        """Forget all of it."""
        self.done.clear()
        self._path.unlink(missing_ok=True)


def _lines(found: Sequence[MeasuredPart]) -> bytes:
    return b"".join(json.dumps(asdict(one)).encode() + b"\n" for one in found)
