"""Does the library behind an engine find neighbours on this machine? Some builds do not."""

from __future__ import annotations

import numpy as np

from pytest_replication.errors import SearchError
from pytest_replication.search.engines.base import Engine, Queries
from pytest_replication.search.vectors import Numbers

_FEWEST, _QUERIES, _K = 64, 64, 8
_proved: set[tuple[type[Engine], int]] = set()


def prove(engine: type[Engine], dim: int) -> None:
    """Compare the engine with brute force on some made-up vectors, once a process and dimension.

    A library that was compiled for another processor, or by a compiler that it does not expect, may
    answer wrongly without an error. There are twice as many vectors as one is long: annoy keeps fewer
    in one leaf, and the planes that it splits by would go untested.

    Raises:
        SearchError: it is wrong.
        SettingsError: its library is not installed.
    """
    if (engine, dim) in _proved:
        return
    vectors = made_up(max(_FEWEST, 2 * dim), dim)
    queries = vectors[:_QUERIES]
    if not _is_right(vectors, queries, engine.trial(vectors, queries, _K)):
        raise SearchError(
            f"{engine.library()} finds other than the nearest of {len(vectors)} vectors of length {dim} on "
            "this machine: search exactly, or install another build of it"
        )
    _proved.add((engine, dim))


def made_up(count: int, dim: int) -> Queries:
    """Some unit vectors, always the same."""
    rows = np.random.default_rng(1).standard_normal((count, dim))
    unit: Queries = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return unit


def _is_right(vectors: Queries, queries: Queries, found: Numbers) -> bool:
    """Whether k different vectors were found for each, with the best scores there are."""
    if found.shape != (len(queries), _K) or found.min() < 0 or found.max() >= len(vectors):
        return False
    if any(len(set(row)) < _K for row in found.tolist()):
        return False
    scores = queries.astype(np.float64) @ vectors.T.astype(np.float64)
    best = -np.sort(-scores, axis=1)[:, :_K]
    reached = -np.sort(-np.take_along_axis(scores, found, axis=1), axis=1)
    return bool(np.abs(best - reached).max() < 1e-5)
