from __future__ import annotations

import math

import numpy as np
import pytest

from pytest_replication.stats import data_copying as module
from pytest_replication.stats.data_copying import data_copying
from pytest_replication.stats.features import blocks_of
from pytest_replication.stats.kmeans import assign, kmeans

from .conftest import Sets


def by_the_formula(sets: Sets, dims: int) -> tuple[list[float | None], float | None]:
    """Z of each cell and C_T, pair by pair."""
    train = sets.train.astype(np.float64)
    centre = train.mean(axis=0)
    axes = np.linalg.svd(train - centre, full_matrices=False)[2][:dims].T
    if train.shape[1] <= dims:
        axes = np.eye(train.shape[1])
    t, p, q = ((s.astype(np.float64) - centre) @ axes for s in (sets.train, sets.holdout, sets.samples))
    centres = kmeans(t, 3)
    zs: list[float | None] = []
    weights = []
    for cell in range(3):
        inside = t[assign(t, centres) == cell]
        far = [np.linalg.norm(inside - x, axis=1).min() for x in p[assign(p, centres) == cell]]
        near = [np.linalg.norm(inside - x, axis=1).min() for x in q[assign(q, centres) == cell]]
        n, m = len(far), len(near)
        if n < 20 or m <= 20:
            zs.append(None)
            continue
        wins = sum((a > b) + (a == b) / 2 for a in near for b in far)
        zs.append((wins - (m * n / 2 - 0.5)) / math.sqrt(m * n * (m + n + 1) / 12))
        weights.append((n / len(p), zs[-1]))
    return zs, sum(w * z for w, z in weights) / sum(w for w, _ in weights) if weights else None


@pytest.mark.parametrize("dims", [64, 20])
def test_it_is_the_formula_pair_by_pair(sets: Sets, dims: int) -> None:
    zs, mean = by_the_formula(sets, dims)
    assert any(z is not None for z in zs)
    found = data_copying(blocks_of(sets.train), sets.holdout, sets.samples, dims=dims)
    assert sorted(c.z for c in found.cells if c.z is not None) == pytest.approx(
        sorted(z for z in zs if z is not None), abs=0.02
    )
    assert found.c_t == pytest.approx(mean, abs=0.02)
    assert (found.train, found.dims) == (len(sets.train), dims)
    assert sum(c.train for c in found.cells) == len(sets.train)
    assert sum(c.holdout for c in found.cells) == len(sets.holdout)
    assert sum(c.samples for c in found.cells) == len(sets.samples)


def test_copies_are_far_below_zero_and_a_fresh_draw_is_not(random_sets: Sets) -> None:
    train = blocks_of(random_sets.train)
    copied = data_copying(train, random_sets.holdout, random_sets.samples)
    assert copied.c_t is not None
    assert copied.c_t < -3
    assert min(c.superiority or 0 for c in copied.cells) > 0.6
    fresh = data_copying(train, random_sets.holdout[:75], random_sets.holdout[75:])
    assert fresh.c_t is not None
    assert abs(fresh.c_t) < 2
    far = data_copying(train, random_sets.holdout, random_sets.holdout + 0.8)
    assert far.c_t is not None
    assert far.c_t > 2


def test_narrow_features_are_taken_as_they_are(random_sets: Sets) -> None:
    sets = Sets(*(s[:, :5] for s in (random_sets.train, random_sets.holdout, random_sets.samples)))
    found = data_copying(blocks_of(sets.train), sets.holdout, sets.samples)
    assert found.dims == 5
    assert found.c_t == pytest.approx(by_the_formula(sets, 64)[1], abs=0.02)


def test_cells_that_are_too_small_are_named(random_sets: Sets) -> None:
    few = data_copying(blocks_of(random_sets.train), random_sets.holdout[:30], random_sets.samples)
    assert few.too_small
    for number in few.too_small:
        assert few.cells[number].holdout < 20
        assert not few.cells[number].judged
    nothing = data_copying(blocks_of(random_sets.train), random_sets.holdout[:5], random_sets.samples)
    assert nothing.c_t is None
    assert nothing.too_small == (0, 1, 2)


def test_cells_may_be_learnt_from_a_part_while_distances_are_to_all(
    random_sets: Sets, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_FOR_CELLS", 100)
    found = data_copying(blocks_of(random_sets.train), random_sets.holdout, random_sets.samples)
    assert (found.train, found.learnt_from) == (400, 100)
    assert sum(cell.train for cell in found.cells) == 400
    assert found.c_t is not None
    assert found.c_t < -3


@pytest.mark.parametrize("bad", ["nan", "none", "length"])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_features_that_are_none_are_refused(random_sets: Sets, bad: str, place: int) -> None:
    sets = [random_sets.train.copy(), random_sets.holdout.copy(), random_sets.samples.copy()]
    if bad == "nan":
        sets[place][3, 3] = np.nan
    else:
        sets[place] = sets[place][:0] if bad == "none" else sets[place][:, :7]
    with pytest.raises(ValueError):
        data_copying(blocks_of(sets[0]), sets[1], sets[2])
    with pytest.raises(ValueError):
        data_copying(lambda: iter([sets[0]]), sets[1], sets[2])


def test_constant_training_features_have_no_cells(random_sets: Sets) -> None:
    with pytest.raises(ValueError, match="distinct"):
        data_copying(blocks_of(np.ones((50, 80))), random_sets.holdout, random_sets.samples)
