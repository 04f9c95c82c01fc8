from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from pytest_replication import Index
from pytest_replication.errors import SampleError, SearchError, SettingsError
from pytest_replication.search.engines import Engine, build_engine, open_engine

Unit = Callable[..., np.ndarray]


@pytest.fixture
def engine(index: Index, toy: type[Engine]) -> Engine:
    build_engine(index, "toy", progress=False)
    return open_engine(index, "toy")


def test_queries_of_any_layout_are_taken(engine: Engine, unit: Unit) -> None:
    queries = unit(5, 6, 12)
    expected = engine.candidates(queries, 3)
    assert expected.shape == (6, 3)
    assert np.array_equal(engine.candidates(np.asfortranarray(queries), 3), expected)
    assert np.array_equal(engine.candidates(queries.astype(np.float64), 3), expected)


@pytest.mark.parametrize(
    ("queries", "told"),
    [
        (np.zeros((0, 12), np.float32), r"shape \(0, 12\), expected \(1 or more, 12\)"),
        (np.ones((2, 11), np.float32), r"shape \(2, 11\)"),
        (np.ones(12, np.float32), r"shape \(12,\)"),
        (np.ones((2, 12), np.float32), "not finite or not of unit length"),
        (np.full((2, 12), np.nan, np.float32), "not finite or not of unit length"),
    ],
)
def test_unfit_queries_are_refused(engine: Engine, queries: np.ndarray, told: str) -> None:
    with pytest.raises(SampleError, match=told):
        engine.candidates(queries, 3)


def test_no_candidates_cannot_be_asked_for(engine: Engine, unit: Unit) -> None:
    with pytest.raises(SettingsError, match="0 candidates were asked for"):
        engine.candidates(unit(5, 1, 12), 0)


@pytest.mark.parametrize(
    "answer",
    [np.full((2, 3), 120), np.full((2, 3), -2), np.zeros((2, 2), int), np.zeros((1, 3), int)],
    ids=["beyond", "below", "narrow", "short"],
)
def test_an_engine_that_answers_nonsense_is_stopped(
    engine: Engine, unit: Unit, monkeypatch: pytest.MonkeyPatch, answer: Any
) -> None:
    monkeypatch.setattr(engine, "_propose", lambda queries, k: answer)
    with pytest.raises(SearchError, match="numbers below 120: rebuild it"):
        engine.candidates(unit(5, 2, 12), 3)


@pytest.mark.parametrize("effort", [0, -1, 9])
def test_an_effort_beyond_its_range_is_refused(engine: Engine, effort: int) -> None:
    with pytest.raises(SettingsError, match=f"effort {effort} of toy must be from 1 to 8"):
        engine.effort = effort
    assert engine.effort == 1
