"""Checksums of the files of shards, taken where their content is used: once a file and process."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_replication.errors import IndexCorrupt

_BLOCK = 4 << 20

_checked: set[tuple[str, int, int, str]] = set()
"""Files that were found sound in this process: path, size, time of last change, checksum."""


def check_file(path: Path, expected: str) -> None:
    """Compare a file with its checksum, once a file and process: for who reads here and there in it.

    Args:
        path: the file.
        expected: its xxh3 or its sha256.

    Raises:
        IndexCorrupt: it is missing, or not the one that was written.
    """
    try:
        check = Checksum(path, expected, 0)
        check.update_from(path)
    except OSError as error:
        raise IndexCorrupt(f"{path} cannot be read ({error}): run 'pytest-replication verify'") from error
    check.compare()


def once(path: Path, expected: str, check: Callable[[], None]) -> None:
    """Check what a file holds, once a file and process.

    Args:
        path: the file.
        expected: a digest of what it has to hold; another one is checked anew.
        check: raises where it does not.

    Raises:
        IndexCorrupt: the file cannot be read.
    """
    try:
        key = _key(path, expected)
    except OSError as error:
        raise IndexCorrupt(f"{path} cannot be read ({error}): run 'pytest-replication verify'") from error
    if key not in _checked:
        check()
        _checked.add(key)


def _key(path: Path, expected: str) -> tuple[str, int, int, str]:
    stat = path.stat()
    return str(path.resolve()), stat.st_size, stat.st_mtime_ns, expected


class Checksum:
    """Checksum of the data of a file, taken while they pass by; once a file and process.

    Args:
        path: the file.
        expected: its xxh3 (16 hex digits), or its sha256 (64).
        start: bytes before the data.
    """

    def __init__(self, path: Path, expected: str, start: int) -> None:
        import xxhash

        self._path, self._expected, self._key = path, expected, _key(path, expected)
        self._digest: Any = None
        if self._key not in _checked:
            self._digest = xxhash.xxh3_64() if len(expected) == 16 else hashlib.sha256()
            with path.open("rb") as file:
                self._digest.update(file.read(start))

    def update(self, block: NDArray[Any]) -> None:
        """Take in the next data."""
        if self._digest is not None:
            self._digest.update(np.ascontiguousarray(block))

    def update_from(self, path: Path) -> None:
        """Take in all of a file."""
        if self._digest is not None:
            with path.open("rb") as file:
                while block := file.read(_BLOCK):
                    self._digest.update(block)

    def compare(self) -> None:
        """Compare what was taken in with what was written.

        Raises:
            IndexCorrupt: they differ.
        """
        if self._digest is None:
            return
        if self._digest.hexdigest() != self._expected:
            raise IndexCorrupt(
                f"{self._path} has changed since it was written (its checksum differs): restore it, or "
                "build the index again with 'pytest-replication build IMAGES --out … --overwrite'"
            )
        _checked.add(self._key)
