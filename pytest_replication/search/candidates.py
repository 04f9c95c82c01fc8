"""The best stored vectors of each query so far, whatever order they come in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pytest_replication.errors import SearchError

Vectors = NDArray[np.float32]

SPARE = 4
"""Candidates kept beyond k, so that rounding in float32 cannot push one of the k out."""
_TOLERANCE = 1e-4
"""Largest difference that rounding can make between the float32 and the float64 score."""


@dataclass(slots=True)
class Candidates:
    """The best stored vectors of each query so far.

    Of equal scores the lower number stays, so that the order of taking in does not matter.

    Attributes:
        scores: (queries, wanted) float32, -inf while there are fewer.
        vectors: (queries, wanted) int64: row times views plus view; -1 while there are fewer.
    """

    scores: NDArray[np.float32]
    vectors: NDArray[np.int64]

    @classmethod
    def empty(cls, queries: int, wanted: int) -> Candidates:
        """No candidates yet, room for `wanted` a query."""
        return cls(np.full((queries, wanted), -np.inf, np.float32), np.full((queries, wanted), -1, np.int64))

    def part(self, start: int, stop: int) -> Candidates:
        """Those of some queries; what is taken in there is taken in here."""
        return Candidates(self.scores[start:stop], self.vectors[start:stop])

    @property
    def floor(self) -> NDArray[np.float32]:
        """(queries,) score that a further vector has to reach."""
        lowest: NDArray[np.float32] = self.scores.min(axis=1)
        return lowest

    def insert(self, query: int, scores: NDArray[np.float32], vectors: NDArray[np.int64]) -> None:
        """Take in some vectors of one query.

        Args:
            query: its number.
            scores: (m,) their scores.
            vectors: (m,) their numbers.
        """
        pool = np.concatenate([self.scores[query], scores])
        numbers = np.concatenate([self.vectors[query], vectors])
        wanted = self.scores.shape[1]
        least = np.partition(pool, -wanted)[-wanted]
        pool, numbers = pool[pool >= least], numbers[pool >= least]
        kept = np.lexsort((numbers, -pool))[:wanted]
        self.scores[query], self.vectors[query] = pool[kept], numbers[kept]

    def insert_pairs(
        self, queries: NDArray[np.int64], scores: NDArray[np.float32], vectors: NDArray[np.int64]
    ) -> None:
        """Take in pairs of a query and a vector.

        Args:
            queries: (m,) numbers of queries, in any order.
            scores: (m,) score of each pair.
            vectors: (m,) number of the vector of each pair.
        """
        if not len(queries):
            return
        count, wanted = self.scores.shape
        of = np.concatenate([np.repeat(np.arange(count), wanted), queries])
        pool = np.concatenate([self.scores.ravel(), scores])
        numbers = np.concatenate([self.vectors.ravel(), vectors])
        order = np.lexsort((numbers, -pool, of))
        # Where the pairs of each query begin among the sorted ones.
        starts = np.searchsorted(of[order], np.arange(count))
        kept = order[(starts[:, None] + np.arange(wanted)).ravel()]
        self.scores[:] = pool[kept].reshape(count, wanted)
        self.vectors[:] = numbers[kept].reshape(count, wanted)


def require_equal_scores(exact: NDArray[np.float64], scores: NDArray[np.float32]) -> None:
    """Refuse candidates whose float32 score, by which they were found, is not that of their stored vectors.

    Args:
        exact: (n,) products of the stored vectors of candidates, in float64.
        scores: (n,) by which the same candidates were found.

    Raises:
        SearchError: two differ by more than rounding, or one is not a number.
    """
    difference = np.abs(exact - scores).max(initial=0.0)
    if not difference < _TOLERANCE:
        raise SearchError(
            f"the float32 and float64 scores of a candidate differ by {difference:.2g}: numpy's linear "
            "algebra gives wrong results on this machine; try another build of numpy (or OPENBLAS_CORETYPE)"
        )
