from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_replication.stats.null import Null, needed

GRID = st.integers(-1_000_000, 1_000_000).map(lambda step: step / 1e6)
SCORES = st.lists(GRID, min_size=1, max_size=60)
RATES = st.floats(0.001, 0.999)


@settings(max_examples=30)
@given(SCORES, st.lists(GRID, min_size=1, max_size=5))
def test_p_values_count_what_scores_as_high(scores: list[float], asked: list[float]) -> None:
    found = Null.of(scores).p_values(asked)
    wanted = [(1 + sum(score >= x for score in scores)) / (len(scores) + 1) for x in asked]
    assert found.tolist() == wanted


@settings(max_examples=30)
@given(SCORES, RATES)
def test_the_threshold_is_the_smallest_whose_p_values_are_small_enough(
    scores: list[float], rate: float
) -> None:
    null = Null.of(scores)
    if 1 / (len(scores) + 1) > rate:
        with pytest.raises(ValueError, match=f"{needed(rate)} can"):
            null.threshold(rate)
        return
    threshold = null.threshold(rate)
    assert null.p_values(threshold) <= rate
    assert null.p_values(round(threshold - 1e-6, 6)) > rate
    assert round(threshold, 6) == threshold


@pytest.mark.parametrize("rate", [0.01, 0.05, 0.07, 0.29, 0.57])
def test_the_rank_is_the_largest_that_keeps_the_rate(rate: float) -> None:
    for count in range(1, 400):
        k = Null.of(np.zeros(count)).rank(rate)
        assert k / (count + 1) <= rate
        assert (k + 1) / (count + 1) > rate or k == count


@settings(max_examples=30)
@given(RATES)
def test_needed_is_the_least_number_that_can_tell_a_rate(rate: float) -> None:
    count = needed(rate)
    assert Null.of(np.zeros(count)).rank(rate) >= 1
    assert count == 1 or Null.of(np.zeros(count - 1)).rank(rate) == 0


def test_needed_is_what_one_expects() -> None:
    assert (needed(0.01), needed(0.05), needed(0.5), needed(0.9)) == (99, 19, 1, 1)


def test_a_score_at_the_highest_of_the_null_is_below_the_threshold() -> None:
    null = Null.of([0.1, 0.2, 0.3] + [0.4] * 16)
    assert null.threshold(0.05) == 0.400001
    assert null.p_values(0.4) == 17 / 20


def test_new_images_reach_the_threshold_at_most_at_the_rate() -> None:
    """The promise itself, on average over nulls: 400 nulls of 99 scores, 500 new scores each."""
    rng = np.random.default_rng(1)
    reached = [
        (rng.beta(2, 5, 500) >= Null.of(rng.beta(2, 5, 99)).threshold(0.05)).mean() for _ in range(400)
    ]
    assert 0.04 < np.mean(reached) < 0.055


def test_the_bounds_of_the_rate_hold_as_often_as_they_say() -> None:
    rng = np.random.default_rng(2)
    inside = 0
    for _ in range(400):
        null = Null.of(rng.random(499))
        low, high = null.rate_bounds(0.05)
        inside += low <= 1 - null.threshold(0.05) <= high
    assert 0.92 <= inside / 400 <= 0.98


def test_the_bounds_of_the_quantile_hold_at_least_as_often_as_they_say() -> None:
    rng = np.random.default_rng(3)
    found = [Null.of(rng.random(499)).quantile_bounds(0.05) for _ in range(400)]
    assert np.mean([low <= 0.95 <= high for low, high in found]) >= 0.94


def test_a_null_that_is_too_small_bounds_nothing() -> None:
    assert Null.of([0.1, 0.2]).quantile_bounds(0.01) == (0.2, 1.0)
    assert Null.of([0.1, 0.2]).quantile_bounds(0.99) == (-1.0, 0.1)
    with pytest.raises(ValueError, match="99 can"):
        Null.of([0.1]).rate_bounds(0.01)


@pytest.mark.parametrize("scores", [[], [0.1, float("nan")], [float("inf")]])
def test_what_is_no_score_is_refused(scores: list[float]) -> None:
    with pytest.raises(ValueError, match="not finite"):
        Null.of(scores)


def test_a_sample_without_a_score_has_no_p_value() -> None:
    with pytest.raises(ValueError, match="not a number"):
        Null.of([0.1]).p_values([0.2, float("nan")])


@pytest.mark.parametrize("rate", [0.0, 1.0, -0.1, float("nan")])
def test_what_is_no_rate_is_refused(rate: float) -> None:
    with pytest.raises(ValueError, match="must be in"):
        Null.of([0.1]).rank(rate)
    with pytest.raises(ValueError, match="must be in"):
        needed(rate)


def test_nobody_changes_a_null() -> None:
    with pytest.raises(ValueError, match="read-only"):
        Null.of([0.1]).scores[0] = 0
