"""Stored vectors, a block at a time: memory-mapped, checksummed on the way, given back behind."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_replication.errors import IndexCorrupt
from pytest_replication.index.reader import Index, Shard

_BLOCK_BYTES = 32 << 20
_BLOCK_ROWS = 16384

_checked: set[tuple[str, int, int, str]] = set()
"""Files that were found sound in this process: path, size, time of last change, checksum."""


def blocks(shard: Shard) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Yield the vectors of a shard as float32 (vectors, dim) blocks with their first number.

    Raises:
        IndexCorrupt: after the last block, if the vectors are not the ones that were written.
    """
    mapped, start = shard.embeddings()
    rows, views, dim = shard.shape
    vectors = mapped.reshape(rows * views, dim)
    per_block = rows_of_block(dim)
    check = Checksum(shard.embeddings_path, shard.entry.files[shard.embeddings_path.name].xxh3, start)
    advise(mapped, "MADV_SEQUENTIAL")
    with ThreadPoolExecutor(1, "checksum") as beside:
        for first in range(0, len(vectors), per_block):
            stored = vectors[first : first + per_block]
            checked = beside.submit(check.update, stored)
            yield shard.first * views + first, np.asarray(stored, dtype=np.float32)
            checked.result()
            advise(mapped, "MADV_DONTNEED")  # clean pages of a file: nothing is lost
    check.compare()


def rows_of_block(dim: int) -> int:
    """Vectors that are read at once."""
    return max(1, min(_BLOCK_ROWS, _BLOCK_BYTES // (dim * 4)))


def hidden_in(index: Index, first: int, count: int) -> NDArray[np.int64]:
    """Places of a run of stored vectors whose training images were removed from the index."""
    views = len(index.manifest.views)
    if not len(index.removed):
        return index.removed
    row, last = first // views, (first + count - 1) // views
    low, high = np.searchsorted(index.removed, [row, last + 1])
    numbers = (index.removed[low:high, None] * views + np.arange(views)).ravel() - first
    return numbers[(numbers >= 0) & (numbers < count)]


def check_shard(shard: Shard) -> None:
    """Compare the vectors of a shard with their checksum, once a file and process.

    Raises:
        IndexCorrupt: they are not the ones that were written.
    """
    mapped, start = shard.embeddings()
    check = Checksum(shard.embeddings_path, shard.entry.files[shard.embeddings_path.name].xxh3, start)
    per_block = max(1, _BLOCK_BYTES // (mapped[:1].nbytes or 1))
    advise(mapped, "MADV_SEQUENTIAL")
    for first in range(0, len(mapped), per_block):
        check.update(mapped[first : first + per_block])
        advise(mapped, "MADV_DONTNEED")
    check.compare()


def advise(mapped: NDArray[Any], advice: str) -> None:
    """Tell the system how a memory map is used, where it listens."""
    memory: Any = getattr(mapped, "_mmap", None)
    if hasattr(memory, "madvise") and hasattr(mmap, advice):
        memory.madvise(getattr(mmap, advice))


class Checksum:
    """Checksum of the data of a file, taken while they pass by; once a file and process.

    Args:
        path: the file.
        expected: its xxh3.
        start: bytes before the data.
    """

    def __init__(self, path: Path, expected: str, start: int) -> None:
        import xxhash

        stat = path.stat()
        self._path, self._expected = path, expected
        self._key = (str(path.resolve()), stat.st_size, stat.st_mtime_ns, expected)
        self._digest: Any = None
        if self._key not in _checked:
            self._digest = xxhash.xxh3_64()
            with path.open("rb") as file:
                self._digest.update(file.read(start))

    def update(self, block: NDArray[Any]) -> None:
        """Take in the next data."""
        if self._digest is not None:
            self._digest.update(np.ascontiguousarray(block))

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
