from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_replication import Index
from pytest_replication.errors import SearchError, SettingsError
from pytest_replication.search.engines import planted
from pytest_replication.search.vectors import cosines

Unit = Callable[..., np.ndarray]


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    threshold=st.floats(0.01, 1).map(lambda t: round(t, 6)),
    dim=st.sampled_from([2, 3, 16, 512]),
    dtype=st.sampled_from(["<f4", "<f2"]),
    seed=st.integers(0, 2**31),
)
def test_planted_cosines_are_exact(
    tmp_path_factory: pytest.TempPathFactory,
    made_up_index: Callable[..., Index],
    unit: Unit,
    threshold: float,
    dim: int,
    dtype: str,
    seed: int,
) -> None:
    index = made_up_index(tmp_path_factory.mktemp("i") / "index", unit(seed, 9, 2, dim), dtype=dtype)
    queries, numbers = planted(index, threshold, 20, seed)
    assert (queries.shape, queries.dtype) == ((20, dim), np.float32)
    assert np.abs(np.linalg.norm(queries.astype(np.float64), axis=1) - 1).max() < 1e-6
    stored = np.asarray(index.shards[0].embeddings()[0], np.float64).reshape(-1, dim)[numbers]
    reached = np.einsum("ij,ij->i", stored, queries.astype(np.float64)) / np.linalg.norm(stored, axis=1)
    assert np.abs(reached - threshold).max() < 1e-6
    assert cosines(index, queries, numbers[:, None])[:, 0] == pytest.approx(reached, abs=1e-6)


def test_a_seed_gives_the_same_queries_and_another_gives_others(index: Index) -> None:
    first, again, other = (planted(index, 0.5, 300, seed)[0] for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.isclose(first, other).all(axis=1).any()


def test_every_vector_of_every_view_has_its_turn(index: Index) -> None:
    numbers = planted(index, 0.5, 3000, 0)[1]
    assert set(numbers.tolist()) == set(range(120))
    assert np.bincount(numbers).min() > 5


def test_the_directions_are_random(index: Index) -> None:
    queries, numbers = planted(index, 0.5, 600, 0)
    same = queries[numbers == numbers[0]]
    assert len(same) > 1
    assert not np.isclose(same[0], same[1]).all()


def test_nothing_is_planted_near_removed_rows(index: Index) -> None:
    removed = np.array([0, 1, 2, 59, 30, 30])
    numbers = planted(index, 0.5, 3000, 0, removed=removed)[1]
    assert set((numbers // 2).tolist()) == set(range(60)) - set(removed.tolist())
    none = planted(index, 0.5, 50, 0, removed=np.array([], np.int64))
    assert np.array_equal(none[1], planted(index, 0.5, 50, 0)[1])


def test_without_a_row_nothing_is_planted(index: Index) -> None:
    with pytest.raises(SearchError, match="no row of .* is left"):
        planted(index, 0.5, 3, 0, removed=np.arange(60))


@pytest.mark.parametrize("threshold", [0.0, -0.5, 1.01, float("nan")])
def test_a_threshold_beyond_its_range_is_refused(index: Index, threshold: float) -> None:
    with pytest.raises(SettingsError, match=f"cannot be planted at {threshold}"):
        planted(index, threshold, 3, 0)


def test_counts_and_vectors_that_allow_nothing_are_refused(
    index: Index, tmp_path: Path, made_up_index: Callable[..., Index]
) -> None:
    with pytest.raises(SettingsError, match="0 queries of 12 numbers"):
        planted(index, 0.5, 0, 0)
    with pytest.raises(SettingsError, match="3 queries of 1 numbers"):
        planted(made_up_index(tmp_path / "line", np.ones((3, 1, 1), np.float32)), 0.5, 3, 0)


def test_damaged_vectors_give_no_queries(index: Index) -> None:
    path = index.shards[0].embeddings_path
    content = bytearray(path.read_bytes())
    content[-25 * 2 * 12 * 4 :] = np.full((25, 2, 12), np.nan, "<f4").tobytes()
    path.write_bytes(content)
    with pytest.raises(SearchError, match="was planted at nan, expected 0.5"):
        planted(index, 0.5, 300, 0)
