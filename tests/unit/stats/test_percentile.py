from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from pytest_replication.stats.intervals import upper_bound
from pytest_replication.stats.percentile import percentile_bounds


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 200), st.floats(0.05, 0.99), st.floats(0.6, 0.99))
def test_bounds_are_the_order_statistics_of_the_binomial(n: int, level: float, confidence: float) -> None:
    scores = np.random.default_rng(n).permutation(n) + 1.0  # the r-th smallest is r
    found = percentile_bounds(scores, level, confidence)
    ranks = np.arange(1, n + 1)
    enough = ranks[binom.cdf(ranks - 1, n, level) >= confidence]
    short = ranks[binom.sf(ranks - 1, n, level) >= confidence]
    assert found.upper == (enough[0] if len(enough) else None)
    assert found.lower == (short[-1] if len(short) else None)
    assert found.estimate == pytest.approx(np.percentile(scores, 100 * level))


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=150), st.floats(-1, 1))
def test_a_percentile_is_below_a_value_where_few_enough_scores_reach_it(
    scores: list[float], value: float
) -> None:
    upper = percentile_bounds(scores, 0.9).upper
    reach = sum(score >= value for score in scores)
    assert (upper is not None and upper < value) == (upper_bound(reach, len(scores)) <= 1 - 0.9 + 1e-12)


@pytest.mark.parametrize(("n", "known"), [(58, False), (59, True)])
def test_so_few_scores_do_not_bound_the_95th_percentile(n: int, known: bool) -> None:
    assert (percentile_bounds(np.arange(n), 0.95).upper is not None) == known


def test_repeated_scores_count_once_for_the_width() -> None:
    scores = np.arange(200.0)
    alone, repeated = (
        percentile_bounds(scores, 0.9),
        percentile_bounds(np.repeat(scores, 5), 0.9, distinct=200),
    )
    assert (alone.lower, alone.upper) == (repeated.lower, repeated.upper)
    assert percentile_bounds(np.zeros(1000), 0.95, distinct=1).upper is None


@pytest.mark.parametrize(
    ("scores", "level", "confidence"),
    [([], 0.9, 0.9), ([math.nan], 0.9, 0.9), ([1.0], 0.0, 0.9), ([1.0], 1.0, 0.9), ([1.0], 0.9, math.nan)],
)
def test_what_bounds_nothing_is_refused(scores: list[float], level: float, confidence: float) -> None:
    with pytest.raises(ValueError):
        percentile_bounds(scores, level, confidence)
    with pytest.raises(ValueError):
        percentile_bounds([1.0], 0.9, distinct=2)
