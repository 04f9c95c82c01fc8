from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from pytest_replication.errors import SearchError
from pytest_replication.search.engines import Engine
from pytest_replication.search.engines.selftest import made_up, prove


def test_a_right_engine_is_tried_once(toy: type[Engine], monkeypatch: pytest.MonkeyPatch) -> None:
    prove(toy, 12)
    monkeypatch.setattr(toy, "trial", None)
    prove(toy, 12)
    with pytest.raises(TypeError):
        prove(toy, 13)


def nearest(vectors: np.ndarray, queries: np.ndarray, k: int) -> np.ndarray:
    return np.argsort(-(queries @ vectors.T), axis=1)[:, :k]


def one_neighbour(vectors: np.ndarray, queries: np.ndarray, k: int) -> np.ndarray:
    found = np.full((len(queries), k), -1)
    found[:, 0] = np.arange(len(queries))
    return found


WRONG: dict[str, Callable[[np.ndarray, np.ndarray, int], np.ndarray]] = {
    "one neighbour only": one_neighbour,
    "itself again and again": lambda v, q, k: np.repeat(np.arange(len(q))[:, None], k, axis=1),
    "beyond": lambda v, q, k: np.where(nearest(v, q, k) == 5, len(v), nearest(v, q, k)),
    "short": lambda v, q, k: nearest(v, q, k)[:-1],
    "one place off": lambda v, q, k: nearest(v, q, k + 1)[:, 1:],
}


@pytest.mark.parametrize("kind", WRONG)
def test_a_wrong_engine_is_refused(toy: type[Engine], monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setattr(toy, "trial", staticmethod(WRONG[kind]))
    for _ in range(2):
        with pytest.raises(
            SearchError, match="toy 1 finds other than the nearest of 64 vectors of length 12"
        ):
            prove(toy, 12)


def test_the_order_of_neighbours_is_free(toy: type[Engine], monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def backwards(vectors: np.ndarray, queries: np.ndarray, k: int) -> np.ndarray:
        asked.append(k)
        return nearest(vectors, queries, k)[:, ::-1]

    monkeypatch.setattr(toy, "trial", staticmethod(backwards))
    prove(toy, 12)
    assert max(asked) > 1  # there was an order to be free of


def test_there_are_enough_vectors_for_annoy_to_split(
    toy: type[Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def seen(vectors: np.ndarray, queries: np.ndarray, k: int) -> np.ndarray:
        asked.append((vectors.shape, queries.shape))
        return nearest(vectors, queries, k)

    monkeypatch.setattr(toy, "trial", staticmethod(seen))
    prove(toy, 12)
    prove(toy, 300)
    assert asked == [((64, 12), (64, 12)), ((600, 300), (64, 300))]


def test_made_up_vectors_are_of_unit_length_and_always_the_same() -> None:
    rows = made_up(64, 9)
    assert rows.dtype == np.float32
    assert np.abs(np.linalg.norm(rows.astype(np.float64), axis=1) - 1).max() < 1e-6
    assert np.array_equal(rows, made_up(64, 9))
