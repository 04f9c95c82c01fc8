"""One contract for every approximate engine, with brute force as the oracle.

An engine is added to the registry and has to keep it; one whose library is not installed is skipped.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_replication import Index
from pytest_replication.errors import BuildError, SearchError
from pytest_replication.index.layout import drop_derived
from pytest_replication.search.engines import (
    Certificate,
    Engine,
    Refusal,
    add_certificate,
    build_engine,
    certify,
    engine_class,
    engine_names,
    open_engine,
    planted,
    read_entry,
)

DIM = 16
MakeIndex = Callable[..., Index]


def unit(seed: int, *shape: int) -> np.ndarray:
    rows = np.random.default_rng(seed).standard_normal(shape)
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)


@pytest.fixture
def make(tmp_path: Path, made_up_index: MakeIndex) -> MakeIndex:
    def write(*shards: np.ndarray, folder: str = "index", **options: Any) -> Index:
        return made_up_index(tmp_path / folder, *shards, **options)

    return write


def built(index: Index, engine_name: str, *, exhaustive: bool = False) -> Engine:
    build_engine(index, engine_name, progress=False)
    engine = open_engine(index, engine_name)
    if exhaustive:
        engine.effort = engine.exhaustive
    return engine


def stored(index: Index) -> np.ndarray:
    """All vectors in the order of their numbers, float64, of unit length."""
    whole = np.concatenate(
        [np.asarray(s.embeddings()[0], np.float64).reshape(-1, s.shape[2]) for s in index.shards]
    )
    return whole / np.linalg.norm(whole, axis=1, keepdims=True)


def assert_found_everything(index: Index, engine: Engine, queries: np.ndarray, k: int) -> None:
    """The scores of what was found are the best there are; vectors that score the same may swap."""
    scores = queries.astype(np.float64) @ stored(index).T
    found, expected = engine.candidates(queries, k), min(k, scores.shape[1])
    assert (found.shape, found.dtype) == ((len(queries), k), np.int64)
    assert (found[:, expected:] == -1).all()
    for query, row in enumerate(found[:, :expected]):
        assert row.min() >= 0
        assert len(set(row.tolist())) == expected
        best = np.sort(scores[query])[::-1][:expected]
        assert np.sort(scores[query][row])[::-1] == pytest.approx(best, abs=1e-6)


@pytest.mark.parametrize("rows", [1, 2, 5, 1000])
@pytest.mark.parametrize("dtype", ["<f4", "<f2"])
def test_the_exhaustive_effort_finds_everything(
    make: MakeIndex, engine_name: str, rows: int, dtype: str
) -> None:
    index = make(unit(rows, rows, 1, DIM), dtype=dtype)
    engine = built(index, engine_name, exhaustive=True)
    queries = np.concatenate([unit(0, 40, DIM), stored(index)[:20].astype(np.float32)])
    for k in (1, 7, 60):
        assert_found_everything(index, engine, queries, k)


def test_several_shards_and_views_are_numbered_as_in_the_scan(make: MakeIndex, engine_name: str) -> None:
    index = make(*(unit(i, n, 3, 8) for i, n in enumerate((40, 1, 0, 40, 7))))
    engine = built(index, engine_name, exhaustive=True)
    everything = stored(index)
    found = engine.candidates(everything.astype(np.float32), 1)[:, 0]
    assert found.tolist() == list(range(88 * 3))
    assert_found_everything(index, engine, unit(9, 50, 8), 12)


@pytest.mark.parametrize("k", [1, 50, 5000])
def test_whatever_the_effort_no_candidate_is_outside_the_index(
    make: MakeIndex, engine_name: str, k: int
) -> None:
    index = make(unit(0, 700, 2, DIM), unit(1, 20, 2, DIM))
    engine = built(index, engine_name)
    queries = unit(2, 30, DIM)
    for effort in {1, engine.entry.effort, engine.exhaustive}:
        engine.effort = effort
        found = engine.candidates(queries, k)
        assert (found.shape, found.dtype) == ((30, k), np.int64)
        assert found.min() >= -1
        assert found.max() < 1440
        for row in found:
            named = row[row >= 0]
            assert len(set(named.tolist())) == len(named) > 0
            assert (row[len(named) :] == -1).all()


def test_a_vector_that_is_there_300_times_hides_nothing(make: MakeIndex, engine_name: str) -> None:
    copies, others = np.repeat(unit(0, 1, 1, DIM), 300, axis=0), unit(1, 200, 1, DIM)
    index = make(copies[:150], others, copies[150:])
    engine = built(index, engine_name, exhaustive=True)
    queries = np.concatenate([copies[:1, 0], others[:, 0]])
    assert_found_everything(index, engine, queries, 1)
    assert_found_everything(index, engine, queries, 320)
    found = engine.candidates(copies[:1, 0], 300)[0]
    assert set(found.tolist()) == {*range(150), *range(350, 500)}


def test_nothing_but_copies(make: MakeIndex, engine_name: str) -> None:
    index = make(np.repeat(unit(0, 1, 1, DIM), 200, axis=0))
    engine = built(index, engine_name, exhaustive=True)
    assert set(engine.candidates(unit(0, 1, DIM), 200)[0].tolist()) == set(range(200))


def test_more_effort_finds_more(make: MakeIndex, engine_name: str) -> None:
    index = make(unit(0, 4000, 1, 64))
    queries, numbers = planted(index, 0.6, 300, 1)
    engine = built(index, engine_name)
    recalls = []
    for effort in (1, engine.exhaustive):
        engine.effort = effort
        recalls.append(np.mean(engine.candidates(queries, 1)[:, 0] == numbers))
    assert recalls[0] < 0.9
    assert recalls[1] > 0.99


def test_the_same_build_gives_the_same_engine(make: MakeIndex, engine_name: str) -> None:
    shards = [unit(i, 500, 1, DIM) for i in range(3)]
    queries, found, content = unit(9, 50, DIM), [], []
    for folder in ("first", "second"):
        index = make(*shards, folder=folder)
        engine = built(index, engine_name)
        found.append(engine.candidates(queries, 20))
        content.append({file: described.sha256 for file, described in engine.entry.files.items()})
    assert np.array_equal(*found)
    if engine_name == "annoy":
        assert content[0] == content[1]


def test_an_opened_engine_is_the_one_that_was_built(make: MakeIndex, engine_name: str) -> None:
    index = make(unit(0, 500, 1, DIM))
    entry = build_engine(index, engine_name, progress=False)
    one, two = open_engine(index, engine_name), open_engine(index, engine_name)
    assert one.entry == two.entry == entry
    assert 1 <= entry.effort <= one.exhaustive
    assert entry.library == engine_class(engine_name).library()
    queries = unit(1, 20, DIM)
    assert np.array_equal(one.candidates(queries, 9), two.candidates(queries, 9))


def test_its_files_are_deleted_with_its_index_and_nothing_else_is(make: MakeIndex, engine_name: str) -> None:
    index = make(unit(1, 40, 1, DIM))
    build_engine(index, engine_name, progress=False)
    folder = index.path / "engines" / engine_name
    (folder / "thesis.txt").touch()
    with pytest.raises(BuildError, match=r"thesis\.txt is no part of an index"):
        drop_derived(index.path, keep=set())
    with pytest.raises(BuildError, match=r"thesis\.txt is no part of an index"):
        build_engine(index, engine_name, progress=False)
    (folder / "thesis.txt").unlink()
    drop_derived(index.path, keep=set())
    assert not folder.exists()


def test_one_query_is_answered_as_many_are(make: MakeIndex, engine_name: str) -> None:
    engine = built(make(unit(0, 500, 1, DIM)), engine_name)
    queries = unit(1, 33, DIM)
    alone = np.concatenate([engine.candidates(query[None], 5) for query in queries])
    assert np.array_equal(alone, engine.candidates(queries, 5))


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def cut(path: Path) -> None:
    """By a whole number of annoy's nodes (12 + 4 * 16 bytes), which its loader would not notice."""
    os.truncate(path, path.stat().st_size - 5 * 76)


def lengthen(path: Path) -> None:
    with path.open("ab") as file:
        file.write(bytes(76))


DAMAGE = {"flipped bit": flip, "cut": cut, "longer": lengthen, "missing": Path.unlink}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_files_are_refused_before_they_are_loaded(
    make: MakeIndex, engine_name: str, damage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = make(unit(0, 300, 1, DIM))
    entry = build_engine(index, engine_name, progress=False)
    DAMAGE[damage](index.path / "engines" / engine_name / min(entry.files))
    monkeypatch.setattr(engine_class(engine_name), "open", lambda folder, entry: pytest.fail("it was loaded"))
    with pytest.raises(
        SearchError, match=f"build it with 'pytest-replication engine {index.path} {engine_name}'"
    ):
        open_engine(index, engine_name)


def test_swapped_and_foreign_files_are_refused(make: MakeIndex, engine_name: str) -> None:
    index, other = make(unit(0, 300, 1, DIM)), make(unit(1, 300, 1, DIM), folder="other")
    entry = build_engine(index, engine_name, progress=False)
    build_engine(other, engine_name, progress=False)
    file, foreign = (i.path / "engines" / engine_name / min(entry.files) for i in (index, other))
    shutil.copy(foreign, file)  # of the same size, for annoy: only the digest tells
    with pytest.raises(SearchError, match=r"has changed since|bytes, expected"):
        open_engine(index, engine_name)
    shutil.copytree(foreign.parent, file.parent, dirs_exist_ok=True)
    with pytest.raises(SearchError, match=r"is for other vectors .*generation is"):
        open_engine(index, engine_name)


def test_an_engine_under_the_name_of_another_is_refused(make: MakeIndex, engine_name: str) -> None:
    index = make(unit(0, 300, 1, DIM))
    build_engine(index, engine_name, progress=False)
    other = next(one for one in engine_names() if one != engine_name)
    (index.path / "engines" / engine_name).rename(index.path / "engines" / other)
    with pytest.raises(SearchError, match=f"engine is {engine_name}, expected {other}"):
        read_entry(index, other)


def test_a_healthy_engine_is_certified(make: MakeIndex, engine_name: str) -> None:
    index = make(unit(0, 300, 2, DIM), unit(1, 400, 2, DIM))
    engine = built(index, engine_name)
    found = certify(index, engine, 0.7, k=20, progress=False)
    assert isinstance(found, Certificate)
    assert found.bound >= 0.999
    assert engine.effort == found.effort <= engine.exhaustive
    add_certificate(index, found)
    assert read_entry(index, engine_name).certificate_for(0.7, 0.999, 20) == found
    queries, numbers = planted(index, 0.7, 1000, 12345)
    scores = queries.astype(np.float64) @ stored(index).T
    best = np.take_along_axis(scores, engine.candidates(queries, 20), axis=1).max(axis=1)
    assert np.mean(best >= 0.7 - 1e-6) >= 0.998
    assert scores[np.arange(1000), numbers] == pytest.approx(0.7, abs=1e-6)


def test_an_engine_that_drops_every_tenth_vector_is_refused(
    make: MakeIndex, engine_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = make(unit(0, 300, 1, DIM))
    engine = built(index, engine_name)
    propose = engine._propose

    def lossy(queries: np.ndarray, k: int) -> np.ndarray:
        found = propose(queries, k)
        return np.where(found % 10 == 0, -1, found)

    monkeypatch.setattr(engine, "_propose", lossy)
    found = certify(index, engine, 0.9, k=5, progress=False)
    assert isinstance(found, Refusal)
    assert found.bound < 0.93
    assert "search exactly" in found.reason
