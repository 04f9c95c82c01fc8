"""MiFID: the Fréchet distance, divided by how far samples stay from training images.

Bai, Lin, Raffel and Kan, "On Training Sample Memorization", KDD 2021. The distance of a sample is
1 - |cos| to its nearest training image; their mean M counts where it is below a cut, which was published
for Inception features and holds for no others. A mean: a few copies do not move it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pytest_replication.stats.features import Blocks, Vectors, checked, pieces

CUT = 0.1
"""Memorisation distance below which it counts (Inception features)."""


@dataclass(frozen=True, slots=True)
class Mifid:
    """Memorisation-informed Fréchet distance.

    Attributes:
        frechet: Fréchet distance between samples and training images, on the features given.
        memorisation: mean over samples of the smallest 1 - |cos| to a training image.
        cut: below which it counts.
    """

    frechet: float
    memorisation: float
    cut: float = CUT

    @property
    def value(self) -> float:
        """MiFID: the Fréchet distance, divided by the memorisation distance where that is below the cut."""
        if self.frechet <= 1e-8:
            return 0.0
        return self.frechet / ((self.memorisation if self.memorisation < self.cut else 1.0) + 1e-14)


def mifid(samples: ArrayLike, train: Blocks, *, cut: float = CUT) -> Mifid:
    """Compare samples with training images.

    Args:
        samples: (m, dim) features, two or more.
        train: (N, dim) features, in blocks, two or more.
        cut: memorisation distance below which it counts.

    Raises:
        ValueError: features that are missing, not finite, or all zero; fewer than two of either.
    """
    given = checked(samples, "sample features")
    return Mifid(_frechet(_moments([given]), _moments(pieces(train))), _memorisation(given, train), cut)


def _memorisation(samples: Vectors, train: Blocks) -> float:
    mine, most = _unit(samples), np.zeros(len(samples))
    for block in pieces(train):
        most = np.maximum(most, np.abs(mine @ _unit(block).T).max(axis=1))
    return float((1 - np.minimum(most, 1.0)).mean())


def _unit(rows: Vectors) -> NDArray[np.float64]:
    wide = rows.astype(np.float64)
    lengths = np.linalg.norm(wide, axis=1, keepdims=True)
    if not (lengths > 0).all():
        raise ValueError("a feature is zero: it has no direction")
    unit: NDArray[np.float64] = wide / lengths
    return unit


Moments = tuple[NDArray[np.float64], NDArray[np.float64]]


def _moments(blocks: Iterable[Vectors]) -> Moments:
    """Mean and covariance."""
    count, total, products = 0, np.zeros(1), np.zeros((1, 1))
    for block in blocks:
        wide = block.astype(np.float64)
        count, total, products = count + len(wide), total + wide.sum(axis=0), products + wide.T @ wide
    if count < 2:
        raise ValueError("fewer than two features have no covariance")
    mean = total / count
    return mean, (products - count * np.outer(mean, mean)) / (count - 1)


def _frechet(one: Moments, other: Moments) -> float:
    values, axes = np.linalg.eigh(one[1])
    root = (axes * np.sqrt(np.maximum(values, 0))) @ axes.T
    cross = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ other[1] @ root), 0)).sum()
    away = float(((one[0] - other[0]) ** 2).sum())
    return max(0.0, away + float(np.trace(one[1]) + np.trace(other[1])) - 2 * float(cross))
