"""A transform on which a few of many pairs agree is found, whatever the others tell."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_pairs import point_pairs, transform

from pytest_replication.scoring import consensus as module
from pytest_replication.scoring.consensus import SCALES, consensus, repeated
from pytest_replication.scoring.transforms import PointPairs

TOLERANCE = 5.0


def with_false_ones(right: PointPairs, count: int, seed: int = 1) -> PointPairs:
    """The same after so many pairs of any places, turns and sizes."""
    random = np.random.default_rng(seed)
    return PointPairs(
        np.concatenate([random.uniform(0, 400, (count, 2)), right.points]),
        np.concatenate([random.uniform(0, 400, (count, 2)), right.others]),
        np.concatenate([random.uniform(-180, 180, count), right.turns]),
        np.concatenate([random.normal(0, 1, count), right.octaves]),
        np.concatenate([np.full(count, 0.8), right.ratios]),
    )


@given(st.floats(0.3, 3), st.floats(-180, 180))
def test_a_few_right_pairs_among_many_are_found(scale, turn):
    matrix = transform(scale, turn, 30, -20)
    found = consensus(with_false_ones(point_pairs(matrix, count=8), 120), TOLERANCE)
    assert found is not None
    assert found == pytest.approx(matrix, abs=0.5)


def test_many_places_that_fall_on_one_tell_no_transform():
    """A transform that shrinks all to a point agrees with every pair of that point."""
    right = point_pairs(transform(1, 0, 0, 0), count=6)
    pairs = with_false_ones(right, 60)
    others = np.concatenate([np.full((60, 2), 200.0), right.others])
    found = consensus(replace(pairs, others=others), TOLERANCE)
    assert found == pytest.approx(transform(1, 0, 0, 0), abs=1e-6)


@pytest.mark.parametrize("scale", [SCALES[0] * 0.9, SCALES[1] * 1.1])
def test_scales_that_are_not_taken_for_real_are_none(scale):
    assert consensus(point_pairs(transform(scale, 0, 0, 0)), TOLERANCE) is None


@pytest.mark.parametrize("count", [0, 1, 2])
def test_two_pairs_always_agree_and_so_prove_nothing(count):
    assert consensus(point_pairs(transform(1, 10, 0, 0), count=count), TOLERANCE) is None


def test_pairs_that_agree_by_place_alone_do_not_count():
    pairs = point_pairs(transform(1, 0, 0, 0), count=12)
    assert consensus(pairs, TOLERANCE) is not None
    assert consensus(replace(pairs, turns=pairs.turns + 90), TOLERANCE) is None
    assert consensus(replace(pairs, octaves=pairs.octaves + 2), TOLERANCE) is None


def test_points_that_fall_together_tell_no_turn():
    pairs = point_pairs(transform(1, 0, 0, 0), count=12)
    together = replace(pairs, points=pairs.points / 100, others=pairs.others / 100)
    assert consensus(together, TOLERANCE) is None


def test_those_that_stand_out_most_are_asked(monkeypatch):
    matrix = transform(1, 0, 0, 0)
    pairs = with_false_ones(point_pairs(matrix, count=10), 90)
    monkeypatch.setattr(module, "_MOST", 10)
    assert consensus(pairs, TOLERANCE) == pytest.approx(matrix, abs=1e-6)
    last = replace(pairs, ratios=1 - pairs.ratios)
    assert consensus(last, TOLERANCE) is None


def test_of_too_many_transforms_those_at_even_distances_are_counted_out(monkeypatch):
    matrix = transform(1.3, 40, 5, 5)
    pairs = point_pairs(matrix, count=60)
    monkeypatch.setattr(module, "_COUNTED", 7)
    assert consensus(pairs, TOLERANCE) == pytest.approx(matrix, abs=1e-6)


def shifted(pairs: PointPairs, by: float) -> PointPairs:
    return replace(pairs, others=pairs.others + by)


def test_pairs_that_agree_on_another_place_are_counted():
    matrix = transform(1, 0, 0, 0)
    lattice = shifted(point_pairs(matrix, count=9, seed=3), 60)
    assert repeated(matrix, with_false_ones(lattice, 20), TOLERANCE) == 9
    assert repeated(matrix, shifted(point_pairs(matrix, count=2), 60), TOLERANCE) == 0


@pytest.mark.parametrize("other", [transform(1, 40, 0, 0), transform(1.8, 0, 0, 0)])
def test_a_part_that_is_turned_or_sized_otherwise_is_another_copy_and_no_repetition(other):
    pairs = point_pairs(other, count=12)
    assert consensus(pairs, TOLERANCE) is not None
    assert repeated(transform(1, 0, 0, 0), pairs, TOLERANCE) == 0


@pytest.mark.parametrize("what", ["turns", "octaves"])
def test_a_false_pair_that_lies_in_place_by_chance_is_not_of_the_transform(what):
    """It is a little off, and would turn what is fitted."""
    matrix = transform(1, 0, 0, 0)
    right = point_pairs(matrix, count=6)
    aside = replace(right, points=right.points + np.array([0, 4.5]), **{what: getattr(right, what) + 90})
    both = PointPairs(
        *(np.concatenate([getattr(one, name) for one in (right, aside)]) for name in PointPairs.__slots__)
    )
    assert consensus(both, TOLERANCE) == pytest.approx(matrix, abs=1e-6)
