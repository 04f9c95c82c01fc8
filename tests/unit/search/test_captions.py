from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pytest_replication import Index
from pytest_replication.errors import SearchError
from pytest_replication.models.prompted import Prompted
from pytest_replication.search import Matches, SearchedBy, Subject, name_matches, search
from pytest_replication.search.captions import with_own

SUBJECT = Subject(("a", "b", "c"), "test", "index", 0, "f", "toy", "p", None)
VIEWS, DIM = 2, 16


def unit(*shape: int, seed: int) -> np.ndarray:
    found = np.random.default_rng(seed).normal(size=shape)
    return (found / np.linalg.norm(found, axis=-1, keepdims=True)).astype(np.float32)


@pytest.fixture(scope="module")
def stored() -> np.ndarray:
    return unit(9, VIEWS, DIM, seed=1)


@pytest.fixture(params=["<f4", "<f2"])
def index(
    request: pytest.FixtureRequest,
    made_up_index: Callable[..., Index],
    tmp_path: Path,
    stored: np.ndarray,
) -> Index:
    return made_up_index(tmp_path / "index", stored[:4], stored[4:], dtype=request.param)


@pytest.fixture
def vectors() -> np.ndarray:
    return unit(3, VIEWS, DIM, seed=2)


def searched(index: Index, vectors: np.ndarray, k: int = 3) -> Matches:
    return name_matches(index, search(index, vectors, k), SUBJECT)


def prompted(index: Index, *rows: tuple[int, ...]) -> Prompted:
    return Prompted("", index.manifest.generation, rows)


def test_scores_are_those_of_the_scan(index: Index, vectors: np.ndarray) -> None:
    whole = searched(index, vectors, 9)
    for row in range(9):
        own = with_own(index, prompted(index, (row,), (row,), (row,)), vectors, searched(index, vectors)).own
        for sample, one in enumerate(own):
            assert one is not None
            (same,) = [match for match in whole.of[sample] if match.row == row]
            assert one.match.score == pytest.approx(same.score, abs=1.1e-6)
            assert (one.match.row, one.match.record, one.images) == (row, same.record, 1)
            assert (one.match.view, one.match.sample_view) == (same.view, same.sample_view)


def test_the_nearest_of_several_images_with_a_caption_counts(
    index: Index, stored: np.ndarray, vectors: np.ndarray
) -> None:
    best = np.einsum("svd,rwd->srvw", vectors.astype(float), stored.astype(float)).max((2, 3))
    rows = (0, 3, 7)
    matches = with_own(index, prompted(index, rows, (), rows), vectors, searched(index, vectors))
    assert matches.own[1] is None
    for sample in (0, 2):
        own = matches.own[sample]
        assert own is not None
        assert own.images == 3
        assert own.match.row == rows[int(best[sample, list(rows)].argmax())]


def test_own_is_nearest_where_it_is_the_best_match_or_its_duplicate(
    index: Index, vectors: np.ndarray
) -> None:
    matches = searched(index, vectors)
    best, second = matches.of[0][0], matches.of[0][1]
    found = with_own(index, prompted(index, (best.row,), (), ()), vectors, matches).own[0]
    other = with_own(index, prompted(index, (second.row,), (), ()), vectors, matches).own[0]
    assert found is not None
    assert other is not None
    assert found.is_nearest(best)
    assert not other.is_nearest(best)
    group = replace(other, match=replace(other.match, leader=4))
    assert group.is_nearest(replace(best, leader=4))
    assert not group.is_nearest(replace(best, leader=5))


@pytest.mark.parametrize("given", [None, Prompted("x"), Prompted("x", "another index", ((0,), (1,), (2,)))])
def test_rows_of_another_index_say_nothing(index: Index, vectors: np.ndarray, given: Prompted | None) -> None:
    matches = searched(index, vectors)
    assert with_own(index, given, vectors, matches) is matches


def test_what_an_engine_overlooked_is_put_among_the_matches(index: Index, vectors: np.ndarray) -> None:
    whole = searched(index, vectors, 4)
    missed = tuple(found[1:] for found in whole.of)
    engine = replace(whole, of=missed, by=SearchedBy("annoy", None))
    rows = [(found[0].row,) for found in whole.of]
    found = with_own(index, prompted(index, *rows), vectors, engine)
    assert [match.row for match in found.best] == [row for (row,) in rows]
    assert [len(kept) for kept in found.of] == [3, 3, 3]
    behind = with_own(index, prompted(index, *rows), vectors, replace(whole, by=SearchedBy("annoy", None)))
    assert behind.of == whole.of


def test_a_scan_that_overlooked_an_image_is_refused(index: Index, vectors: np.ndarray) -> None:
    whole = searched(index, vectors, 4)
    missed = replace(whole, of=tuple(found[1:] for found in whole.of))
    with pytest.raises(SearchError, match="overlooked /"):
        with_own(index, prompted(index, (whole.best[0].row,), (), ()), vectors, missed)
