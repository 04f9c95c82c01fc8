"""Feature vectors that pass by in blocks, so that a training set need not fit into memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

Vectors = NDArray[np.float32]
Blocks = Callable[[], Iterable[Vectors]]
"""Gives the same (rows, dim) blocks each time it is called."""

ROWS = 2048
_NEAR = 1e-8


def blocks_of(features: ArrayLike) -> Blocks:
    """Blocks of features that are in memory.

    Raises:
        ValueError: they are none, or not finite.
    """
    given = checked(features, "training features")
    return lambda: (given[first : first + ROWS] for first in range(0, len(given), ROWS))


def checked(features: ArrayLike, what: str) -> Vectors:
    """Take (n, dim) features.

    Raises:
        ValueError: another shape, none, or some that are not finite.
    """
    given = np.asarray(features, np.float32)
    if given.ndim != 2 or 0 in given.shape:
        raise ValueError(f"{what} have shape {given.shape}; expected (1 or more, dim)")
    if not np.isfinite(given).all():
        raise ValueError(f"{what} are not all finite")
    return given


def squared_distances(left: NDArray[np.floating], right: NDArray[np.floating]) -> NDArray[np.float64]:
    """(n, m) squared Euclidean distances in float64, those of near pairs from their differences.

    A product leaves the rounding of the lengths, which is all there would be of the distance of a copy.
    """
    a, b = left.astype(np.float64), right.astype(np.float64)
    lengths = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1)[None, :]
    squared: NDArray[np.float64] = lengths - 2 * a @ b.T
    rows, columns = np.nonzero(squared < _NEAR * lengths)
    for first in range(0, len(rows), ROWS):
        i, j = rows[first : first + ROWS], columns[first : first + ROWS]
        squared[i, j] = ((a[i] - b[j]) ** 2).sum(axis=1)
    return squared


def nearest_distances(features: Vectors, train: Blocks) -> tuple[NDArray[np.float64], Vectors]:
    """Distance to the nearest training vector of each feature, and that vector.

    Returns:
        (n,) Euclidean distances, (n, dim) vectors.

    Raises:
        ValueError: there are no training vectors.
    """
    best = np.full(len(features), np.inf)
    nearest = np.zeros_like(features)
    for block in pieces(train):
        squared = squared_distances(features, block)
        place = squared.argmin(axis=1)
        here = squared[np.arange(len(features)), place]
        closer = here < best
        best[closer], nearest[closer] = here[closer], block[place[closer]]
    if not np.isfinite(best).all():
        raise ValueError("there are no training features")
    return np.sqrt(best), nearest


def pieces(train: Blocks, rows: int = ROWS) -> Iterator[Vectors]:
    """Blocks in pieces of so many rows at most."""
    for block in train():
        for first in range(0, len(block), rows):
            yield block[first : first + rows]
