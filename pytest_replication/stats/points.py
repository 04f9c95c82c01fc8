"""From how many points on a part counts as a copy, so that innocent images seldom do.

Clopper and Pearson's bound of the share of innocent images that have so many points falls as the number
rises. The smallest number whose bound keeps to a rate is therefore the last one that passes where numbers are
tested from above, each at full confidence, until one fails (fixed-sequence testing: Angelopoulos, Bates,
Candes, Jordan and Lei, "Learn then Test", arXiv:2110.01052): the true share exceeds the rate with probability
at most 1 - confidence, although the number was chosen on the same images.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from pytest_replication.stats.intervals import upper_bound

CONFIDENCE = 0.95


class Least(NamedTuple):
    """The smallest number of points that keeps to a rate.

    Attributes:
        points: the number.
        bound: upper bound of the share of innocent images that have as many.
        proved: whether that is at most the rate; if not, there are too few images and none of them has as
            many.
    """

    points: int
    bound: float
    proved: bool


def least_points(found: Sequence[int], rate: float, floor: int, confidence: float = CONFIDENCE) -> Least:
    """Choose the smallest number of points that at most a share `rate` of innocent images has.

    Args:
        found: most points of each innocent image with a training image.
        rate: share, in (0, 1).
        floor: number below which none is chosen.
        confidence: of the one-sided bound.

    Raises:
        ValueError: there are no images, or rates outside their range.
    """
    if not 0 < rate < 1:
        raise ValueError(f"rate {rate} must be in (0, 1)")
    for points in sorted({floor, *(count + 1 for count in found if count >= floor)}):
        bound = share_bound(found, points, confidence)
        if bound <= rate:
            return Least(points, bound, proved=True)
    points = max(floor, max(found) + 1)
    return Least(points, share_bound(found, points, confidence), proved=False)


def share_bound(found: Sequence[int], points: int, confidence: float = CONFIDENCE) -> float:
    """Upper bound of the share of innocent images that have so many points.

    Raises:
        ValueError: there are no images.
    """
    return upper_bound(sum(count >= points for count in found), len(found), confidence)


def images_to_prove(rate: float, confidence: float = CONFIDENCE) -> int:
    """How many innocent images prove a rate, where none of them has as many points.

    Raises:
        ValueError: rates outside their range.
    """
    if not 0 < rate < 1 or not 0 < confidence < 1:
        raise ValueError(f"rate {rate} and confidence {confidence} must be in (0, 1)")
    from math import ceil, log, log1p

    count = max(1, ceil(log(1 - confidence) / log1p(-rate)))
    while upper_bound(0, count, confidence) > rate:
        count += 1
    return count
