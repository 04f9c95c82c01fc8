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
    degrees,
    octaves,
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
    pairs = _clearest(pairs)
    near = _most(pairs, tolerance, *_told(pairs))
    return None if near is None else similarity(pairs.points[near], pairs.others[near])


def repeated(matrix: Points, pairs: PointPairs, tolerance: float) -> int:
    """How many pairs agree on another move, turned and scaled alike?

    A copy lies in one way, a pattern in many.

    Args:
        matrix: (2, 3), the transform that was found.
        pairs: those that do not agree with it.
        tolerance: pixels by which a place may lie off.

    Returns:
        0 where fewer than `FEWEST` do.
    """
    pairs = _clearest(pairs)
    first, factors = _told(pairs)
    alike = turned_alike(np.degrees(np.angle(factors)), degrees(matrix), TURN / 2)
    alike &= sized_alike(np.log2(np.abs(factors)), octaves(matrix), OCTAVES / 2)
    near = _most(pairs, tolerance, first[alike], factors[alike])
    return 0 if near is None else int(near.sum())


def _clearest(pairs: PointPairs) -> PointPairs:
    if len(pairs.ratios) <= _MOST:
        return pairs
    return pairs.kept(np.sort(np.argsort(pairs.ratios, kind="stable")[:_MOST]))


def _most(
    pairs: PointPairs, tolerance: float, first: NDArray[np.int64], factors: Complex
) -> NDArray[np.bool_] | None:
    """(n,) which pairs agree with the transform with which most do; None where that are too few.

    Args:
        pairs: n of them.
        tolerance: in pixels.
        first: (m,) a pair of each transform.
        factors: (m,) its turn and scale.
    """
    if not len(factors):
        return None
    few = slice(None, None, -(-len(factors) // _COUNTED))
    first, factors = first[few], factors[few]
    points, others = _complex(pairs.points), _complex(pairs.others)
    moves = others[first] - factors * points[first]
    near = np.abs(factors[:, None] * points + moves[:, None] - others) <= tolerance
    near &= turned_alike(pairs.turns, np.degrees(np.angle(factors))[:, None])
    near &= sized_alike(pairs.octaves, np.log2(np.abs(factors))[:, None])
    best = near[int(near.sum(axis=1).argmax())]
    return np.asarray(best) if best.sum() >= FEWEST else None


def _told(pairs: PointPairs) -> tuple[NDArray[np.int64], Complex]:
    """What twos of pairs tell, where the points of both say so, too.

    Returns:
        (m,) one of each two, and (m,) the turn and scale between the images, as a complex factor.
    """
    points, others = _complex(pairs.points), _complex(pairs.others)
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
