from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import false_discovery_control

from pytest_replication.stats.fdr import adjusted, benjamini_hochberg
from pytest_replication.stats.null import Null

P_VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=40)


@settings(max_examples=30)
@given(P_VALUES)
def test_adjusted_p_values_are_those_of_scipy(p_values: list[float]) -> None:
    assert adjusted(p_values) == pytest.approx(false_discovery_control(p_values), rel=1e-12, abs=0)


@settings(max_examples=30)
@given(P_VALUES, st.floats(0.01, 0.5))
def test_what_is_rejected_is_what_scipy_adjusts_below_q(p_values: list[float], q: float) -> None:
    wanted = false_discovery_control(p_values)
    certain = np.abs(wanted - q) > 1e-12
    assert (benjamini_hochberg(p_values, q) == (wanted <= q))[certain].all()


def test_a_p_value_at_the_line_is_rejected() -> None:
    assert benjamini_hochberg([0.01, 0.5, 0.6, 0.7, 0.8], 0.05).tolist() == [True] + [False] * 4
    assert benjamini_hochberg([0.02, 0.5, 0.6, 0.7, 0.8], 0.05).tolist() == [False] * 5


def test_few_rejections_are_false() -> None:
    """The promise itself, over conformal p-values that share one null: 300 gates of 50 samples."""
    rng = np.random.default_rng(0)
    shares = []
    for _ in range(300):
        null = Null.of(rng.normal(0, 1, 999))
        scores = np.concatenate([rng.normal(0, 1, 40), rng.normal(4.5, 1, 10)])
        rejected = benjamini_hochberg(null.p_values(scores), 0.2)
        shares.append(rejected[:40].sum() / max(1, rejected.sum()))
    assert 0.08 < np.mean(shares) < 0.2


@pytest.mark.parametrize("p_values", [[], [0.1, 1.1], [-0.1], [float("nan")], [[0.1]]])
def test_what_is_no_p_value_is_refused(p_values: list[float]) -> None:
    with pytest.raises(ValueError, match="p-values"):
        benjamini_hochberg(p_values, 0.1)


@pytest.mark.parametrize("q", [0.0, 1.0, float("nan")])
def test_what_is_no_rate_is_refused(q: float) -> None:
    with pytest.raises(ValueError, match="must be in"):
        benjamini_hochberg([0.1], q)
