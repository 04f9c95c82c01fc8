"""AuthPct: the share of samples that lie farther from their training image than its own neighbour does.

Alaa, van Breugel, Saveliev and van der Schaar, "How Faithful is your Synthetic Data?", ICML 2022, by
generated image: x is authentic when the nearest other training image of its nearest training image t is
closer to t than x is. A duplicate of t would make every sample authentic: duplicates count as t itself.
There is no universal threshold; compare with the share among hold-out images.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from pytest_replication.stats.features import (
    Blocks,
    checked,
    nearest_distances,
    pieces,
    squared_distances,
)

SAME = 2e-3
"""Euclidean distance between unit vectors up to which they are one vector, rounded."""


def authentic_share(features: ArrayLike, train: Blocks, *, same: float = SAME) -> float:
    """Share of features that are authentic, in [0, 1]; AuthPct is 100 times it.

    Args:
        features: (n, dim) of samples, or of hold-out images.
        train: (N, dim) of training images, in blocks.
        same: Euclidean distance up to which two training images are duplicates.

    Raises:
        ValueError: features that are missing or not finite, or fewer than two distinct training images.
    """
    given = checked(features, "features")
    distances, nearest = nearest_distances(given, train)
    own = np.full(len(given), np.inf)
    for block in pieces(train):
        squared = squared_distances(nearest, block)
        own = np.minimum(own, np.where(squared > same**2, squared, np.inf).min(axis=1))
    if not np.isfinite(own).all():
        raise ValueError("fewer than two distinct training images: none has a neighbour")
    return float((np.sqrt(own) < distances).mean())
