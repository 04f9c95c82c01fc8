from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_replication.stats.fdr import benjamini_hochberg
from pytest_replication.stats.flags import (
    false_flags,
    flagged_rate,
    fpr_for_gate,
    holdout_for_fdr,
    holdout_for_fpr,
)
from pytest_replication.stats.intervals import upper_bound


def test_one_percent_makes_ten_false_flags_in_a_thousand() -> None:
    expected, one = false_flags(1000, 0.01)
    assert expected == 10
    assert one == pytest.approx(1 - 0.99**1000)
    assert false_flags(1000, 0) == (0, 0)


def test_a_gate_of_many_samples_needs_a_lower_rate_of_each() -> None:
    rate = fpr_for_gate(500, 0.05)
    assert rate == pytest.approx(0.0001)
    assert 0.0487 < false_flags(500, rate)[1] < 0.05
    assert fpr_for_gate(1, 0.05) == 0.05


def test_what_is_flagged_are_copies_that_are_found_and_innocents() -> None:
    assert flagged_rate(0.1, 0) == 0.1
    assert flagged_rate(0.1, 0.01, 0.5) == pytest.approx(0.1 * 0.5 + 0.9 * 0.01)


@given(st.integers(2, 10_000), st.integers(1, 200))
def test_the_hold_out_is_the_smallest_that_tells_the_rate(parts: int, share: int) -> None:
    rate = share / (share + parts)
    size = holdout_for_fpr(rate)
    exact = Fraction(share, share + parts)
    assert Fraction(1, size + 1) <= exact
    assert size == 1 or Fraction(1, size) > exact


@pytest.mark.parametrize("rate", [0.01, 0.05, 0.001])
def test_a_hold_out_without_a_flag_proves_the_rate(rate: float) -> None:
    size = holdout_for_fpr(rate, 0.95)
    assert upper_bound(0, size) <= rate < upper_bound(0, size - 1)
    assert holdout_for_fpr(rate) == round(1 / rate) - 1 < size


@pytest.mark.parametrize(("fdr", "samples"), [(0.1, 1000), (0.05, 500), (0.9, 1), (0.3, 10)])
def test_benjamini_hochberg_can_reject_one_from_that_hold_out_on(fdr: float, samples: int) -> None:
    size = holdout_for_fdr(fdr, samples)
    p_values = [1 / (size + 1)] + [1.0] * (samples - 1)
    assert list(benjamini_hochberg(p_values, fdr)).count(True) == 1
    if size > 1:
        p_values[0] = 1 / size
        assert not any(benjamini_hochberg(p_values, fdr))


@pytest.mark.parametrize("rate", [0, 1, -0.1, math.nan])
def test_rates_that_are_none_are_refused(rate: float) -> None:
    with pytest.raises(ValueError):
        holdout_for_fpr(rate)
    with pytest.raises(ValueError):
        holdout_for_fdr(rate, 10)


def test_no_samples_are_refused() -> None:
    with pytest.raises(ValueError):
        holdout_for_fdr(0.1, 0)
