"""Bounds of a percentile by order statistics: no distribution is assumed.

The r-th smallest of n scores is above the q-quantile with probability at least P(Binomial(n, q) < r), and
below it with probability at least P(Binomial(n, q) >= r) (David and Nagaraja, Order Statistics, section 7.1).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike


@dataclass(frozen=True, slots=True)
class PercentileBounds:
    """A percentile of a distribution, as far as scores drawn from it tell.

    Attributes:
        level: the percentile as a share, in (0, 1).
        estimate: that of the scores.
        lower: one-sided bound; None where so few scores give none.
        upper: one-sided bound; None where so few scores give none.
        confidence: of each bound.
    """

    level: float
    estimate: float
    lower: float | None
    upper: float | None
    confidence: float


def percentile_bounds(
    scores: ArrayLike, level: float, confidence: float = 0.95, *, distinct: int | None = None
) -> PercentileBounds:
    """Bound a percentile of the distribution that scores are drawn from.

    Args:
        scores: (n,) scores.
        level: the percentile as a share, in (0, 1).
        confidence: of each of the two bounds.
        distinct: how many of the scores are independent, at most n; None for all. The bounds are as wide
            as so many scores make them.

    Raises:
        ValueError: no scores, or some that are not finite; a number outside its range.
    """
    given = np.sort(np.asarray(scores, np.float64).ravel())
    n = len(given)
    d = n if distinct is None else distinct
    if n == 0 or not np.isfinite(given).all():
        raise ValueError("scores are missing or not finite")
    if not (0 < level < 1 and 0 < confidence < 1 and 1 <= d <= n):
        raise ValueError(f"level {level}, confidence {confidence} and {d} of {n} scores make no bound")
    from scipy.special import bdtr

    chances = bdtr(np.arange(d), d, level)  # that at most 0, 1 ... of d scores lie below the percentile
    high, low = chances >= confidence, int((chances <= 1 - confidence).sum())
    upper = math.ceil((int(np.argmax(high)) + 1) * n / d) if high.any() else None
    lower = math.floor((low - 1) * n / d) + 1 if low else None  # the lowest of those that count as one
    return PercentileBounds(
        level,
        float(np.quantile(given, level)),
        None if lower is None else float(given[lower - 1]),
        None if upper is None else float(given[upper - 1]),
        confidence,
    )


def widest(one: PercentileBounds, other: PercentileBounds) -> PercentileBounds:
    """The estimate of the first, within bounds that hold for both."""
    lower = None if one.lower is None or other.lower is None else min(one.lower, other.lower)
    upper = None if one.upper is None or other.upper is None else max(one.upper, other.upper)
    return replace(one, lower=lower, upper=upper)
