from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_replication.stats.holm import holm


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_what_is_rejected_is_what_the_steps_of_holm_reject(values: list[float]) -> None:
    adjusted = holm(values)
    for alpha in (0.01, 0.05, 0.3):
        rejected, left = set(), sorted(range(len(values)), key=lambda i: values[i])
        while left and values[left[0]] * len(left) <= alpha:
            rejected.add(left.pop(0))
        assert {i for i, p in enumerate(adjusted) if p <= alpha} >= rejected
        assert all(adjusted[i] > alpha or adjusted[i] == pytest.approx(alpha) for i in left)


def test_one_test_is_left_as_it_is() -> None:
    assert holm([0.03]) == (0.03,)
    assert holm([0.04, 0.01, 0.02]) == pytest.approx((0.04, 0.03, 0.04))


@pytest.mark.parametrize("bad", [float("nan"), -0.1, 1.1])
def test_what_is_no_p_value_is_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="p-values"):
        holm([0.5, bad])
