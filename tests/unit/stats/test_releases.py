from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, fisher_exact

from pytest_replication.stats.releases import detectable_rate, more_hits, percentiles


@st.composite
def shares(draw: st.DrawFn) -> tuple[int, int]:
    samples = draw(st.integers(1, 40))
    return draw(st.integers(0, samples)), samples


@given(shares(), shares())
def test_it_is_fishers_exact_test(old: tuple[int, int], new: tuple[int, int]) -> None:
    table = [[new[0], new[1] - new[0]], [old[0], old[1] - old[0]]]
    assert more_hits(old, new) == pytest.approx(fisher_exact(table, alternative="greater")[1])


def test_it_counts_the_ways_to_deal_hits_to_samples() -> None:
    # 3 hits among 4 + 4 samples: the second release has 3 in C(4, 3) of C(8, 3) ways.
    assert more_hits((0, 4), (3, 4)) == pytest.approx(math.comb(4, 3) / math.comb(8, 3))
    assert more_hits((0, 4), (0, 4)) == 1


@pytest.mark.parametrize("old", [(0, 64), (3, 100), (50, 100)])
def test_the_rate_that_would_be_found_is_found_so_often(old: tuple[int, int]) -> None:
    rate = detectable_rate(old, 80, 0.05, 0.8)
    assert rate is not None
    enough = next(hits for hits in range(81) if more_hits(old, (hits, 80)) <= 0.05)
    assert binom.sf(enough - 1, 80, rate) == pytest.approx(0.8)


def test_too_few_samples_find_nothing() -> None:
    assert detectable_rate((0, 3), 2, 0.05) is None
    assert detectable_rate((100, 100), 1000, 0.05) is None


@pytest.mark.parametrize("counts", [(-1, 4), (5, 4), (0, 0)])
def test_counts_that_make_no_share(counts: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="make no share"):
        more_hits((0, 4), counts)
    with pytest.raises(ValueError, match="make no share"):
        detectable_rate(counts, 4, 0.05)


def test_levels_outside_of_their_range() -> None:
    with pytest.raises(ValueError, match="level"):
        detectable_rate((0, 4), 4, 1.0)


def test_percentiles_are_scores_that_so_many_do_not_exceed() -> None:
    scores = tuple(number / 100 for number in range(100, 0, -1))
    assert percentiles(scores, (0.5, 0.95, 1.0)) == (0.5, 0.95, 1.0)
    assert percentiles((0.3,), (0.01, 0.99)) == (0.3, 0.3)
