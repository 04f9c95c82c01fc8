"""What an interrupted calibration has measured so far: a line of JSON after the other, beside the index.

A line is appended when what it tells is done: what was torn off at the end is measured again. The file is
named like an attachment that no manifest names, so that whoever changes the index deletes it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

from pytest_replication.durable import is_link
from pytest_replication.errors import CalibrationError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Kept = TypeVar("Kept", bound="DataclassInstance")


class KeptLines(Generic[Kept]):
    """The dataclasses that are kept, and where the next ones go.

    Args:
        folder: of the index.
        job: what is measured; another job has another file.
        parse: reads a line; raises ValueError or TypeError for one that is torn, or none.
        most: bytes of a file that is read.

    Attributes:
        kept: what an earlier run, or this one, has done.
    """

    def __init__(self, folder: Path, job: str, parse: Callable[[bytes], Kept], most: int) -> None:
        digest = hashlib.sha256(job.encode("utf-8", "surrogatepass")).hexdigest()
        self._path = folder / f"calibration-{digest[:16]}.part"
        self._parse, self._most, self._end = parse, most, 0
        self.kept: list[Kept] = []

    def read(self) -> None:
        """Take up what an earlier run has done.

        Raises:
            CalibrationError: a link is in the place of the file.
        """
        if is_link(self._path):
            raise CalibrationError(f"{self._path} is a link, and would be written through: remove it")
        try:
            if self._path.stat().st_size > self._most:
                return
            lines = self._path.read_bytes().splitlines(keepends=True)
        except OSError:
            return
        for line in lines:
            try:
                if not line.endswith(b"\n"):
                    break
                self.kept.append(self._parse(line))
            except (ValueError, TypeError):
                break
            self._end += len(line)

    def add(self, found: Sequence[Kept]) -> None:
        """Keep more.

        Raises:
            CalibrationError: the disk cannot be written.
        """
        self.kept += found
        try:
            if self._end and self._path.exists():  # another writer may have cleared it away
                with self._path.open("r+b") as file:
                    file.truncate(self._end)  # a line that was torn off
                    file.seek(self._end)
                    self._end += file.write(_lines(found))
            else:
                self._end = self._path.write_bytes(_lines(self.kept))
        except OSError as error:
            raise CalibrationError(
                f"{self._path} cannot be written ({error.strerror or error}): what is measured could not be "
                "kept; free some space, or allow writing to the index"
            ) from error

    def drop(self) -> None:
        """Forget all of it."""
        self.kept.clear()
        self._end = 0
        self._path.unlink(missing_ok=True)


def _lines(found: Sequence[Kept]) -> bytes:
    return b"".join(json.dumps(asdict(one), allow_nan=False).encode() + b"\n" for one in found)
