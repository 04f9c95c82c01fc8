"""The null distribution of a score: how high images score that cannot have been copied.

Conformal p-values (Vovk, Gammerman and Shafer, *Algorithmic Learning in a Random World*, 2005; Bates et
al., "Testing for outliers with conformal p-values", Annals of Statistics 51, 2023): with H images of the
null that are exchangeable with a new one of score x,

    p(x) = (1 + #{h >= x}) / (H + 1)

is at most u with probability at most u, for any distribution and any H. Nothing is fitted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from pytest_replication.shares import allowed

Scores = NDArray[np.float64]

_DECIMALS = 1e6
"""Scores are rounded to 6 decimals, so that a threshold between two of them says no more."""


@dataclass(frozen=True, slots=True)
class Null:
    """Scores of real images that cannot have been copied. Make one with `Null.of`.

    Attributes:
        scores: (H,) float64, sorted, lowest first.
    """

    scores: Scores

    @classmethod
    def of(cls, scores: object) -> Self:
        """Take scores in any order.

        Raises:
            ValueError: there are none, or one is not finite.
        """
        taken = np.array(scores, np.float64).ravel()
        if not len(taken) or not np.isfinite(taken).all():
            raise ValueError(f"{len(taken)} scores, {int((~np.isfinite(taken)).sum())} of them not finite")
        taken.sort()
        taken.flags.writeable = False
        return cls(taken)

    def __len__(self) -> int:
        return len(self.scores)

    @property
    def resolution(self) -> float:
        """Smallest p-value that there can be: 1 / (H + 1)."""
        return 1 / (len(self) + 1)

    def p_values(self, scores: object) -> Scores:
        """Conformal p-values (1 + #{h >= x}) / (H + 1).

        Args:
            scores: of any shape.

        Raises:
            ValueError: a score is NaN.
        """
        asked = np.asarray(scores, np.float64)
        if np.isnan(asked).any():
            raise ValueError("a score is not a number")
        above = len(self) - np.searchsorted(self.scores, asked, side="left")
        return np.asarray((1 + above) / (len(self) + 1), np.float64)

    def rank(self, rate: float) -> int:
        """The largest k with k / (H + 1) <= rate: 0 if the null is too small for this rate.

        Raises:
            ValueError: the rate is not between 0 and 1.
        """
        if not 0 < rate < 1:
            raise ValueError(f"rate {rate} must be in (0, 1)")
        return allowed(rate, len(self) + 1)

    def threshold(self, rate: float) -> float:
        """The smallest threshold, of 6 decimals, from which on every score has a p-value <= `rate`.

        It lies just above the k-th highest score of the null, k = `rank(rate)`: at most k - 1 of H
        reach it, and a new image that is exchangeable with them does so with probability at most
        k / (H + 1) <= rate.

        Raises:
            ValueError: the null is too small for this rate (see `needed`).
        """
        k = self.rank(rate)
        if k == 0:
            raise ValueError(f"{len(self)} scores cannot tell a rate of {rate:g}: {needed(rate)} can")
        highest = self.scores[len(self) - k]
        step = np.rint(highest * _DECIMALS)
        above = step / _DECIMALS
        return float(above if above > highest else (step + 1) / _DECIMALS)

    def rate_bounds(self, rate: float, confidence: float = 0.95) -> tuple[float, float]:
        """Two-sided bounds of the true rate at which new images reach `threshold(rate)`.

        Over repeated null samples that rate has the distribution Beta(k, H + 1 - k), where scores
        do not tie (with ties it is smaller).

        Raises:
            ValueError: the null is too small for this rate.
        """
        from scipy.special import betaincinv

        k = self.rank(rate)
        if k == 0:
            raise ValueError(f"{len(self)} scores cannot tell a rate of {rate:g}: {needed(rate)} can")
        tail = (1 - confidence) / 2
        low, high = (float(betaincinv(k, len(self) + 1 - k, level)) for level in (tail, 1 - tail))
        return low, high

    def quantile_bounds(self, rate: float, confidence: float = 0.95) -> tuple[float, float]:
        """Two-sided bounds of the score that a share `rate` of all such images exceeds.

        Order statistics whose ranks are binomial quantiles; -1 or 1 where the null is too small for
        a bound.
        """
        from scipy.stats import binom

        tail = (1 - confidence) / 2
        high = int(binom.ppf(tail, len(self), rate))  # P(exceed < high) <= tail
        low = int(binom.ppf(1 - tail, len(self), rate)) + 1  # P(exceed >= low) <= tail
        upper = float(self.scores[len(self) - high]) if high >= 1 else 1.0
        lower = float(self.scores[len(self) - low]) if low <= len(self) else -1.0
        return lower, upper


def needed(rate: float) -> int:
    """How many images of a null can tell a false-positive rate: the least H with 1 / (H + 1) <= rate.

    Raises:
        ValueError: the rate is not between 0 and 1.
    """
    if not 0 < rate < 1:
        raise ValueError(f"rate {rate} must be in (0, 1)")
    count = max(1, int(1 / rate) - 2)
    while 1 / (count + 1) > rate:
        count += 1
    return count
