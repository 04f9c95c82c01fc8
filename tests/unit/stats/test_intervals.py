from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from pytest_replication.stats.intervals import lower_bound, samples_to_prove, upper_bound

counts = st.integers(1, 3000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
confidences = st.floats(0.5, 0.999)


@given(counts, confidences)
def test_bounds_are_those_of_scipy(pair: tuple[int, int], confidence: float) -> None:
    hits, n = pair
    low = binomtest(hits, n, alternative="greater").proportion_ci(confidence, "exact").low
    high = binomtest(hits, n, alternative="less").proportion_ci(confidence, "exact").high
    assert lower_bound(hits, n, confidence) == pytest.approx(low, abs=1e-9)
    assert upper_bound(hits, n, confidence) == pytest.approx(high, abs=1e-9)
    assert lower_bound(hits, n, confidence) <= hits / n <= upper_bound(hits, n, confidence)


@pytest.mark.parametrize(
    ("n", "percent"), [(50, 5.8), (100, 2.95), (300, 0.994), (1000, 0.299), (9000, 0.0333)]
)
def test_no_hits_of_n(n: int, percent: float) -> None:
    assert 100 * upper_bound(0, n) == pytest.approx(percent, rel=5e-3)


@pytest.mark.parametrize(("limit", "n"), [(0.05, 59), (0.02, 149), (0.01, 299), (0.005, 598), (0.001, 2995)])
def test_samples_without_a_hit_that_prove_a_limit(limit: float, n: int) -> None:
    assert samples_to_prove(0, limit) == n
    assert upper_bound(0, n) <= limit < upper_bound(0, n - 1)


def test_a_rate_above_the_limit_is_refuted_by_enough_samples() -> None:
    n = samples_to_prove(0.1, 0.05)
    assert n is not None
    assert lower_bound(round(0.1 * n), n) > 0.05


def test_a_rate_at_the_limit_cannot_be_settled() -> None:
    assert samples_to_prove(0.01, 0.01) is None


@pytest.mark.parametrize(
    "arguments", [(0, 0), (-1, 5), (6, 5), (1, 5, 0.0), (1, 5, 1.0), (1, 5, float("nan"))]
)
def test_counts_that_make_no_rate_are_refused(arguments: tuple[float, ...]) -> None:
    for bound in (upper_bound, lower_bound):
        with pytest.raises(ValueError):
            bound(*arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize(("rate", "limit"), [(-0.1, 0.5), (1.1, 0.5), (0.1, 0.0), (0.1, 1.0)])
def test_rates_outside_their_range_are_refused(rate: float, limit: float) -> None:
    with pytest.raises(ValueError):
        samples_to_prove(rate, limit)
