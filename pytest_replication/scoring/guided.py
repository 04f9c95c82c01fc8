"""Guided matching: where a few pairs say how a part lies, which others lie as they say?

A pair whose description stands out little proves nothing by itself. Where the transform that clear pairs
agree on foretells its place, its size and its direction, it is one more point of the part (guided matching:
Hartley and Zisserman, Multiple View Geometry, 2004, chapter 4). The transform is then fitted again, on all of
them. Only the nearest description of each is asked: of what repeats (bricks, letters) one of many is the
nearest, and that it is the one in the right place is unlikely.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

TURN = 20.0
"""Degrees by which the direction of a point may lie off."""
OCTAVES = 0.6
"""The same of its size, as a logarithm to base two."""
_ROUNDS = 2
"""Fits, each on what agreed with the one before."""

Points = NDArray[np.float64]
Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Lying:
    """How the two points of each pair lie.

    Attributes:
        points: (n, 2) in the sample, mirrored where the part is, in pixels.
        others: (n, 2) in the training image, in pixels.
        turns: (n,) direction of each in the training image less that in the sample, in degrees.
        octaves: (n,) logarithm to base two of the size in the training image over that in the sample.
        clear: (n,) which stand out: their places have to agree, no more.
    """

    points: Points
    others: Points
    turns: Numbers
    octaves: Numbers
    clear: NDArray[np.bool_]

    def agree(self, matrix: Points, tolerance: float) -> NDArray[np.bool_]:
        """(n,) which lie as a transform says, within so many pixels."""
        apart = np.hypot(*(self.points @ matrix[:, :2].T + matrix[:, 2] - self.others).T)
        turned = np.degrees(np.arctan2(matrix[1, 0], matrix[0, 0]))
        scaled = np.log2(np.hypot(matrix[0, 0], matrix[1, 0]))
        alike = np.abs((self.turns - turned + 180) % 360 - 180) <= TURN
        alike &= np.abs(self.octaves - scaled) <= OCTAVES
        return np.asarray((apart <= tolerance) & (alike | self.clear))


def guided(matrix: Points, pairs: Lying, tolerance: float) -> tuple[Points, NDArray[np.bool_]]:
    """Find all pairs that lie as a similarity transform says, and fit it again on them.

    Args:
        matrix: (2, 3) of the sample to the training image.
        pairs: n of them.
        tolerance: pixels by which a place may lie off.

    Returns:
        The transform, (2, 3), and (n,) which pairs agree; those that were given, and what agrees with
        them, where fewer agree with the one fitted again.
    """
    agree = pairs.agree(matrix, tolerance)
    for _ in range(_ROUNDS):
        again = similarity(pairs.points[agree], pairs.others[agree])
        if again is None or (now := pairs.agree(again, tolerance)).sum() < agree.sum():
            break
        matrix, agree = again, now
    return matrix, agree


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
