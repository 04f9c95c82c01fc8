"""Pairs of local features that lie as a transform says."""

from __future__ import annotations

import numpy as np

from pytest_replication.scoring.transforms import PointPairs, Points, degrees, octaves


def transform(scale: float, turn: float, x: float, y: float) -> Points:
    """A similarity transform, (2, 3); the turn in degrees."""
    angle = np.radians(turn)
    along, across = scale * np.cos(angle), scale * np.sin(angle)
    return np.array([[along, -across, x], [across, along, y]])


def moved(matrix: Points, points: Points) -> Points:
    """Where a transform moves places."""
    return np.asarray(points @ matrix[:, :2].T + matrix[:, 2])


def point_pairs(matrix: Points, count: int = 20, seed: int = 0) -> PointPairs:
    """Pairs that lie as a transform says, with points all over a picture."""
    points = np.random.default_rng(seed).uniform(0, 400, (count, 2))
    return PointPairs(
        points,
        moved(matrix, points),
        turns=np.full(count, degrees(matrix)),
        octaves=np.full(count, octaves(matrix)),
        ratios=np.full(count, 0.7),
    )
