"""From samples to queries, and from scored candidates to the nearest training images."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pytest_replication.errors import SampleError
from pytest_replication.index.reader import Index
from pytest_replication.search.neighbours import Neighbours

DECIMALS = 6
"""Scores are rounded to this: below it processors and batch sizes disagree."""


def unit_queries(index: Index, samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Lay out (n, views, dim) vectors of samples as (n * views, dim).

    Raises:
        SampleError: there are none, or vectors of another length or not finite.
    """
    expected = (len(index.manifest.views), index.manifest.embedder.dim)
    if samples.ndim != 3 or samples.shape[1:] != expected or len(samples) == 0:
        raise SampleError(
            f"sample vectors have shape {samples.shape}, expected (1 or more, {expected[0]}, {expected[1]})"
        )
    queries = np.ascontiguousarray(samples, np.float32).reshape(-1, samples.shape[2])
    lengths = np.linalg.norm(queries.astype(np.float64), axis=1)
    if not (np.abs(lengths - 1) < 1e-3).all():
        raise SampleError("a sample vector is not finite or not of unit length")
    return queries


def tidy(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Round cosines to what is certain, within [-1, 1]; -inf where there is none."""
    rounded: NDArray[np.float64] = np.where(
        np.isneginf(scores), scores, np.clip(scores.round(DECIMALS), -1, 1)
    )
    return rounded


def collect(
    vectors: NDArray[np.int64],
    scores: NDArray[np.float64],
    sample_views: int,
    views: int,
    k: int,
    searched: int,
) -> Neighbours:
    """Gather the candidates of all views of a sample, and keep the best k training images.

    Args:
        vectors: (samples * sample_views, m) numbers of stored vectors, -1 where there is none.
        scores: of the same shape, exact.
        sample_views: vectors a sample.
        views: vectors a training image.
        k: training images a sample.
        searched: rows that were searched.
    """
    samples = len(scores) // sample_views
    found = Neighbours(
        scores=np.full((samples, k), -np.inf),
        rows=np.full((samples, k), -1, np.int64),
        views=np.zeros((samples, k), np.int64),
        sample_views=np.zeros((samples, k), np.int64),
        searched=searched,
    )
    for sample in range(samples):
        queries = range(sample * sample_views, (sample + 1) * sample_views)
        candidates = [
            (float(scores[query, j]), int(v) // views, int(v) % views, query - queries[0])
            for query in queries
            for j, v in enumerate(vectors[query])
            if v >= 0
        ]
        for place, candidate in enumerate(_best_rows(candidates, k)):
            found.scores[sample, place], found.rows[sample, place] = candidate[:2]
            found.views[sample, place], found.sample_views[sample, place] = candidate[2:]
    return found


_Candidate = tuple[float, int, int, int]


def _best_rows(candidates: list[_Candidate], k: int) -> list[_Candidate]:
    """Best k rows: each row once, with its best pair of views; ties go to the lower row."""
    best: dict[int, _Candidate] = {}
    for candidate in candidates:
        score, row = candidate[0], candidate[1]
        if row not in best or score > best[row][0]:
            best[row] = candidate
    return sorted(best.values(), key=lambda c: (-c[0], c[1]))[:k]
