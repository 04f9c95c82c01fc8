"""Do samples of one release copy more often than those of another? An exact test of two shares.

Fisher's exact test, one-sided (R. A. Fisher, Journal of the Royal Statistical Society 98, 1935): of all ways
to deal the hits of both releases to their samples, how many give the second release so many or more. Samples
are taken as independent. Where both releases were asked with the same seeds and prompts, their samples go
together, which makes the test careful: it finds less than there is.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def more_hits(old: tuple[int, int], new: tuple[int, int]) -> float:
    """How often chance alone gives the second of two alike sets so many hits, or more.

    Args:
        old: hits, and of how many samples.
        new: the same.

    Returns:
        The one-sided p-value, in (0, 1].

    Raises:
        ValueError: counts that make no sense.
    """
    _check(old, new)
    (k, n), (more, m) = old, new
    hits = k + more
    as_many = np.arange(more, min(m, hits) + 1)  # to deal so many to the second, the rest to the first
    ways = _ways(m, as_many) + _ways(n, hits - as_many) - _ways(n + m, np.array([hits]))
    return min(1.0, float(np.exp(ways).sum()))


def detectable_rate(old: tuple[int, int], samples: int, level: float, power: float = 0.8) -> float | None:
    """Smallest rate of a second release that `more_hits` would find.

    Args:
        old: hits, and of how many samples.
        samples: of the second release.
        level: p-value that counts as found.
        power: how often it would be.

    Returns:
        The rate; None where so few samples could find nothing.

    Raises:
        ValueError: counts or shares that make no sense.
    """
    _check(old, (0, samples))
    if not 0 < level < 1 or not 0 < power < 1:
        raise ValueError(f"level {level} and power {power} must be in (0, 1)")
    low, high = -1, samples  # too few hits, enough hits
    if more_hits(old, (samples, samples)) > level:
        return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if more_hits(old, (middle, samples)) <= level else (middle, high)
    from scipy.special import betaincinv

    return float(betaincinv(high, samples - high + 1, power))


def percentiles(scores: tuple[float, ...], levels: tuple[float, ...]) -> tuple[float, ...]:
    """Scores that so large shares of all do not exceed: order statistics, as `stats.twosample` takes them."""
    ordered = np.sort(np.asarray(scores, np.float64))
    places = [max(1, int(np.ceil(level * len(ordered) - 1e-9))) for level in levels]
    return tuple(float(ordered[place - 1]) for place in places)


def _ways(of: int, chosen: NDArray[np.int64]) -> NDArray[np.float64]:
    """Logarithm of the number of ways to choose so many."""
    from scipy.special import gammaln  # scipy.stats takes a second to load

    found: NDArray[np.float64] = gammaln(of + 1) - gammaln(chosen + 1) - gammaln(of - chosen + 1)
    return found


def _check(*counts: tuple[int, int]) -> None:
    for hits, samples in counts:
        if samples < 1 or not 0 <= hits <= samples:
            raise ValueError(f"{hits} hits of {samples} samples make no share")
