"""The scores of a block of stored vectors in float32: one product, the best of which are candidates."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pytest_replication.errors import IndexCorrupt
from pytest_replication.search.candidates import Candidates, Vectors

QUERIES = 512
"""Samples scored at once: bounds the score matrix to QUERIES x rows of a block."""


class Buffer:
    """Room for a matrix of scores; the same memory for every block."""

    def __init__(self) -> None:
        self._memory: Vectors = np.empty((0, 0), np.float32)

    def room(self, queries: int, vectors: int) -> Vectors:
        """An array of a shape, whatever it holds."""
        if self._memory.shape[0] < queries or self._memory.shape[1] < vectors:
            self._memory = np.empty((queries, vectors), np.float32)
        return self._memory[:queries, :vectors]


def take_in(
    queries: Vectors, block: Vectors, first: int, hidden: NDArray[np.int64], best: Candidates, buffer: Buffer
) -> None:
    """Bring the candidates of all queries up to date with a block.

    Args:
        queries: (n, dim) float32 unit vectors.
        block: (m, dim) float32 stored vectors.
        first: number of the first of them.
        hidden: places in the block that must not be found.
        best: the candidates of the queries.
        buffer: room for the scores.

    Raises:
        IndexCorrupt: a vector is not finite.
    """
    for start in range(0, len(queries), QUERIES):
        part = queries[start : start + QUERIES]
        scores = buffer.room(len(part), len(block))
        np.matmul(part, block.T, out=scores)
        scores[:, hidden] = -np.inf
        top = scores.max(axis=1)
        if np.isnan(top).any() or top.max() == np.inf:  # NaN passes through max
            raise IndexCorrupt(
                f"a vector between {first} and {first + len(block)} of the index is not finite: "
                "run 'pytest-replication verify'"
            )
        floor = best.scores[start : start + len(part)].min(axis=1)
        for query in map(int, np.flatnonzero(top > floor)):
            better = np.flatnonzero(scores[query] > floor[query])
            best.insert(start + query, scores[query, better], better + first)
