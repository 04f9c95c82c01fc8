from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_replication.stats.intervals import lower_bound, upper_bound
from pytest_replication.stats.power import (
    Gate,
    at_most,
    more_than,
    samples_for_failure,
    samples_for_hits,
    samples_for_pass,
)

SIZES = (50, 100, 200, 300, 500, 1000, 3000, 5000, 9000)


def brute(hits: Sequence[int], n: int, rate: float) -> float:
    """Sum of binomial probabilities."""
    return math.fsum(math.comb(n, k) * rate**k * (1 - rate) ** (n - k) for k in hits if 0 <= k <= n)


@settings(deadline=None)
@given(st.integers(1, 60), st.integers(-2, 62), st.floats(0, 1))
def test_probabilities_are_sums_of_binomial_ones(n: int, hits: int, rate: float) -> None:
    assert at_most(hits, n, rate) == pytest.approx(brute(range(hits + 1), n, rate), rel=1e-9, abs=1e-12)
    assert more_than(hits, n, rate) == pytest.approx(
        brute(range(max(hits, -1) + 1, n + 1), n, rate), rel=1e-9, abs=1e-12
    )


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 80), st.floats(0.001, 0.9), st.sampled_from([0.5, 0.9, 0.95, 0.99]))
def test_a_gate_decides_as_a_verdict_does(n: int, limit: float, confidence: float) -> None:
    gate = Gate.of(n, limit, confidence)
    passing = [k for k in range(n + 1) if upper_bound(k, n, confidence) <= limit]
    failing = [k for k in range(n + 1) if lower_bound(k, n, confidence) > limit]
    assert gate.passes == max(passing, default=-1)
    assert gate.tolerates == min(failing, default=n + 1) - 1
    # Both critical values are those of the binomial tests at the limit.
    assert brute(range(gate.passes + 1), n, limit) <= 1 - confidence + 1e-9
    assert brute(range(gate.tolerates + 1, n + 1), n, limit) <= 1 - confidence + 1e-9


@pytest.mark.parametrize(
    ("limit", "samples"),
    [(0.05, 59), (0.02, 149), (0.01, 299), (0.005, 598), (0.001, 2995), (0.0001, 29956)],
)
def test_samples_without_a_hit_that_prove_a_rate(limit: float, samples: int) -> None:
    assert samples_for_hits(0, limit) == samples
    assert (1 - limit) ** samples <= 0.05 < (1 - limit) ** (samples - 1)


def test_bounds_and_chances_of_usual_numbers() -> None:
    """The table of docs/planning.md."""
    none = [5.8, 2.95, 1.49, 0.994, 0.597, 0.299, 0.0998, 0.0599, 0.0333]
    one = [9.1, 4.66, 2.35, 1.57, 0.945, 0.473, 0.158, 0.0948, 0.0527]
    assert [100 * upper_bound(0, n) for n in SIZES] == pytest.approx(none, rel=6e-3)
    assert [100 * upper_bound(1, n) for n in SIZES] == pytest.approx(one, rel=6e-3)
    bad, good = ([round(more_than(0, n, rate), 3) for n in SIZES] for rate in (0.0188, 0.001))
    assert bad == pytest.approx([0.61, 0.85, 0.978, 0.997, 1, 1, 1, 1, 1], abs=5e-3)
    assert good == pytest.approx([0.05, 0.095, 0.18, 0.26, 0.39, 0.63, 0.95, 0.99, 1], abs=5e-3)


@pytest.mark.parametrize(
    ("limit", "rate", "rounded", "smallest", "tolerates"),
    [(0.005, 0.0188, 500, 492, 5), (0.001, 0.01, 550, 531, 2), (0.01, 0.03, 450, 390, 8)],
)
def test_gates_with_five_percent_alarms_and_ninety_percent_power(
    limit: float, rate: float, rounded: int, smallest: int, tolerates: int
) -> None:
    needed = samples_for_failure(rate, limit, 0.9)
    assert needed is not None
    assert (needed.rounded, needed.smallest) == (rounded, smallest)
    gate = Gate.of(rounded, limit)
    assert gate.tolerates == tolerates
    assert gate.fail_chance(rate) >= 0.9 > Gate.of(smallest - 1, limit).fail_chance(rate)
    assert gate.fail_chance(limit) <= 0.05


@settings(deadline=None, max_examples=25)
@given(st.floats(0.05, 0.6), st.floats(0.1, 0.35), st.sampled_from([0.5, 0.8, 0.9]), st.booleans())
def test_the_smallest_number_is_the_first_of_all_that_serve(
    limit: float, apart: float, power: float, fails: bool
) -> None:
    rate = min(1.0, limit + apart) if fails else max(0.0, limit - apart)
    ask = samples_for_failure if fails else samples_for_pass
    needed = ask(rate, limit, power)
    assert needed is not None

    def chance(n: int) -> float:
        gate = Gate.of(n, limit)
        return gate.fail_chance(rate) if fails else gate.pass_chance(rate)

    serving = [n for n in range(1, needed.rounded + 1) if chance(n) >= power]
    assert serving[0] == needed.smallest
    assert min(n for n in serving if n % 50 == 0) == needed.rounded


def test_a_model_without_copies_passes_with_the_fewest_samples() -> None:
    needed = samples_for_pass(0, 0.01, 0.9)
    assert needed is not None
    assert (needed.smallest, needed.rounded) == (299, 300)


def test_without_tolerance_one_hit_is_enough() -> None:
    needed = samples_for_failure(0.0188, 0, 0.9)
    assert needed is not None
    assert needed.smallest == math.ceil(math.log(0.1) / math.log(1 - 0.0188)) == 122
    gate = Gate.of(122, 0)
    assert (gate.passes, gate.tolerates, gate.fail_chance(0)) == (0, 0, 0)


def test_rates_that_no_feasible_number_tells_apart() -> None:
    assert samples_for_failure(0.500001, 0.5, 0.9) is None
    assert samples_for_pass(0.499999, 0.5, 0.9) is None
    close = samples_for_failure(0.011, 0.01, 0.9)
    assert close is not None
    assert Gate.of(close.smallest, 0.01).fail_chance(0.011) >= 0.9


@pytest.mark.parametrize(
    "ask",
    [
        lambda: samples_for_hits(0, 0),
        lambda: samples_for_hits(0, 1),
        lambda: samples_for_hits(-1, 0.1),
        lambda: samples_for_failure(0.1, 0.1, 0.9),
        lambda: samples_for_failure(0.2, 0.1, 1),
        lambda: samples_for_failure(math.nan, 0.1, 0.9),
        lambda: samples_for_pass(0.1, 0.1, 0.9),
        lambda: samples_for_pass(0, 0.1, math.nan),
        lambda: Gate.of(0, 0.1),
        lambda: Gate.of(10, 0.1, 0.4),
        lambda: Gate.of(10, math.nan),
    ],
)
def test_questions_without_sense_are_refused(ask) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError):
        ask()
