from __future__ import annotations

from typing import Any

import pytest
from certified import certificate
from hypothesis import given
from hypothesis import strategies as st

from pytest_replication.search.engines import Refusal
from pytest_replication.stats.intervals import lower_bound


def test_no_miss_of_3000_proves_a_recall_of_999() -> None:
    assert certificate().sound
    assert certificate().bound == pytest.approx(0.999002, abs=1e-6)


@given(planted=st.integers(2900, 9000), misses=st.integers(-2, 12), min_recall=st.floats(0.99, 0.9999))
def test_only_numbers_that_prove_it_are_sound(planted: int, misses: int, min_recall: float) -> None:
    bound = lower_bound(min(planted, planted - misses), planted)
    found = certificate(planted=planted, misses=misses, bound=bound, min_recall=min_recall)
    assert found.sound == (planted >= 3000 and misses >= 0 and bound >= min_recall)


@pytest.mark.parametrize(
    "changes",
    [
        {"bound": 0.9999},
        {"misses": 1},
        {"misses": 3001, "bound": 1.0},
        {"confidence": 0.5, "bound": lower_bound(3000, 3000, 0.5)},
        {"confidence": 1.0},
        {"k": 0},
        {"effort": 0},
        {"min_recall": 0.9995},
        {"bound": float("nan")},
    ],
)
def test_numbers_that_do_not_add_up_are_not_sound(changes: dict[str, Any]) -> None:
    assert not certificate(**changes).sound
    assert not certificate(**changes).covers(0.5, 0.9, 20, "g", "f")


@pytest.mark.parametrize(
    ("question", "covered"),
    [
        ((0.5, 0.999, 20, "g", "f"), True),
        ((0.5, 0.999, 500, "g", "f"), True),
        ((0.5000004, 0.999, 20, "g", "f"), True),
        ((0.5, 0.9, 20, "g", "f"), True),
        ((0.500001, 0.999, 20, "g", "f"), False),
        ((0.6, 0.999, 20, "g", "f"), False),
        ((0.5, 0.9995, 20, "g", "f"), False),
        ((0.5, 0.999, 19, "g", "f"), False),
        ((0.5, 0.999, 20, "another", "f"), False),
        ((0.5, 0.999, 20, "g", "another"), False),
        ((0.5, 0.999, 20, "g", "f", 0.99), False),
        ((float("nan"), 0.999, 20, "g", "f"), False),
    ],
)
def test_it_covers_what_it_was_measured_for(question: tuple[Any, ...], covered: bool) -> None:
    assert certificate().covers(*question) is covered


def test_a_refusal_says_what_was_reached_and_what_to_do() -> None:
    refusal = Refusal("toy", 0.5, 20, 0.999, 0.95, 3000, 300, 0.8906, 8)
    assert refusal.reason == (
        "toy missed 300 of 3000 queries planted at 0.5 with effort 8, its best: a recall of 0.89060 is proved, "
        "expected 0.999 (at 0.95 confidence); search exactly, or ask for more candidates than 20"
    )
