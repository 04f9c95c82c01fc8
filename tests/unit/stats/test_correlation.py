from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats

from pytest_replication.stats.correlation import Correlation, pearson, ranks, spearman


@pytest.mark.parametrize("n", [4, 20, 300])
def test_coefficients_are_those_of_a_library(n: int) -> None:
    rng = np.random.default_rng(n)
    x = rng.normal(size=n).round(1)  # with ties
    y = (0.5 * x + rng.normal(size=n)).round(1)
    found, rank = pearson(x, y), spearman(x, y)
    assert found is not None
    assert rank is not None
    reference = scipy.stats.pearsonr(x, y)
    interval = reference.confidence_interval(0.95)
    assert found.value == pytest.approx(reference.statistic)
    assert (found.lower, found.upper) == pytest.approx((interval.low, interval.high))
    assert rank.value == pytest.approx(scipy.stats.spearmanr(x, y).statistic)
    assert ranks(x) == pytest.approx(scipy.stats.rankdata(x))
    half = 1.959964 * math.sqrt((1 + rank.value**2 / 2) / (n - 3))
    assert rank.upper == pytest.approx(math.tanh(math.atanh(rank.value) + half), abs=1e-6)


def test_intervals_cover_the_truth_as_often_as_they_say() -> None:
    rng, covered = np.random.default_rng(0), [0, 0]
    for _ in range(400):
        x = rng.normal(size=60)
        y = 0.6 * x + 0.8 * rng.normal(size=60)
        for place, (measure, truth) in enumerate(((pearson, 0.6), (spearman, 6 / math.pi * math.asin(0.3)))):
            found = measure(x, y)
            assert found is not None
            covered[place] += found.lower <= truth <= found.upper
    assert min(covered) >= 400 * 0.92


def test_what_has_no_correlation() -> None:
    x = np.arange(5.0)
    for measure in (pearson, spearman):
        assert measure(x[:3], x[:3]) is None
        assert measure(x, np.ones(5)) is None
        assert measure(x, -x) == Correlation(-1, -1, -1, 5, 0.95)
        with pytest.raises(ValueError, match="have no correlation"):
            measure(x, np.array([1, 2, 3, 4, np.nan]))
        with pytest.raises(ValueError, match="have no correlation"):
            measure(x, np.arange(4.0))
