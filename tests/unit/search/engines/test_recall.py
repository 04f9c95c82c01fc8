from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_replication import Index
from pytest_replication.errors import IndexCorrupt, SearchError, SettingsError
from pytest_replication.search.engines import (
    Certificate,
    Engine,
    Refusal,
    build_engine,
    certify,
    open_engine,
    planted,
    recall,
)
from pytest_replication.search.vectors import cosines
from pytest_replication.stats.intervals import lower_bound

Unit = Callable[..., np.ndarray]


@pytest.fixture
def engine(index: Index, toy: type[Engine]) -> Engine:
    build_engine(index, "toy", progress=False)
    return open_engine(index, "toy")


def test_the_effort_is_raised_until_the_recall_is_proved(index: Index, engine: Engine) -> None:
    found = certify(index, engine, 0.9, k=3, progress=False)
    assert isinstance(found, Certificate)
    assert (found.effort, engine.effort, found.planted, found.misses) == (8, 8, 3000, 0)
    assert (found.threshold, found.k, found.engine, found.confidence) == (0.9, 3, "toy", 0.95)
    assert found.bound == lower_bound(3000, 3000)
    assert (found.parameters, found.generation) == (engine.entry.parameters, engine.entry.generation)
    assert found.sound


def test_the_proof_can_be_repeated_from_its_seed(index: Index, engine: Engine) -> None:
    found = certify(index, engine, 0.9, k=3, seed=40, progress=False)
    assert isinstance(found, Certificate)
    assert found.seed == 44  # the fourth effort, after 1, 2 and 4
    queries = planted(index, found.threshold, found.planted, found.seed)[0]
    scores = cosines(index, queries, engine.candidates(queries, found.k)).max(axis=1)
    assert int((scores < 0.9 - 1e-6).sum()) == found.misses
    again = certify(index, open_engine(index, "toy"), 0.9, k=3, seed=40, progress=False)
    assert isinstance(again, Certificate)
    assert replace(again, created=found.created) == found


def test_an_engine_that_overlooks_vectors_is_refused(index: Index, engine: Engine) -> None:
    engine.blind = 7  # type: ignore[attr-defined]
    found = certify(index, engine, 0.9, k=3, progress=False)
    assert isinstance(found, Refusal)
    assert found.effort == 8
    assert found.bound < 0.95
    assert 0 < found.misses <= found.planted
    assert found.bound == lower_bound(found.planted - found.misses, found.planted)
    assert engine.effort == 1  # as it came


def test_hopeless_efforts_are_given_up_early(
    index: Index, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[int, int] = dict.fromkeys((1, 2, 4, 8), 0)
    propose = engine._propose

    def counted(queries: np.ndarray, k: int) -> np.ndarray:
        asked[engine.effort] += len(queries)
        return propose(queries, k)

    monkeypatch.setattr(engine, "_propose", counted)
    certify(index, engine, 0.9, k=3, progress=False)
    assert asked == {1: 256, 2: 256, 4: 256, 8: 6000}


def test_one_miss_of_3000_is_one_too_many_but_not_of_5000(
    index: Index, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Forgetful:
        calls = 0

        def __call__(self, queries: np.ndarray, k: int) -> np.ndarray:
            found = propose(queries, k)
            if self.calls % 5000 == 0:
                found[0] = -1
            self.calls += len(queries)
            return found

    engine.effort = 8
    propose = engine._propose
    monkeypatch.setattr(engine, "_propose", Forgetful())
    refused = certify(index, engine, 0.9, k=3, progress=False)
    assert isinstance(refused, Refusal)
    assert refused.misses == 1
    monkeypatch.setattr(engine, "_propose", Forgetful())
    found = certify(index, engine, 0.9, k=3, count=5000, progress=False)
    assert isinstance(found, Certificate)
    assert (found.misses, found.planted) == (1, 5000)
    assert found.bound == lower_bound(4999, 5000)


def test_the_proof_takes_other_queries_than_the_choice(
    index: Index, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An engine that knows the queries it was chosen by is caught by the fresh ones."""
    engine.effort = 8
    known = {query.tobytes() for query in planted(index, 0.9, 3000, 0)[0]}
    propose = engine._propose

    def cheat(queries: np.ndarray, k: int) -> np.ndarray:
        found = propose(queries, k)
        found[[query.tobytes() not in known for query in queries]] = -1
        return found

    monkeypatch.setattr(engine, "_propose", cheat)
    found = certify(index, engine, 0.9, k=3, progress=False)
    assert isinstance(found, Refusal)
    assert (found.misses, found.bound) == (256, 0.0)


def test_another_vector_that_is_as_near_counts(
    tmp_path: Path, made_up_index: Callable[..., Index], unit: Unit, toy: type[Engine]
) -> None:
    """Each image is there eight times, and the engine sees one of the eight."""
    index = made_up_index(tmp_path / "index", np.repeat(unit(0, 20, 1, 12), 8, axis=0))
    build_engine(index, "toy", progress=False)
    found = certify(index, open_engine(index, "toy"), 0.9, k=1, progress=False)
    assert isinstance(found, Certificate)
    assert found.effort == 1


def test_a_removed_row_that_is_found_does_not_count(
    tmp_path: Path, made_up_index: Callable[..., Index], unit: Unit, toy: type[Engine]
) -> None:
    """Of each pair of twins one was removed: with one candidate it may hide the other."""
    index = made_up_index(tmp_path / "index", np.repeat(unit(0, 20, 1, 12), 2, axis=0))
    build_engine(index, "toy", progress=False)
    engine = open_engine(index, "toy")
    engine.effort = 8
    removed = np.arange(0, 40, 2)
    assert isinstance(certify(index, engine, 0.9, k=1, progress=False), Certificate)
    assert isinstance(certify(index, engine, 0.9, k=1, removed=removed, progress=False), Refusal)
    assert isinstance(certify(index, engine, 0.9, k=2, removed=removed, progress=False), Certificate)


def test_a_score_that_is_no_number_is_a_miss(
    index: Index, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.effort = 8
    monkeypatch.setattr(recall, "cosines", lambda index, queries, numbers: np.full(numbers.shape, np.nan))
    found = certify(index, engine, 0.9, k=3, progress=False)
    assert isinstance(found, Refusal)
    assert found.misses == found.planted


def test_there_are_at_most_twenty_efforts(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    for most in (1, 2, 3, 1000, 2**19, 2**31 - 1):
        engine.exhaustive = most
        efforts = list(recall._efforts(engine))
        assert len(efforts) <= 20
        assert efforts[-1] == most
        assert efforts == sorted(set(efforts))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"count": 2999}, "2999 planted queries with 3 candidates each says too little: at least 3000"),
        ({"k": 0}, "3000 planted queries with 0 candidates"),
        ({"threshold": 0.0}, "cannot be planted at 0.0"),
        ({"threshold": 4e-7}, "cannot be planted at 0.0"),
        ({"threshold": 1.1}, "cannot be planted at 1.1"),
        ({"threshold": float("nan")}, "cannot be planted at nan"),
        ({"min_recall": 0.0}, "recall 0.0 must be between 0 and 1"),
        ({"min_recall": 1.0}, "recall 1.0 must be between 0 and 1"),
        ({"min_recall": float("nan")}, "recall nan must be between 0 and 1"),
        ({"confidence": 0.9}, "confidence 0.9 from 0.95 to 1"),
        ({"confidence": 1.0}, "confidence 1.0 from 0.95 to 1"),
        (
            {"min_recall": 0.9999},
            "3000 planted queries cannot prove a recall of 0.9999 .*: give at least 29956",
        ),
        ({"confidence": 0.99}, "3000 planted queries cannot prove a recall of 0.999 at 0.99 confidence"),
    ],
)
def test_settings_that_prove_nothing_are_refused(
    index: Index, engine: Engine, changes: dict[str, Any], told: str
) -> None:
    arguments = {"threshold": 0.9, "k": 3, **changes}
    with pytest.raises(SettingsError, match=told):
        certify(index, engine, progress=False, **arguments)


def test_an_engine_of_another_index_is_refused(
    tmp_path: Path, made_up_index: Callable[..., Index], unit: Unit, engine: Engine
) -> None:
    other = made_up_index(tmp_path / "other", unit(8, 60, 2, 12))
    with pytest.raises(SearchError, match="the toy engine is one of other vectors than"):
        certify(other, engine, 0.9, k=3, progress=False)


def test_damaged_vectors_are_told_before_anything_is_measured(index: Index, engine: Engine) -> None:
    path = index.shards[0].embeddings_path
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(IndexCorrupt, match="has changed since it was written"):
        certify(index, engine, 0.9, k=3, progress=False)
