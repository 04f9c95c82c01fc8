"""Do samples score higher than a hold-out? Two tests of two sets of scores, each with its effect.

`mann_whitney` compares the sets as a whole (Mann and Whitney, Annals of Mathematical Statistics 18,
1947). `tail_test` compares their upper ends: how many samples lie above a percentile of the hold-out.
That percentile is an order statistic of so many scores and no more, so that the count is not binomial.
If both sets come from one continuous distribution, the share of it above the k-th smallest of m scores
follows Beta(m - k + 1, k), and the count among n samples is beta-binomial (the exceedances of Gumbel
and von Schelling, Annals of Mathematical Statistics 21, 1950).

Scores within a set are taken as independent.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, slots=True)
class MannWhitney:
    """How much higher the samples score than the hold-out, as a whole.

    Attributes:
        p: one-sided: how often sets of one distribution differ as much, samples the higher.
        superiority: probability that a sample scores higher than a hold-out image, ties counted half;
            0.5 for no difference.
        lower: two-sided bound of it.
        upper: two-sided bound of it.
        confidence: of both bounds together.
        exact: whether p counts all orders; else it is the normal approximation, corrected for ties.
        samples: number of samples.
        holdout: number of hold-out images.
    """

    p: float
    superiority: float
    lower: float
    upper: float
    confidence: float
    exact: bool
    samples: int
    holdout: int

    @property
    def cliffs_delta(self) -> float:
        """The same effect from -1 to 1, 0 for no difference."""
        return 2 * self.superiority - 1


@dataclass(frozen=True, slots=True)
class TailTest:
    """How many samples score higher than a percentile of the hold-out.

    Attributes:
        p: one-sided: how often sets of one distribution have as many samples above the cut.
        level: the percentile as a share, in (0, 1).
        cut: the score there: the smallest of the hold-out that this share of it does not exceed.
        above: samples that score higher than the cut.
        expected: how many of them chance alone brings, on average.
        samples: number of samples.
        holdout: number of hold-out images.
    """

    p: float
    level: float
    cut: float
    above: int
    expected: float
    samples: int
    holdout: int

    @property
    def share(self) -> float:
        """Share of the samples above the cut."""
        return self.above / self.samples

    def detectable(self, alpha: float, power: float = 0.8) -> float | None:
        """Smallest share of samples above the cut that would be found.

        Args:
            alpha: p that counts as found.
            power: how often it would be.

        Returns:
            The share; None if these sets are too small to find anything.
        """
        from scipy.special import betaincinv

        chances = exceedances(self.samples, self.holdout, _rank(self.level, self.holdout))
        enough = np.flatnonzero(chances <= alpha)
        if not len(enough):
            return None
        least = int(enough[0])
        return float(betaincinv(least, self.samples - least + 1, power))


def mann_whitney(samples: ArrayLike, holdout: ArrayLike, confidence: float = 0.95) -> MannWhitney:
    """Test whether samples score higher than a hold-out.

    The bounds of the effect invert the variance of Hanley and McNeil (Radiology 143, 1982) as in
    method 5 of Newcombe (Statistics in Medicine 25, 2006), which holds at effects of 0 and 1 too.

    Args:
        samples: (n,) scores.
        holdout: (m,) scores.
        confidence: of the two-sided bounds of the effect.

    Raises:
        ValueError: an empty set, scores that are not finite, or all of one value; a confidence outside
            (0, 1).
    """
    mine, theirs = _checked(samples, "samples"), _checked(holdout, "hold-out")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence {confidence} must be in (0, 1)")
    if min(mine.min(), theirs.min()) == max(mine.max(), theirs.max()):
        raise ValueError(f"all scores are {mine[0]:g}: nothing can be told apart")
    from scipy.stats import mannwhitneyu

    together = np.concatenate([mine, theirs])
    exact = len(np.unique(together)) == len(together) and min(len(mine), len(theirs)) <= 8
    found = mannwhitneyu(mine, theirs, alternative="greater", method="exact" if exact else "asymptotic")
    superiority = float(found.statistic) / (len(mine) * len(theirs))
    low, high = _bounds(superiority, len(mine), len(theirs), confidence)
    return MannWhitney(float(found.pvalue), superiority, low, high, confidence, exact, len(mine), len(theirs))


def tail_test(samples: ArrayLike, holdout: ArrayLike, level: float = 0.95) -> TailTest:
    """Test whether more samples lie above a percentile of the hold-out than chance brings.

    Only scores strictly above the cut count, so that ties make the test careful.

    Args:
        samples: (n,) scores.
        holdout: (m,) scores.
        level: the percentile as a share, in (0, 1).

    Raises:
        ValueError: an empty set, scores that are not finite, or a level outside (0, 1).
    """
    mine, theirs = _checked(samples, "samples"), _checked(holdout, "hold-out")
    if not 0 < level < 1:
        raise ValueError(f"level {level} must be in (0, 1)")
    n, m = len(mine), len(theirs)
    rank = _rank(level, m)
    cut = float(np.sort(theirs)[rank - 1])
    above = int((mine > cut).sum())
    p = float(exceedances(n, m, rank)[above])
    return TailTest(p, level, cut, above, n * (m - rank + 1) / (m + 1), n, m)


def exceedances(n: int, m: int, rank: int) -> NDArray[np.float64]:
    """How often at least j of n exceed the rank-th smallest of m others of the same distribution.

    Returns:
        (n + 1,) the chance for j = 0 ... n.
    """
    from scipy.special import betaln, gammaln

    j = np.arange(n + 1)
    a, b = m - rank + 1, rank
    ways = gammaln(n + 1) - gammaln(j + 1) - gammaln(n - j + 1)
    mass = np.exp(ways + betaln(j + a, n - j + b) - betaln(a, b))
    chances: NDArray[np.float64] = np.minimum(1.0, np.cumsum(mass[::-1])[::-1])
    chances[0] = 1.0
    return chances


def samples_to_detect(superiority: float, alpha: float, power: float = 0.8) -> int:
    """Images of each set with which `mann_whitney` finds an effect (Noether, JASA 82, 1987).

    Args:
        superiority: probability that a sample scores higher, above 0.5.
        alpha: one-sided p that counts as found.
        power: how often it would be.

    Raises:
        ValueError: numbers outside their range.
    """
    if not 0.5 < superiority <= 1 or not 0 < alpha < 1 or not 0 < power < 1:
        raise ValueError(f"effect {superiority}, alpha {alpha} and power {power} make no sense together")
    from scipy.special import ndtri

    wanted = float(ndtri(1 - alpha) + ndtri(power)) ** 2
    return math.ceil(wanted / (6 * (superiority - 0.5) ** 2))


def detectable_superiority(n: int, m: int, alpha: float, power: float = 0.8) -> float:
    """Smallest effect that `mann_whitney` of n samples and m hold-out images finds (Noether's formula).

    Args:
        n: samples.
        m: hold-out images.
        alpha: one-sided p that counts as found.
        power: how often it would be.

    Returns:
        A probability of superiority; above 1 where such small sets find nothing.
    """
    from scipy.special import ndtri

    return 0.5 + float(ndtri(1 - alpha) + ndtri(power)) * math.sqrt((n + m + 1) / (12 * n * m))


def _rank(level: float, m: int) -> int:
    """Which of m sorted scores, counted from 1, is their percentile."""
    return max(1, math.ceil(level * m - 1e-9))


def _checked(scores: ArrayLike, what: str) -> NDArray[np.float64]:
    given = np.asarray(scores, np.float64)
    if given.ndim != 1 or len(given) == 0:
        raise ValueError(f"scores of the {what} have shape {given.shape}; expected (1 or more,)")
    if not np.isfinite(given).all():
        raise ValueError(f"scores of the {what} are not all finite")
    return given


def _bounds(superiority: float, n: int, m: int, confidence: float) -> tuple[float, float]:
    """Effects between which the observed one is no surprise."""
    from scipy.special import ndtri

    wide = float(ndtri((1 + confidence) / 2))

    def surprising(effect: float) -> bool:
        spread = (n + m) / 2 - 1
        shape = 1 + spread * ((1 - effect) / (2 - effect) + effect / (1 + effect))
        return abs(effect - superiority) > wide * math.sqrt(effect * (1 - effect) * shape / (n * m))

    return _edge(superiority, 0.0, surprising), _edge(superiority, 1.0, surprising)


def _edge(inside: float, outside: float, surprising: Callable[[float], bool]) -> float:
    if inside == outside:
        return outside
    for _ in range(50):
        middle = (inside + outside) / 2
        inside, outside = (inside, middle) if surprising(middle) else (middle, outside)
    return outside
