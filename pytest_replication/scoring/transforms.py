"""Pairs of points of two images, and the transforms that are fitted to them.

A local feature has a place, a direction and a size. A pair of them therefore tells a move, a turn and a scale
by itself, roughly; a transform that is right for the pair agrees in all three (Lowe, IJCV 2004, section 7.3).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

TURN = 20.0
"""Degrees by which the direction of a point may lie off."""
OCTAVES = 0.6
"""The same of its size, as a logarithm to base two."""

Points = NDArray[np.float64]
Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class PointPairs:
    """How the two points of each pair lie.

    Attributes:
        points: (n, 2) in the sample, mirrored where the part is, in pixels.
        others: (n, 2) in the training image, in pixels.
        turns: (n,) direction of each in the training image less that in the sample, in degrees.
        octaves: (n,) logarithm to base two of the size in the training image over that in the sample.
        ratios: (n,) how little each stands out, 0 to 1 (`scoring.local_matching.Pairs`).
    """

    points: Points
    others: Points
    turns: Numbers
    octaves: Numbers
    ratios: Numbers

    def kept(self, which: NDArray[np.bool_] | NDArray[np.int64]) -> PointPairs:
        """Some of them."""
        return PointPairs(
            self.points[which],
            self.others[which],
            self.turns[which],
            self.octaves[which],
            self.ratios[which],
        )

    def agree(self, matrix: Points, tolerance: float | Numbers) -> NDArray[np.bool_]:
        """(n,) which lie, are turned and are sized as a transform says; places within so many pixels."""
        apart = np.hypot(*(self.points @ matrix[:, :2].T + matrix[:, 2] - self.others).T)
        alike = turned_alike(self.turns, degrees(matrix)) & sized_alike(self.octaves, octaves(matrix))
        return np.asarray((apart <= tolerance) & alike)


def turned_alike(turns: Numbers, others: float | Numbers, within: float = TURN) -> NDArray[np.bool_]:
    """Which angles differ by so many degrees at most, whatever full turns they have."""
    return np.asarray(np.abs((turns - others + 180) % 360 - 180) <= within)


def sized_alike(sizes: Numbers, others: float | Numbers, within: float = OCTAVES) -> NDArray[np.bool_]:
    """Which sizes differ by so many octaves at most."""
    return np.asarray(np.abs(sizes - others) <= within)


def degrees(matrix: Points) -> float:
    """By which a transform turns; one that shears, by its nearest rotation."""
    return float(np.degrees(np.arctan2(matrix[1, 0] - matrix[0, 1], matrix[0, 0] + matrix[1, 1])))


def octaves(matrix: Points) -> float:
    """By which a transform scales lengths, as a logarithm to base two; one that shears, in the mean."""
    return float(np.log2(scale(matrix)))


def scale(matrix: Points) -> float:
    """Factor by which a transform scales lengths; above zero."""
    return float(np.sqrt(max(abs(np.linalg.det(matrix[:, :2])), 1e-12)))


def similarity(points: Points, others: Points) -> Points | None:
    """The similarity transform with least squares (Umeyama, PAMI 1991, in the plane): (2, 3).

    None where fewer than two places differ, or those of the training image are one.
    """
    if len(points) < 2:
        return None
    middle, there = points.mean(axis=0), others.mean(axis=0)
    x, y = (points - middle).T
    u, v = (others - there).T
    total = float((x * x + y * y).sum())
    if total < 1e-9:
        return None
    along, across = float((x * u + y * v).sum()) / total, float((x * v - y * u).sum()) / total
    if np.hypot(along, across) < 1e-6:
        return None
    turn = np.array([[along, -across], [across, along]])
    return np.column_stack([turn, there - turn @ middle])


def affine(points: Points, others: Points) -> Points:
    """The affine transform with least squares, (2, 3), of three places or more."""
    ones = np.column_stack([points, np.ones(len(points))])
    return np.asarray(np.linalg.lstsq(ones, others, rcond=None)[0].T)
