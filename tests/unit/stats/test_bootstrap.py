from __future__ import annotations

import numpy as np
import pytest
import scipy
from scipy.special import betaincinv
from scipy.stats import bootstrap, t

from pytest_replication.stats.bootstrap import bca, clustered_bounds, worth
from pytest_replication.stats.intervals import lower_bound, upper_bound

GENERATOR = "rng" if tuple(map(int, scipy.__version__.split(".")[:2])) >= (1, 15) else "random_state"


def clusters(seed: int, count: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, size + 1, count)
    return rng.binomial(sizes, rng.beta(0.6, 2, count)), sizes


def test_the_bootstrap_is_that_of_scipy_over_whole_clusters() -> None:
    hits, sizes = clusters(0, 60, 8)
    found = bootstrap(
        (hits, sizes),
        lambda h, s, axis: h.sum(axis=axis) / s.sum(axis=axis),
        paired=True,
        vectorized=True,
        n_resamples=9999,
        confidence_level=0.9,
        method="BCa",
        **{GENERATOR: np.random.default_rng(1)},
    ).confidence_interval
    assert bca(hits, sizes, 0.95) == pytest.approx((found.low, found.high), abs=0.004)


def test_bounds_are_those_of_the_same_draws_each_time() -> None:
    hits, sizes = clusters(1, 40, 5)
    assert clustered_bounds(hits, sizes) == clustered_bounds(hits, sizes)
    assert bca(hits, sizes, 0.95, seed=1) != bca(hits, sizes, 0.95)


@pytest.mark.parametrize(("hits", "size"), [(0, 10), (10, 10)])
def test_clusters_that_are_all_alike_count_once_each(hits: int, size: int) -> None:
    found = clustered_bounds([hits] * 40, [size] * 40)
    assert found.effective == 40
    whole = 40 if hits else 0
    assert (found.lower, found.upper) == pytest.approx((lower_bound(whole, 40), upper_bound(whole, 40)))


def test_samples_of_one_cluster_are_worth_one() -> None:
    found = clustered_bounds([0], [500])
    assert found.effective == 1
    assert found.upper == pytest.approx(0.95)
    assert found.few


@pytest.mark.parametrize(
    ("hits", "effective"),
    [
        ([1] * 15 + [0] * 14, 29),  # too few clusters
        ([1] * 9 + [0] * 91, 100),  # too few that were hit
        ([5] * 91 + [4] * 9, 100),  # too few with a miss
    ],
)
def test_where_the_variance_is_not_known_each_cluster_counts_as_one(hits: list[int], effective: int) -> None:
    found = clustered_bounds(hits, [5] * len(hits))
    assert found.effective == effective
    rate = sum(hits) / 5 / len(hits)
    assert found.upper >= betaincinv(rate * effective + 1, effective - rate * effective, 0.95) - 1e-12


def test_a_cluster_of_most_samples_is_worth_most_of_the_evidence() -> None:
    """Else 2,701 samples of one prompt and 299 of others, none hit, would prove a rate below 1 %."""
    sizes = [2701] + [1] * 299
    found = clustered_bounds([0] * 300, sizes)
    assert found.effective == worth(sizes) == 3000**2 / (2701**2 + 299)
    assert found.upper > 0.9
    assert clustered_bounds([1] * 20 + [0] * 9, [1] * 20 + [9] * 9).effective == worth([1] * 20 + [9] * 9)
    assert worth([7] * 12) == pytest.approx(12)


def test_the_number_of_samples_is_that_of_korn_and_graubard() -> None:
    hits, sizes = clusters(3, 50, 8)
    rate = hits.sum() / sizes.sum()
    spread = 50 / 49 * ((hits - rate * sizes) ** 2).sum() / sizes.sum() ** 2
    factor = (t.ppf(0.95, sizes.sum() - 1) / t.ppf(0.95, 49)) ** 2
    assert clustered_bounds(hits, sizes).effective == pytest.approx(rate * (1 - rate) / spread * factor)


def test_independent_samples_keep_the_bounds_of_clopper_and_pearson() -> None:
    hits = [1] * 6 + [0] * 194
    found = clustered_bounds(hits, [1] * 200)
    assert found.effective == pytest.approx(200, rel=0.01)
    assert found.upper == pytest.approx(upper_bound(6, 200), rel=0.03)
    assert not found.few


def test_samples_that_agree_within_a_cluster_widen_the_bounds() -> None:
    together = clustered_bounds([10] * 5 + [0] * 95, [10] * 100)
    apart = clustered_bounds([1] * 50 + [0] * 50, [10] * 100)
    assert together.effective == pytest.approx(100, rel=0.05)
    assert together.lower < apart.lower < 0.05 < apart.upper < together.upper


@pytest.mark.parametrize(
    ("hits", "sizes", "confidence"),
    [
        ([], [], 0.95),
        ([1], [1, 2], 0.95),
        ([3], [2], 0.95),
        ([-1], [2], 0.95),
        ([0], [0], 0.95),
        ([1], [2], 1.0),
        ([1], [2], float("nan")),
    ],
)
def test_counts_that_make_no_rate_are_refused(hits: list[int], sizes: list[int], confidence: float) -> None:
    with pytest.raises(ValueError):
        clustered_bounds(hits, sizes, confidence)
