"""The generalisation gap of FLD: do samples explain training images better than hold-out images?

Jiralerspong, Bose, Gemp, Qin, Bachrach and Gidel, "Feature Likelihood Divergence", NeurIPS 2023. Each
sample is the centre of a Gaussian, whose variance is fitted to the training images. The gap is

    100 * (NLL of training images - NLL of hold-out images), in nats per dimension:

negative where samples lie closer to training images. Published values are of DINOv2 features.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pytest_replication.stats.features import checked, squared_distances

MOST = 4_000
"""Vectors of each set that are looked at (published: 10,000): all distances between them are in memory."""
_EPOCHS, _RATE = 50, 0.5
_LIMIT, _STILL, _LOOK = 40.0, 5e-4, 5
_PULL = 0.9**2
"""Factor of squared distances to the Gaussian at the mean of the training images, which takes outliers."""


@dataclass(frozen=True, slots=True)
class Generalisation:
    """How well samples explain training and hold-out images.

    Attributes:
        train: negative log-likelihood of training images a dimension, in nats.
        holdout: that of hold-out images.
        memorised: (samples,) log-likelihood a dimension of the training image that each sample explains
            best.
    """

    train: float
    holdout: float
    memorised: NDArray[np.float64]

    @property
    def gap(self) -> float:
        """The generalisation gap, times 100; negative where samples are closer to training images."""
        return 100 * (self.train - self.holdout)


def generalisation(train: ArrayLike, holdout: ArrayLike, samples: ArrayLike) -> Generalisation:
    """Fit a mixture around samples to training images, and compare likelihoods.

    Dimensions in which the hold-out does not vary are left out.

    Args:
        train: (N, dim) features, `MOST` at most.
        holdout: (n, dim) features, `MOST` at most.
        samples: (m, dim) features, `MOST` at most.

    Raises:
        ValueError: features that are missing or not finite, or more than `MOST`; hold-out features of
            which none varies.
    """
    sets = [
        checked(given, f"{what} features").astype(np.float64)
        for given, what in ((train, "training"), (holdout, "hold-out"), (samples, "sample"))
    ]
    if max(map(len, sets)) > MOST:
        raise ValueError(f"more than {MOST} features: take a part of them")
    spread = sets[1].std(axis=0, ddof=1) if len(sets[1]) > 1 else np.zeros(sets[1].shape[1])
    varies = spread > 0
    if not varies.any():
        raise ValueError("hold-out features do not vary")
    seen, unseen, centres = ((s[:, varies] - sets[1].mean(axis=0)[varies]) / spread[varies] for s in sets)
    dim = seen.shape[1]
    near = squared_distances(seen, centres)
    logs = fit(near, squared_distances(seen, seen.mean(axis=0, keepdims=True)), dim)
    explained = _components(near, logs[:-1], dim)
    return Generalisation(
        -float(_mixed(explained).mean()) / dim,
        -float(_mixed(_components(squared_distances(unseen, centres), logs[:-1], dim)).mean()) / dim,
        explained.max(axis=0) / dim,
    )


def fit(near: NDArray[np.float64], origin: NDArray[np.float64], dim: int) -> NDArray[np.float64]:
    """Log variances of the Gaussians under which training images are likely (Adam, as published).

    Args:
        near: (N, m) squared distances of training images to samples.
        origin: (N, 1) squared distances to their own mean.
        dim: of the features.

    Returns:
        (m + 1,) log variances, the last that of the Gaussian at the mean.
    """
    squared = np.concatenate([near, origin * _PULL], axis=1)
    logs = np.log((np.concatenate([near, origin], axis=1).min(axis=0) + 1e-3) / dim)
    first, second, losses = np.zeros_like(logs), np.zeros_like(logs), []
    for epoch in range(_EPOCHS):
        loss, slope = _loss(squared, logs, dim)
        first, second = 0.9 * first + 0.1 * slope, 0.999 * second + 0.001 * slope**2
        steps = epoch + 1
        moved = first / (1 - 0.9**steps) / (np.sqrt(second / (1 - 0.999**steps)) + 1e-8)
        logs = np.clip(logs - _RATE * moved, -_LIMIT, _LIMIT)
        losses.append(loss)
        if epoch > _LOOK and abs(losses[-1] - losses[-1 - _LOOK]) < _STILL:
            break
    found: NDArray[np.float64] = logs
    return found


def _loss(
    squared: NDArray[np.float64], logs: NDArray[np.float64], dim: int
) -> tuple[float, NDArray[np.float64]]:
    """Mean negative log-likelihood a dimension, and its slope along the log variances."""
    parts = _components(squared, logs, dim)
    whole = _mixed(parts)
    shares = np.exp(parts - whole[:, None]) / parts.shape[1]
    pulls = shares * (dim / 2 - squared * np.exp(-logs) / 2)
    return -float(whole.mean()) / dim, pulls.mean(axis=0) / dim


def _components(squared: NDArray[np.float64], logs: NDArray[np.float64], dim: int) -> NDArray[np.float64]:
    """(N, m) log densities under each Gaussian."""
    densities: NDArray[np.float64] = -squared * np.exp(-logs) / 2 - dim / 2 * (logs + math.log(2 * math.pi))
    return densities


def _mixed(parts: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N,) log density of the mixture, each Gaussian with the same weight."""
    most = parts.max(axis=1)
    mixed: NDArray[np.float64] = most + np.log(np.exp(parts - most[:, None]).mean(axis=1))
    return mixed
