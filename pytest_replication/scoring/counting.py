"""What do points count on which two parts agree? Those that are alike everywhere prove nothing.

Four things take from them: parts that do not correlate around the points, points whose descriptions are
alike (the corners of a checkerboard, the bricks of a wall: they agree with each other's), points that agree
on another place of the training image (the letters of a page), and parts of two bare tones (lettering,
emblems, flags: `scoring.tones`).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pytest_replication.scoring.tones import BARE, PLAIN, SMOOTH, Tones

APART = 8.0
"""Points of one square of so many pixels count once."""
UNLIKE, ALIKE = 0.3, 0.6
"""Correlation around the points up to which two parts are not alike, so that none of the points counts, and
from which on all do; between them a share."""
REPEATED = 0.9
"""Cosine of two descriptions of one sample from which on they count as one."""
REPEATED_MOST = 8
"""Points at most that those take away which agree on another place: a sample may show two copied parts."""
BARE_COUNTS = 0.25
"""What a point counts of a part of two bare tones."""
RULE = (
    f"{APART:g} px and a cosine of {REPEATED} apart, less {REPEATED_MOST} elsewhere, that correlate by "
    f"{UNLIKE} to {ALIKE}, of two tones ({BARE}, {PLAIN} where rough by {SMOOTH}) by {BARE_COUNTS}"
)
"""All of it in one line."""
_ROUNDING = 1e-9

Points = NDArray[np.float64]


def distinct(points: Points) -> int:
    """How many points are left where those within a square of `APART` pixels count once."""
    return len(np.unique(np.floor(points / APART).astype(np.int64), axis=0))


def kinds(descriptions: NDArray[np.uint8]) -> float:
    """How many descriptions there are where those that are alike share one.

    Args:
        descriptions: (n, 128), see `images.local.FEATURE`.

    Returns:
        0 to n: the sum of 1 / m over all, of which m, itself among them, are alike.
    """
    lengths = np.linalg.norm(descriptions.astype(np.float32), axis=1, keepdims=True)
    directions = descriptions / np.maximum(lengths, 1)
    alike = (directions @ directions.T >= REPEATED).sum(axis=1)
    return float((1 / np.maximum(alike, 1)).sum())


def once(points: int, differing: float, elsewhere: int) -> float:
    """How many points of a part do not repeat, at least 0.

    Args:
        points: distinct ones that agree.
        differing: of them, see `kinds`.
        elsewhere: pairs that agree on another place (`scoring.consensus.repeated`).
    """
    return max(0.0, min(points, differing) - min(elsewhere, REPEATED_MOST))


def counted(points: float, correlation: float | None, tones: Tones | None) -> int:
    """Points that count. What cannot be told, for want of a picture, takes none away.

    Args:
        points: that agree and do not repeat.
        correlation: of the pictures around them; None where one has no picture.
        tones: of the part; None likewise.
    """
    share = 1.0 if correlation is None else min(1.0, max(0.0, (correlation - UNLIKE) / (ALIKE - UNLIKE)))
    if tones is not None and tones.bare:
        share *= BARE_COUNTS
    return int(points * share + _ROUNDING)
