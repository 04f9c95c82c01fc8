"""Bounds of a rate whose samples come in clusters: the images of one prompt are not independent.

The bootstrap draws whole clusters (BCa: Efron, Journal of the American Statistical Association 82, 1987).
It knows nothing of what it has not seen: without a hit its bounds are 0, and with few clusters, or few that
were hit, they are too narrow. Bounds are therefore never inside those of Clopper and Pearson at the number
of independent samples that the clusters are worth (Korn and Graubard, Survey Methodology 24, 1998). Where
there are too few clusters, or too few with a hit or a miss, to tell that number, they count as if all samples
of a cluster were one (`worth`): no distribution within clusters has a larger variance
(benchmarks/error_rates.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

FEW = 30
"""Clusters below which all samples of one count as one."""
_FEW_HIT = 10
"""Clusters with a hit, and with a miss, below which all samples of one count as one."""
_RESAMPLES = 4000


@dataclass(frozen=True, slots=True)
class Clustered:
    """One-sided bounds of a rate over clusters.

    Attributes:
        lower: the rate lies below with probability at most 1 - confidence.
        upper: the rate lies above with probability at most 1 - confidence.
        effective: independent samples that the clusters are worth, from 1 to all.
        clusters: number of clusters.
    """

    lower: float
    upper: float
    effective: float
    clusters: int

    @property
    def few(self) -> bool:
        """Whether there are so few clusters that all samples of one count as one."""
        return self.clusters < FEW


def clustered_bounds(
    hits: Sequence[int], sizes: Sequence[int], confidence: float = 0.95, *, seed: int = 0
) -> Clustered:
    """Bound the share of hits, drawing whole clusters.

    Args:
        hits: of each cluster.
        sizes: samples of each cluster, at least 1.
        confidence: of each of the two bounds.
        seed: of the bootstrap.

    Raises:
        ValueError: no clusters, counts that make no rate, or a confidence outside (0, 1).
    """
    found, all_of = np.asarray(hits, np.int64), np.asarray(sizes, np.int64)
    _check(found, all_of, confidence)
    effective = effective_samples(found, all_of, confidence)
    low, high = _clopper_pearson(found.sum() / all_of.sum(), effective, confidence)
    if 0 < found.sum() < all_of.sum() and len(found) > 1:
        bounds = bca(found, all_of, confidence, seed=seed)
        low, high = min(low, bounds[0]), max(high, bounds[1])
    return Clustered(low, high, effective, len(found))


def worth(sizes: ArrayLike) -> float:
    """Independent samples that clusters are worth if all samples of each are alike.

    The number of clusters where all have one size, fewer where some are larger: a mean over such clusters has
    the variance of a mean over so many samples (Kish, Survey Sampling, 1965, section 11.7).

    Args:
        sizes: (clusters,) samples of each, at least 1.

    Returns:
        A number from 1 to that of the clusters.
    """
    counts = np.asarray(sizes, np.float64)
    return float(counts.sum() ** 2 / (counts**2).sum())


def effective_samples(hits: NDArray[np.int64], sizes: NDArray[np.int64], confidence: float = 0.95) -> float:
    """Independent samples with the variance that the clusters have; their `worth` where that is not known.

    The variance is an estimate from so many clusters, which the quantiles of Student's t allow for.
    """
    count, total = len(sizes), int(sizes.sum())
    if count < FEW or min((hits > 0).sum(), (hits < sizes).sum()) < _FEW_HIT:
        return worth(sizes)
    from scipy.special import stdtrit

    rate = hits.sum() / total
    residual = hits - rate * sizes
    variance = count / (count - 1) * float((residual**2).sum()) / total**2
    if variance <= 0:
        return worth(sizes)
    narrow, wide = (float(stdtrit(freedom, max(confidence, 0.6))) for freedom in (total - 1, count - 1))
    return float(min(total, max(1.0, rate * (1 - rate) / variance * (narrow / wide) ** 2)))


def bca(
    hits: NDArray[np.int64], sizes: NDArray[np.int64], confidence: float, *, seed: int = 0
) -> tuple[float, float]:
    """One-sided BCa bounds of the share of hits, drawing whole clusters.

    Args:
        hits: (clusters,) of each, with some hits and some misses among them.
        sizes: (clusters,) samples of each.
        confidence: of each bound.
        seed: of the draws.
    """
    from scipy.special import ndtr, ndtri

    # Clusters of equal counts are drawn together: one multinomial over kinds is as many draws of clusters.
    kinds, counts = np.unique(np.stack([hits, sizes], axis=1), axis=0, return_counts=True)
    draws = np.random.default_rng(seed).multinomial(len(hits), counts / len(hits), _RESAMPLES)
    rates = np.sort((draws @ kinds[:, 0]) / (draws @ kinds[:, 1]))
    rate = hits.sum() / sizes.sum()
    below = ((rates < rate).sum() + (rates == rate).sum() / 2) / _RESAMPLES
    shift = float(ndtri(np.clip(below, 0.5 / _RESAMPLES, 1 - 0.5 / _RESAMPLES)))
    left_out = (hits.sum() - kinds[:, 0]) / np.maximum(1, sizes.sum() - kinds[:, 1])
    away = np.average(left_out, weights=counts) - left_out
    spread = float((counts * away**2).sum()) ** 1.5
    bend = float((counts * away**3).sum()) / (6 * spread) if spread else 0.0

    def at(z: float) -> float:
        bent = 1 - bend * (shift + z)
        place = float(ndtr(shift + (shift + z) / bent)) if bent > 0 else float(z > 0)
        return float(np.quantile(rates, place))

    wide = float(ndtri(confidence))
    return at(-wide), at(wide)


def _clopper_pearson(rate: float, n: float, confidence: float) -> tuple[float, float]:
    """The bounds of `intervals`, for a number of samples that need not be whole."""
    from scipy.special import betaincinv

    k = rate * n
    low = 0.0 if k <= 0 else float(betaincinv(k, n - k + 1, 1 - confidence))
    high = 1.0 if k >= n else float(betaincinv(k + 1, n - k, confidence))
    return low, high


def _check(hits: NDArray[np.int64], sizes: NDArray[np.int64], confidence: float) -> None:
    if hits.ndim != 1 or hits.shape != sizes.shape or len(hits) == 0:
        raise ValueError(f"hits of {hits.shape} and sizes of {sizes.shape} clusters make no rate")
    if (sizes < 1).any() or (hits < 0).any() or (hits > sizes).any():
        raise ValueError("a cluster has no samples, or more hits than samples")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence {confidence} must be in (0, 1)")
