"""C_T: do samples lie closer to training images than hold-out images do, cell by cell?

Meehan, Chaudhuri and Dasgupta, "A Non-Parametric Test to Detect Data-Copying in Generative Models",
AISTATS 2020. The space is cut into cells; in each, the distances of samples to their nearest training
image of the cell are compared with those of hold-out images by a Mann-Whitney statistic, and C_T is the
mean of its z-scores, weighted by the share of hold-out images. Far below 0 is copying, far above it
underfitting. It sees sets: a few copies among many samples do not move it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pytest_replication.stats.features import (
    Blocks,
    Vectors,
    checked,
    pieces,
    squared_distances,
)
from pytest_replication.stats.kmeans import assign, kmeans
from pytest_replication.stats.twosample import detectable_superiority

Reduce = Callable[[NDArray[np.floating]], Vectors]

DIMS = 64
"""Principal components that are kept of wider features."""
CELLS = 3
_LEAST = 20
"""Samples that a cell must have more of (tau = 20 / m), and hold-out images that it must have."""
_FOR_CELLS = 20_000
"""Training images from which the cells are learnt; distances are to all of them."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell.

    Attributes:
        train: training images in it.
        holdout: hold-out images in it.
        samples: samples in it.
        superiority: probability that a sample of it lies closer to its nearest training image than a
            hold-out image does, ties counted half; None where the cell is too small.
        z: the z-score of the cell, negative where samples lie closer; None where it is too small.
        p: one-sided chance of such a z or a lower one; None where it is too small.
    """

    train: int
    holdout: int
    samples: int
    superiority: float | None
    z: float | None
    p: float | None

    @property
    def judged(self) -> bool:
        """Whether it has enough of everything."""
        return self.z is not None

    def detectable(self, alpha: float, power: float = 0.8) -> float:
        """Smallest superiority that a test of it at `alpha` finds as often as `power`."""
        return detectable_superiority(self.samples, self.holdout, alpha, power)


@dataclass(frozen=True, slots=True)
class DataCopying:
    """The test of each cell, and their mean.

    Attributes:
        cells: all cells, judged or not.
        c_t: C_T; None where no cell could be judged.
        train: training images that distances were taken to.
        learnt_from: those of them that the cells were learnt from.
        dims: components that features were reduced to, or their own number.
    """

    cells: tuple[Cell, ...]
    c_t: float | None
    train: int
    learnt_from: int
    dims: int

    @property
    def too_small(self) -> tuple[int, ...]:
        """Numbers of the cells that hold samples and could not be judged."""
        return tuple(i for i, cell in enumerate(self.cells) if cell.samples and not cell.judged)


def data_copying(
    train: Blocks,
    holdout: ArrayLike,
    samples: ArrayLike,
    *,
    cells: int = CELLS,
    dims: int = DIMS,
    seed: int = 0,
) -> DataCopying:
    """Compare distances of samples and of hold-out images to the training images.

    Training features pass by three times; memory holds `_FOR_CELLS` of them at most.

    Args:
        train: (N, dim) features of training images, in blocks.
        holdout: (n, dim) features of images that were not trained on.
        samples: (m, dim) features of samples.
        cells: into which the space is cut, by k-means on training features.
        dims: principal components (of the training features) that are kept of wider features.
        seed: of the cells.

    Raises:
        ValueError: features that are missing, not finite, of different lengths, or too few for the cells.
    """
    theirs, mine = checked(holdout, "hold-out features"), checked(samples, "sample features")
    centre, axes, count = _components(train, mine.shape[1], dims)
    if theirs.shape[1] != mine.shape[1]:
        raise ValueError(f"hold-out features have length {theirs.shape[1]}, samples {mine.shape[1]}")

    def reduced(features: NDArray[np.floating]) -> Vectors:
        return ((features.astype(np.float64) - centre) @ axes).astype(np.float32)

    chosen = _chosen(count, seed)
    centres = kmeans(_take(train, chosen, reduced), cells, seed=seed)
    (of_holdout, of_samples), sizes = _distances(train, reduced, centres, [reduced(theirs), reduced(mine)])
    found = tuple(
        _cell(int(size), far, near) for size, far, near in zip(sizes, of_holdout, of_samples, strict=True)
    )
    return DataCopying(found, _mean(found), count, len(chosen), axes.shape[1])


def _components(train: Blocks, width: int, dims: int) -> tuple[NDArray[np.float64], NDArray[np.float64], int]:
    """Mean, (dim, kept) axes and number of the training features."""
    count, total, products = 0, np.zeros(width), np.zeros((width, width))
    for block in pieces(train):
        wide = checked(block, "training features").astype(np.float64)
        if wide.shape[1] != width:
            raise ValueError(f"training features have length {wide.shape[1]}, samples {width}")
        count += len(wide)
        total += wide.sum(axis=0)
        products += wide.T @ wide
    if count == 0:
        raise ValueError("there are no training features")
    centre = total / count
    if width <= dims:
        return centre, np.eye(width), count
    _, axes = np.linalg.eigh(products / count - np.outer(centre, centre))
    return centre, axes[:, ::-1][:, :dims], count


def _chosen(count: int, seed: int) -> NDArray[np.int64]:
    if count <= _FOR_CELLS:
        return np.arange(count)
    return np.sort(np.random.default_rng(seed).choice(count, _FOR_CELLS, replace=False))


def _take(train: Blocks, chosen: NDArray[np.int64], reduced: Reduce) -> Vectors:
    taken, first = [], 0
    for block in pieces(train):
        here = chosen[(chosen >= first) & (chosen < first + len(block))] - first
        taken.append(reduced(block[here]))
        first += len(block)
    return np.concatenate(taken)


def _distances(
    train: Blocks, reduced: Reduce, centres: NDArray[np.float64], sets: Sequence[Vectors]
) -> tuple[list[list[NDArray[np.float64]]], NDArray[np.int64]]:
    """For each set the distances to the nearest training image of the own cell, cell by cell; cell sizes."""
    homes = [assign(features, centres) for features in sets]
    best = [np.full(len(features), np.inf) for features in sets]
    sizes = np.zeros(len(centres), np.int64)
    for block in pieces(train):
        near = reduced(block)
        cells = assign(near, centres)
        sizes += np.bincount(cells, minlength=len(centres))
        for features, home, nearest in zip(sets, homes, best, strict=True):
            for cell in np.unique(cells):
                mine = np.flatnonzero(home == cell)
                if len(mine):
                    squared = squared_distances(features[mine], near[cells == cell]).min(axis=1)
                    nearest[mine] = np.minimum(nearest[mine], squared)
    return [
        [np.sqrt(nearest[home == cell]) for cell in range(len(centres))]
        for home, nearest in zip(homes, best, strict=True)
    ], sizes


def _cell(train: int, holdout: NDArray[np.float64], samples: NDArray[np.float64]) -> Cell:
    n, m = len(holdout), len(samples)
    if train == 0 or n < _LEAST or m <= _LEAST:
        return Cell(train, n, m, None, None, None)
    from scipy.special import ndtr
    from scipy.stats import rankdata

    ranks = rankdata(np.concatenate([samples, holdout]))
    farther = float(ranks[:m].sum()) - m * (m + 1) / 2  # pairs whose sample is the farther one
    z = (farther - (m * n / 2 - 0.5)) / np.sqrt(m * n * (m + n + 1) / 12)
    return Cell(train, n, m, 1 - farther / (m * n), float(z), float(ndtr(z)))


def _mean(cells: Sequence[Cell]) -> float | None:
    judged = [(cell.holdout, cell.z) for cell in cells if cell.z is not None]
    total = sum(weight for weight, _ in judged)
    return sum(weight * z for weight, z in judged) / total if judged else None
