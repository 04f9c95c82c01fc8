from __future__ import annotations

import numpy as np
import pytest

from pytest_replication.stats.features import blocks_of, checked, nearest_distances, squared_distances

from .conftest import Sets


def test_distances_are_those_of_the_differences(sets: Sets) -> None:
    a, b = sets.samples[:50].astype(np.float64), sets.train[:60].astype(np.float64)
    assert squared_distances(a, b) == pytest.approx(((a[:, None] - b[None]) ** 2).sum(axis=2), rel=1e-6)


def test_a_copy_is_at_distance_zero_and_a_near_one_is_not() -> None:
    rows = np.random.default_rng(0).normal(0, 30, (5, 700))
    near = rows + 1e-6
    assert (np.diag(squared_distances(rows, rows.copy())) == 0).all()
    assert np.diag(squared_distances(rows, near)) == pytest.approx(700e-12, rel=1e-3)


def test_the_nearest_is_found_in_whatever_block(random_sets: Sets) -> None:
    train = random_sets.train
    parts = [train[i : i + 31] for i in range(0, len(train), 31)]
    distances, nearest = nearest_distances(random_sets.holdout, lambda: parts)
    away = np.linalg.norm(random_sets.holdout[:, None].astype(float) - train[None], axis=2)
    assert distances == pytest.approx(away.min(axis=1))
    assert (nearest == train[away.argmin(axis=1)]).all()
    with pytest.raises(ValueError, match="no training features"):
        nearest_distances(random_sets.holdout, list)


@pytest.mark.parametrize("bad", [[], [1.0], [[]], [[np.nan]], [[np.inf]]])
def test_features_that_are_none_are_refused(bad: list[float]) -> None:
    with pytest.raises(ValueError, match="training features"):
        blocks_of(bad)
    with pytest.raises(ValueError, match="xyz"):
        checked(bad, "xyz")
