"""k-means, small: a few cells of vectors that are in memory."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pytest_replication.stats.features import squared_distances

_STEPS = 100
_TOLERANCE = 1e-6


def kmeans(
    features: NDArray[np.floating], cells: int, *, starts: int = 10, seed: int = 0
) -> NDArray[np.float64]:
    """Find the centres of cells: Lloyd's steps from k-means++ starts, the best of several.

    Arthur and Vassilvitskii, "k-means++: the advantages of careful seeding", SODA 2007.

    Args:
        features: (n, dim) vectors.
        cells: how many; at most the number of distinct vectors.
        starts: how often it begins anew.
        seed: of the starts.

    Returns:
        (cells, dim) centres.

    Raises:
        ValueError: there are fewer distinct vectors than cells.
    """
    points = np.asarray(features, np.float64)
    if len(np.unique(points, axis=0)) < cells:
        raise ValueError(f"{cells} cells need as many distinct training features")
    rng = np.random.default_rng(seed)
    found = [_lloyd(points, _spread(points, cells, rng)) for _ in range(starts)]
    return min(found, key=lambda pair: pair[0])[1]


def assign(features: NDArray[np.floating], centres: NDArray[np.float64]) -> NDArray[np.int64]:
    """(n,) number of the nearest centre of each vector."""
    nearest: NDArray[np.int64] = squared_distances(features, centres).argmin(axis=1)
    return nearest


def _spread(points: NDArray[np.float64], cells: int, rng: np.random.Generator) -> NDArray[np.float64]:
    centres = points[[rng.integers(len(points))]]
    while len(centres) < cells:
        away = squared_distances(points, centres).min(axis=1)
        centres = np.concatenate([centres, points[[rng.choice(len(points), p=away / away.sum())]]])
    return centres


def _lloyd(points: NDArray[np.float64], centres: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
    for _ in range(_STEPS):
        homes = assign(points, centres)
        moved = np.stack(
            [points[homes == i].mean(axis=0) if (homes == i).any() else c for i, c in enumerate(centres)]
        )
        shift, centres = float(np.abs(moved - centres).max()), moved
        if shift < _TOLERANCE:
            break
    return float(squared_distances(points, centres).min(axis=1).sum()), centres
