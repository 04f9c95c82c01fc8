"""The similarity transform on which most pairs agree, out of all that two of them tell.

Two pairs tell a move, a turn and a scale (the minimal set of RANSAC: Fischler and Bolles, 1981). Pairs are
few enough to try all twos: most fall away at once, as the direction and the size of their own points say
another turn and scale than their places do. What is left is counted out. Drawing twos at random finds the
same where most pairs are right; of a small part few are, and then most draws are of none.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pytest_replication.scoring.transforms import (
    OCTAVES,
    TURN,
    PointPairs,
    Points,
    similarity,
    sized_alike,
    turned_alike,
)

SCALES = (0.15, 7.0)
"""Factors between the two images that are taken for real."""
FEWEST = 3
"""Pairs that have to agree: two always do."""
_MOST = 200
"""Pairs of which twos are made: those that stand out most."""
_APART = 8.0
"""Pixels that two points have to be apart, to tell a turn and a scale."""
_COUNTED = 2000
"""Transforms that are counted out, of all that are told, at even distances."""

Complex = NDArray[np.complex128]


def consensus(pairs: PointPairs, tolerance: float) -> Points | None:
    """Find the similarity transform on which most pairs agree.

    Args:
        pairs: n of them.
        tolerance: pixels by which a place may lie off.

    Returns:
        The transform, (2, 3), fitted to those that agree; None where fewer than `FEWEST` do.
    """
    if len(pairs.ratios) > _MOST:
        pairs = pairs.kept(np.sort(np.argsort(pairs.ratios, kind="stable")[:_MOST]))
    points, others = _complex(pairs.points), _complex(pairs.others)
    first, turns = _told(pairs, points, others)
    if not len(turns):
        return None
    few = slice(None, None, -(-len(turns) // _COUNTED))
    first, turns = first[few], turns[few]
    moves = others[first] - turns * points[first]
    near = np.abs(turns[:, None] * points + moves[:, None] - others) <= tolerance
    near &= turned_alike(pairs.turns, np.degrees(np.angle(turns))[:, None])
    near &= sized_alike(pairs.octaves, np.log2(np.abs(turns))[:, None])
    counts = near.sum(axis=1)
    best = int(counts.argmax())
    if counts[best] < FEWEST:
        return None
    return similarity(pairs.points[near[best]], pairs.others[near[best]])


def _told(pairs: PointPairs, points: Complex, others: Complex) -> tuple[NDArray[np.int64], Complex]:
    """What twos of pairs tell, where the points of both say so, too.

    Returns:
        (m,) one of each two, and (m,) the turn and scale between the images, as a complex factor.
    """
    one, two = np.triu_indices(len(points), 1)
    alike = turned_alike(pairs.turns[one], pairs.turns[two], 2 * TURN)  # cheap, and most fall away
    alike &= sized_alike(pairs.octaves[one], pairs.octaves[two], 2 * OCTAVES)
    one, two = one[alike], two[alike]
    here, there = points[two] - points[one], others[two] - others[one]
    apart = (np.abs(here) >= _APART) & (np.abs(there) >= _APART)
    one, two, factors = one[apart], two[apart], there[apart] / here[apart]
    sizes = np.abs(factors)
    alike = (sizes >= SCALES[0]) & (sizes <= SCALES[1])
    for place in (one, two):
        alike &= turned_alike(pairs.turns[place], np.degrees(np.angle(factors)))
        alike &= sized_alike(pairs.octaves[place], np.log2(sizes))
    return one[alike], factors[alike]


def _complex(places: Points) -> Complex:
    return np.asarray(places[:, 0] + 1j * places[:, 1])
