from __future__ import annotations

import numpy as np
import pytest
import scipy
from scipy.cluster.vq import kmeans2

from pytest_replication.stats.kmeans import assign, kmeans

from .conftest import Sets

GENERATOR = "rng" if tuple(map(int, scipy.__version__.split(".")[:2])) >= (1, 15) else "seed"


def inertia(points: np.ndarray, centres: np.ndarray) -> float:
    return float(((points[:, None] - centres[None]) ** 2).sum(axis=2).min(axis=1).sum())


def test_cells_are_as_tight_as_those_of_scipy(sets: Sets) -> None:
    points = sets.train.astype(np.float64)
    starts = [
        kmeans2(points, 3, iter=50, minit="++", **{GENERATOR: np.random.default_rng(i)})[0] for i in range(10)
    ]
    reference = min(inertia(points, centres) for centres in starts)
    assert inertia(points, kmeans(sets.train, 3)) == pytest.approx(reference, rel=1e-3)


def test_the_same_seed_gives_the_same_cells(random_sets: Sets) -> None:
    assert (kmeans(random_sets.train, 3, seed=4) == kmeans(random_sets.train, 3, seed=4)).all()


def test_separate_clouds_are_told_apart() -> None:
    clouds = np.repeat([[0.0, 0.0], [9.0, 0.0], [0.0, 9.0]], 20, axis=0)
    points = clouds + np.random.default_rng(0).normal(0, 0.1, clouds.shape)
    homes = assign(points, kmeans(points, 3))
    assert sorted(len(set(homes[i : i + 20])) for i in (0, 20, 40)) == [1, 1, 1]
    assert len(set(homes)) == 3


def test_too_few_distinct_vectors_are_refused() -> None:
    with pytest.raises(ValueError, match="3 cells need as many distinct"):
        kmeans(np.ones((50, 4)), 3)
