"""Clopper-Pearson bounds of a rate, and how many samples a claim needs.

Clopper and Pearson, "The use of confidence or fiducial limits illustrated in the case of the
binomial", Biometrika 26 (1934). Bounds are one-sided: the true rate lies above the upper bound
with probability at most 1 - confidence. Samples are taken as independent.
"""

from __future__ import annotations

_MOST = 10**8


def upper_bound(hits: int, n: int, confidence: float = 0.95) -> float:
    """Upper bound of the rate when `hits` of `n` samples were hits.

    Raises:
        ValueError: counts or confidence that make no sense.
    """
    _check(hits, n, confidence)
    if hits == n:
        return 1.0
    from scipy.special import betaincinv

    return float(betaincinv(hits + 1, n - hits, confidence))


def lower_bound(hits: int, n: int, confidence: float = 0.95) -> float:
    """Lower bound of the rate when `hits` of `n` samples were hits.

    Raises:
        ValueError: counts or confidence that make no sense.
    """
    _check(hits, n, confidence)
    if hits == 0:
        return 0.0
    from scipy.special import betaincinv

    return float(betaincinv(hits, n - hits + 1, 1 - confidence))


def samples_to_prove(rate: float, limit: float, confidence: float = 0.95) -> int | None:
    """Number of samples that would put a limit outside the bounds, if hits go on at `rate`.

    Args:
        rate: observed rate, in [0, 1].
        limit: rate that is to be proved or refuted, in (0, 1).
        confidence: of the one-sided bound.

    Returns:
        The number (to within rounding of the hits), None where no feasible number would do
        because the rate is at the limit.

    Raises:
        ValueError: rates or confidence outside their range.
    """
    if not 0 <= rate <= 1 or not 0 < limit < 1:
        raise ValueError(f"rate {rate} must be in [0, 1] and limit {limit} in (0, 1)")
    low, high = 0, 1
    while not _settled(rate, limit, high, confidence):
        low, high = high, high * 2
        if high > _MOST:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        if _settled(rate, limit, middle, confidence):
            high = middle
        else:
            low = middle
    return high


def _settled(rate: float, limit: float, n: int, confidence: float) -> bool:
    hits = min(n, round(rate * n))
    if rate > limit:
        return lower_bound(hits, n, confidence) > limit
    return upper_bound(hits, n, confidence) <= limit


def _check(hits: int, n: int, confidence: float) -> None:
    if n < 1 or not 0 <= hits <= n:
        raise ValueError(f"{hits} hits of {n} samples make no rate")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence {confidence} must be in (0, 1)")
