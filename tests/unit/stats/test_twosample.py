from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import betabinom, mannwhitneyu

from pytest_replication.stats.twosample import (
    exceedances,
    mann_whitney,
    samples_to_detect,
    tail_test,
)

few = st.lists(st.integers(0, 6), min_size=1, max_size=5)


def pairs_won(x: list[float], y: list[float]) -> float:
    return sum((a > b) + (a == b) / 2 for a in x for b in y)


@given(few, few)
def test_the_effect_is_the_share_of_pairs_that_the_samples_win(x: list[float], y: list[float]) -> None:
    if len(set(x + y)) == 1:
        return
    found = mann_whitney(x, y)
    assert found.superiority == pytest.approx(pairs_won(x, y) / (len(x) * len(y)))
    assert found.cliffs_delta == pytest.approx(2 * found.superiority - 1)
    assert 0 <= found.lower <= found.superiority <= found.upper <= 1


@given(st.permutations(range(7)), st.integers(1, 6))
def test_without_ties_p_counts_all_orders(order: list[int], n: int) -> None:
    x, y = order[:n], order[n:]
    all_orders = [
        pairs_won(list(chosen), [v for v in order if v not in chosen])
        for chosen in itertools.combinations(order, n)
    ]
    found = mann_whitney(x, y)
    assert found.exact
    assert found.p == pytest.approx(np.mean([u >= pairs_won(x, y) for u in all_orders]))


def test_with_ties_p_is_the_normal_one_corrected_for_them() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.integers(1, 9, 60), rng.integers(0, 8, 50)
    u, n, m = pairs_won(list(x), list(y)), 60, 50
    _, ties = np.unique(np.concatenate([x, y]), return_counts=True)
    spread = math.sqrt(n * m / 12 * ((n + m + 1) - (ties**3 - ties).sum() / ((n + m) * (n + m - 1))))
    expected = math.erfc((u - n * m / 2 - 0.5) / spread / math.sqrt(2)) / 2
    found = mann_whitney(x, y)
    assert not found.exact
    assert found.p == pytest.approx(expected)
    assert found.p == pytest.approx(mannwhitneyu(x, y, alternative="greater").pvalue)
    assert mann_whitney(y, x).p > 0.9


@pytest.mark.parametrize("superiority", [0.0, 1.0])
def test_bounds_keep_their_width_where_every_pair_is_won(superiority: float) -> None:
    high, low = np.arange(20) + 100, np.arange(20)
    found = mann_whitney(high, low) if superiority else mann_whitney(low, high)
    assert found.superiority == superiority
    assert 0.05 < found.upper - found.lower < 0.2


def test_bounds_are_where_the_variance_of_hanley_and_mcneil_puts_them() -> None:
    rng = np.random.default_rng(1)
    found = mann_whitney(rng.normal(0.4, 1, 70), rng.normal(0, 1, 40))
    for bound in (found.lower, found.upper):
        spread = (70 + 40) / 2 - 1
        shape = 1 + spread * (1 - bound) / (2 - bound) + spread * bound / (1 + bound)
        z = abs(bound - found.superiority) / math.sqrt(bound * (1 - bound) * shape / (70 * 40))
        assert z == pytest.approx(1.959964, abs=1e-5)


def test_exceedances_are_counted_by_the_orders_in_which_two_sets_can_lie() -> None:
    n, m, rank = 4, 5, 4
    counts = []
    for places in itertools.combinations(range(n + m), n):
        others = [i for i in range(n + m) if i not in places]
        counts.append(sum(place > others[rank - 1] for place in places))
    expected = [np.mean([count >= j for count in counts]) for j in range(n + 1)]
    assert exceedances(n, m, rank) == pytest.approx(expected)


@given(st.integers(1, 400), st.integers(1, 400), st.floats(0.01, 0.99))
def test_the_tail_is_that_of_a_beta_binomial(n: int, m: int, level: float) -> None:
    rng = np.random.default_rng(n)
    x, y = rng.random(n), rng.random(m)
    found = tail_test(x, y, level)
    rank = int((y <= found.cut).sum())
    assert (y < found.cut).mean() < level <= (y <= found.cut).mean() + 1e-9
    assert found.above == (x > found.cut).sum()
    assert found.p == pytest.approx(betabinom.sf(found.above - 1, n, m - rank + 1, rank), abs=1e-7)
    assert found.expected == pytest.approx(betabinom.mean(n, m - rank + 1, rank))
    assert found.share == found.above / n


def test_ties_with_the_cut_do_not_count() -> None:
    found = tail_test([0.5] * 100, [0.1] * 90 + [0.5] * 10)
    assert (found.cut, found.above, found.p) == (0.5, 0, 1.0)


def test_a_few_copies_show_in_the_tail_alone() -> None:
    rng = np.random.default_rng(2)
    holdout, samples = rng.normal(0, 1, 1000), rng.normal(0, 1, 1000)
    samples[:60] = 5
    assert mann_whitney(samples, holdout).p > 0.01
    assert tail_test(samples, holdout).p < 1e-4


def test_what_a_tail_test_of_this_size_would_find() -> None:
    found = tail_test(np.arange(200.0), np.arange(200.0))
    share = found.detectable(0.025)
    assert share is not None
    least = next(j for j in range(201) if betabinom.sf(j - 1, 200, 11, 190) <= 0.025)
    draws = np.random.default_rng(3).binomial(200, share, 20000)
    assert (draws >= least).mean() == pytest.approx(0.8, abs=0.01)
    assert tail_test([1.0, 2.0], [0.0, 1.0]).detectable(0.025) is None


def test_images_of_each_set_that_find_an_effect() -> None:
    assert samples_to_detect(0.6, 0.025) == 131
    with pytest.raises(ValueError):
        samples_to_detect(0.5, 0.025)


@pytest.mark.parametrize("bad", [[], [math.nan, 1.0], [math.inf], [[1.0]]])
def test_scores_that_are_none_are_refused(bad: list[float]) -> None:
    for test in (mann_whitney, tail_test):
        for sides in ((bad, [1.0, 2.0]), ([1.0, 2.0], bad)):
            with pytest.raises(ValueError, match=r"scores of the (samples|hold-out)"):
                test(*sides)


def test_constant_scores_are_refused() -> None:
    with pytest.raises(ValueError, match="all scores are 0.25"):
        mann_whitney([0.25] * 5, [0.25] * 9)


@pytest.mark.parametrize("share", [0.0, 1.0, math.nan])
def test_levels_outside_their_range_are_refused(share: float) -> None:
    with pytest.raises(ValueError):
        tail_test([1.0], [2.0], share)
    with pytest.raises(ValueError):
        mann_whitney([1.0], [2.0], share)
