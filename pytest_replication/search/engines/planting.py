"""Planted copies: queries at exactly a cosine from stored vectors."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_replication.errors import SearchError, SettingsError
from pytest_replication.index.reader import Index
from pytest_replication.search.vectors import Numbers, cosines, stored_rows, take

TOLERANCE = 1e-6
"""Largest difference between the cosine of a planted query and what was asked for."""
_BLOCK = 256


def planted(
    index: Index, threshold: float, count: int, seed: int, *, removed: NDArray[np.int64] | None = None
) -> tuple[NDArray[np.float32], Numbers]:
    """Plant queries at exactly a cosine from random stored vectors.

    Args:
        index: an open index.
        threshold: the cosine, in (0, 1].
        count: queries.
        seed: the same gives the same.
        removed: rows that are not searched any more; nothing is planted near them.

    Returns:
        (count, dim) float32 unit rows, and the (count,) int64 numbers (row * views + view) of the
        stored vectors that they were planted from.

    Raises:
        SettingsError: a threshold or count outside its range, or vectors of one number.
        SearchError: no row is left, or a cosine is off by more than 1e-6.
    """
    check_threshold(threshold)
    if count < 1 or index.manifest.embedder.dim < 2:
        raise SettingsError(
            f"{count} queries of {index.manifest.embedder.dim} numbers cannot be planted: at least 1 of 2"
        )
    rng = np.random.default_rng(seed)
    numbers = _draw(index, count, rng, removed)
    queries = np.empty((count, index.manifest.embedder.dim), np.float32)
    for first in range(0, count, _BLOCK):
        part = slice(first, first + _BLOCK)
        stored = take(index, numbers[part])
        queries[part] = _turn(stored, threshold, rng.standard_normal(stored.shape))
        reached = cosines(index, queries[part], numbers[part, None])[:, 0]
        if not (np.abs(reached - threshold) < TOLERANCE).all():
            worst = reached[np.argmax(np.abs(reached - threshold))]
            raise SearchError(
                f"a query was planted at {worst}, expected {threshold:g}: 'pytest-replication verify "
                f"{index.path}' tells whether its vectors are damaged"
            )
    return queries, numbers


def _draw(index: Index, count: int, rng: np.random.Generator, removed: Any) -> Numbers:
    """Random numbers of stored vectors whose rows were not removed."""
    rows, views = stored_rows(index), len(index.manifest.views)
    live = rows
    if removed is not None:
        left = np.setdiff1d(np.arange(rows), np.asarray(removed, np.int64))
        live = len(left)
    if live == 0:
        raise SearchError(f"no row of {index.path} is left to plant queries from: build the index again")
    chosen = rng.integers(0, live, count)
    if removed is not None:
        chosen = left[chosen]
    return chosen * views + rng.integers(0, views, count)


def _turn(stored: NDArray[np.float64], threshold: float, random: NDArray[np.float64]) -> NDArray[np.float64]:
    """Turn unit rows away until their cosine is the threshold."""
    for _ in range(2):  # the second time removes what rounding left of the first
        random = random - np.einsum("ij,ij->i", random, stored)[:, None] * stored
        random = random / np.linalg.norm(random, axis=1, keepdims=True)
    turned: NDArray[np.float64] = threshold * stored + np.sqrt(1 - threshold**2) * random
    return turned


def check_threshold(threshold: float) -> None:
    """Refuse a threshold at which nothing can be planted.

    Raises:
        SettingsError: it is not in (0, 1].
    """
    if not 0 < threshold <= 1:
        raise SettingsError(f"queries cannot be planted at {threshold}: give a threshold above 0, up to 1")
