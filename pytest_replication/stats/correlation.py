"""How far two measures of the same things go together, with an interval.

Pearson's r with the interval of Fisher (1921): ``atanh(r)`` is about normal with variance ``1 / (n - 3)``.
Spearman's rho is Pearson's r of the ranks, ties at their mean rank; its variance is that of Bonett and Wright
(2000), ``(1 + rho^2 / 2) / (n - 3)``. Pairs are taken as independent.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
_FEWEST = 4


@dataclass(frozen=True, slots=True)
class Correlation:
    """A coefficient of correlation.

    Attributes:
        value: in [-1, 1].
        lower: of its two-sided interval.
        upper: of the same.
        n: pairs.
        confidence: of the interval.
    """

    value: float
    lower: float
    upper: float
    n: int
    confidence: float


def pearson(x: Values, y: Values, confidence: float = 0.95) -> Correlation | None:
    """Linear correlation.

    Args:
        x: (n,) finite.
        y: (n,) finite.
        confidence: of the interval, between 0 and 1.

    Returns:
        None for fewer than 4 pairs, or where either never varies.

    Raises:
        ValueError: numbers that are not finite, or of different length.
    """
    value = _coefficient(x, y)
    return None if value is None else _interval(value, len(x), 1.0, confidence)


def spearman(x: Values, y: Values, confidence: float = 0.95) -> Correlation | None:
    """Correlation of the ranks; arguments and result as for `pearson`."""
    value = _coefficient(ranks(x), ranks(y)) if np.isfinite(x).all() and np.isfinite(y).all() else math.nan
    if value is None:
        return None
    if math.isnan(value):
        raise ValueError("numbers that are not finite have no correlation")
    return _interval(value, len(x), 1 + value * value / 2, confidence)


def ranks(values: Values) -> Values:
    """Ranks from 1 on; equal values share the mean of theirs."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    found: Values = (last - (counts - 1) / 2)[place]
    return found


def _coefficient(x: Values, y: Values) -> float | None:
    if x.shape != y.shape or x.ndim != 1 or not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise ValueError(f"{x.shape} and {y.shape} numbers, or some that are not finite, have no correlation")
    if len(x) < _FEWEST or np.ptp(x) == 0 or np.ptp(y) == 0:
        return None
    a, b = x - x.mean(), y - y.mean()
    length = float(np.sqrt((a @ a) * (b @ b)))
    return None if length == 0 else float(np.clip((a @ b) / length, -1, 1))


def _interval(value: float, n: int, variance: float, confidence: float) -> Correlation:
    from scipy.special import ndtri

    if abs(value) == 1:
        return Correlation(value, value, value, n, confidence)
    half = float(ndtri((1 + confidence) / 2)) * math.sqrt(variance / (n - 3))
    middle = math.atanh(value)
    return Correlation(value, math.tanh(middle - half), math.tanh(middle + half), n, confidence)
