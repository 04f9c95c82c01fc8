"""Stored vectors, a block at a time: memory-mapped, checksummed on the way, given back behind."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_replication.index.checksums import Checksum
from pytest_replication.index.mapped_shard import Shard
from pytest_replication.index.reader import Index

_BLOCK_BYTES = 32 << 20
_BLOCK_ROWS = 16384


def blocks(shard: Shard) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Yield the vectors of a shard as float32 (vectors, dim) blocks with their first number.

    Raises:
        IndexCorrupt: after the last block, if the vectors are not the ones that were written.
    """
    mapped, start = shard.embeddings()
    rows, views, dim = shard.shape
    vectors = mapped.reshape(rows * views, dim)
    for first, stored in checked_blocks(shard, shard.embeddings_path, vectors, start, rows_of_block(dim)):
        yield shard.first * views + first, np.asarray(stored, dtype=np.float32)


def checked_blocks(
    shard: Shard, path: Path, mapped: NDArray[Any], start: int, step: int
) -> Iterator[tuple[int, NDArray[Any]]]:
    """Yield a file of a shard a block at a time; its checksum is taken beside whoever looks at the block.

    Args:
        shard: the shard.
        path: one of its files.
        mapped: (n, ...) what the file holds, memory-mapped.
        start: bytes of the file before that.
        step: most entries a block.

    Yields:
        Number of the first entry of a block within the shard, and the block, memory-mapped still.

    Raises:
        IndexCorrupt: after the last block, if the file is not the one that was written.
    """
    check = Checksum(path, shard.checksum_of(path.name), start)
    advise(mapped, "MADV_SEQUENTIAL")
    with ThreadPoolExecutor(1, "checksum") as beside:
        for first in range(0, len(mapped), step):
            stored = mapped[first : first + step]
            checked = beside.submit(check.update, stored)
            yield first, stored
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
    step = max(1, _BLOCK_BYTES // (mapped[:1].nbytes or 1))
    for _ in checked_blocks(shard, shard.embeddings_path, mapped, start, step):
        pass


def advise(mapped: NDArray[Any], advice: str) -> None:
    """Tell the system how a memory map is used, where it listens."""
    memory: Any = getattr(mapped, "_mmap", None)
    if hasattr(memory, "madvise") and hasattr(mmap, advice):
        memory.madvise(getattr(mmap, advice))
