"""The stored vectors of an index by number: a run of them in blocks, or some of them.

A vector has the number row * views + view, as in the exact scan. Checksums are not compared here, but by
`check_vectors`. Shards are mapped only while they
are read, so that an index of many shards needs few file handles.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from pytest_replication.index.mapped_shard import Shard
from pytest_replication.index.reader import Index
from pytest_replication.search.blocks import check_shard

Numbers = NDArray[np.int64]


def stored_rows(index: Index) -> int:
    """Rows of all shards, those that were taken out later among them."""
    return sum(shard.entry.rows for shard in index.shards)


def count_vectors(index: Index) -> int:
    """Vectors of all these rows."""
    return stored_rows(index) * len(index.manifest.views)


def check_vectors(index: Index, *, progress: bool = False) -> None:
    """Compare the vectors of all shards with their checksums, once a file and process.

    Whoever reads only some vectors has to: damage elsewhere would otherwise go unseen.

    Args:
        index: an open index.
        progress: show a progress bar when standard error is a terminal.

    Raises:
        IndexCorrupt: a file is missing or has changed.
    """
    from tqdm import tqdm

    for shard in tqdm(index.shards, "checking vectors", unit="shard", disable=None if progress else True):
        check_shard(shard)


def blocks_between(
    shards: Sequence[Shard], first: int, last: int, size: int
) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Yield the vectors numbered from `first` to before `last`, in order.

    Args:
        shards: in order; at least those that hold these vectors.
        first: number of the first vector.
        last: number behind the last vector.
        size: most vectors a block.

    Yields:
        Number of the first vector of a block, and (vectors, dim) float32 unit rows.
    """
    for shard in shards:
        rows, views, dim = shard.shape
        low, high = max(first, shard.first * views), min(last, (shard.first + rows) * views)
        for start in range(low, high, size):
            mapped, _ = shard.embeddings()
            stop = min(start + size, high)
            stored = mapped.reshape(rows * views, dim)[
                start - shard.first * views : stop - shard.first * views
            ]
            yield start, _unit(stored).astype(np.float32)


def take(index: Index, numbers: Numbers) -> NDArray[np.float64]:
    """Read vectors by number.

    Args:
        index: an open index.
        numbers: (n,) int64 numbers of stored vectors, in any order.

    Returns:
        (n, dim) float64 unit rows: what rounding in storage did to their length is divided out.

    Raises:
        SettingsError: the index does not store all of them.
        IndexCorrupt: a shard is damaged.
    """
    views = len(index.manifest.views)
    taken = np.empty((len(numbers), index.manifest.embedder.dim))
    for shard, places, rows in index.homes(numbers // views):
        mapped, _ = shard.embeddings()
        taken[places] = _unit(mapped[rows, numbers[places] % views])
    return taken


def cosines(index: Index, queries: NDArray[np.float32], numbers: Numbers) -> NDArray[np.float64]:
    """Exact cosines of queries with candidates.

    Args:
        index: an open index.
        queries: (n, dim) vectors.
        numbers: (n, k) int64 numbers of stored vectors, -1 where there is none.

    Returns:
        (n, k) float64, -inf where there is no candidate.

    Raises:
        SettingsError: the index does not store all of them.
        IndexCorrupt: a shard is damaged.
    """
    scores = np.full(numbers.shape, -np.inf)
    there = numbers >= 0
    owners = np.nonzero(there)[0]
    scores[there] = np.einsum("ij,ij->i", take(index, numbers[there]), _unit(queries)[owners])
    return scores


def _unit(rows: NDArray[np.floating]) -> NDArray[np.float64]:
    wide = rows.astype(np.float64)
    lengths: NDArray[np.float64] = np.linalg.norm(wide, axis=1, keepdims=True)
    return wide / lengths
