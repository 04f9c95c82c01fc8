"""The smallest number of points that innocent images seldom have."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_replication.stats.intervals import upper_bound
from pytest_replication.stats.points import images_to_prove, least_points, share_bound

FLOOR = 6


@given(st.lists(st.integers(0, 30), min_size=1, max_size=400), st.sampled_from([0.2, 0.05, 0.02]))
def test_it_is_the_smallest_whose_bound_keeps_to_the_rate(found: list[int], rate: float) -> None:
    least = least_points(found, rate, FLOOR)
    bounds = {n: upper_bound(sum(f >= n for f in found), len(found)) for n in range(FLOOR, 33)}
    assert least.bound == bounds[least.points]
    smaller = [n for n in bounds if n < least.points]
    if least.proved:
        assert least.bound <= rate
        assert all(bounds[n] > rate for n in smaller)
    else:
        assert all(bound > rate for bound in bounds.values())
        assert least.points == max(FLOOR, max(found) + 1)


def test_too_few_images_prove_nothing() -> None:
    few = least_points([3] * 100 + [9], 0.01, FLOOR)
    assert (few.points, few.proved) == (10, False)
    assert few.bound == pytest.approx(0.0292, abs=1e-4)
    assert least_points([3] * 500, 0.01, FLOOR) == (FLOOR, share_bound([3] * 500, FLOOR), True)
    assert least_points([3] * 499 + [20], 0.01, FLOOR).points == FLOOR  # one of 500: at most 0.95 %
    assert least_points([3] * 498 + [20, 21], 0.01, FLOOR).points == 21


@pytest.mark.parametrize("rate", [0.5, 0.05, 0.01, 0.001])
def test_images_that_prove_a_rate(rate: float) -> None:
    count = images_to_prove(rate)
    assert upper_bound(0, count) <= rate < upper_bound(0, count - 1)


def test_the_true_share_seldom_exceeds_the_rate() -> None:
    random, rate, failed = np.random.default_rng(0), 0.02, 0
    shares = 0.7 ** np.arange(40) * 0.3  # geometric: the share with n points or more is 0.7 ** n
    for _ in range(300):
        found = random.choice(40, 400, p=shares / shares.sum()).tolist()
        least = least_points(found, rate, 1)
        failed += not least.proved or 0.7**least.points > rate
    assert failed <= 25  # of 300 at 5 %: 15 are expected, more than 25 with a probability below 1 %


@pytest.mark.parametrize("rate", [0.0, 1.0, float("nan")])
def test_no_rate_is_refused(rate: float) -> None:
    with pytest.raises(ValueError, match="rate"):
        least_points([1], rate, FLOOR)
    with pytest.raises(ValueError, match="rate"):
        images_to_prove(rate)
    with pytest.raises(ValueError, match="make no rate"):
        least_points([], 0.1, FLOOR)
