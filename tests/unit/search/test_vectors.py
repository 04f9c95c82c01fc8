from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_replication import Index
from pytest_replication.errors import IndexCorrupt, SettingsError
from pytest_replication.search.vectors import (
    blocks_between,
    check_vectors,
    cosines,
    count_vectors,
    stored_rows,
    take,
)

Unit = Callable[..., np.ndarray]


def whole(index: Index) -> np.ndarray:
    return np.concatenate(
        [np.asarray(s.embeddings()[0], np.float64).reshape(-1, s.shape[2]) for s in index.shards]
    )


@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    sizes=st.lists(st.integers(0, 7), min_size=1, max_size=5).filter(lambda sizes: sum(sizes) > 0),
    views=st.integers(1, 3),
    block=st.integers(1, 9),
    data=st.data(),
)
def test_blocks_and_numbers_give_the_vectors_in_order(
    tmp_path_factory: pytest.TempPathFactory,
    made_up_index: Callable[..., Index],
    unit: Unit,
    sizes: list[int],
    views: int,
    block: int,
    data: st.DataObject,
) -> None:
    index = made_up_index(
        tmp_path_factory.mktemp("i") / "index", *(unit(i, n, views, 6) for i, n in enumerate(sizes))
    )
    stored = whole(index)
    total = count_vectors(index)
    assert total == len(stored) == stored_rows(index) * views
    first = data.draw(st.integers(0, total - 1))
    last = data.draw(st.integers(first + 1, total))
    read = list(blocks_between(index.shards, first, last, block))
    assert np.concatenate([rows for _, rows in read]) == pytest.approx(stored[first:last], abs=1e-6)
    assert all(len(rows) <= block for _, rows in read)
    ends = [start + len(rows) for start, rows in read]
    assert [start for start, _ in read] == [first, *ends[:-1]]
    numbers = np.array(data.draw(st.lists(st.integers(0, total - 1), min_size=1, max_size=9)))
    assert take(index, numbers) == pytest.approx(stored[numbers], abs=1e-6)


def test_float16_rows_are_given_at_unit_length(
    tmp_path: Path, made_up_index: Callable[..., Index], unit: Unit
) -> None:
    index = made_up_index(tmp_path / "index", unit(0, 50, 1, 12), dtype="<f2")
    assert np.abs(np.linalg.norm(whole(index), axis=1) - 1).max() > 1e-5
    read = np.concatenate([rows for _, rows in blocks_between(index.shards, 0, 50, 9)])
    assert read.dtype == np.float32
    assert np.abs(np.linalg.norm(read.astype(np.float64), axis=1) - 1).max() < 1e-6
    assert np.abs(np.linalg.norm(take(index, np.arange(50)), axis=1) - 1).max() < 1e-12


def test_cosines_are_those_of_the_vectors(index: Index, unit: Unit) -> None:
    queries = unit(9, 4, 12)
    numbers = np.array([[0, 7, -1], [119, 3, 60], [-1, -1, -1], [50, 50, 49]])
    found = cosines(index, queries, numbers)
    products = queries.astype(np.float64) @ whole(index).T
    for query, row in enumerate(numbers):
        for place, number in enumerate(row):
            expected = products[query, number] if number >= 0 else -np.inf
            assert found[query, place] == pytest.approx(expected, abs=1e-7)


@pytest.mark.parametrize("number", [-1, 120])
def test_a_number_outside_the_index_is_no_other_vector(index: Index, number: int) -> None:
    with pytest.raises(SettingsError, match="stores rows 0 to 59, not all of"):
        take(index, np.array([3, number]))


def test_a_changed_vector_is_found_before_an_engine_sees_it(index: Index) -> None:
    check_vectors(index)
    path = index.shards[1].embeddings_path
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)
    with pytest.raises(IndexCorrupt, match=f"{path} has changed since it was written"):
        check_vectors(index)


def test_a_missing_shard_is_told(index: Index) -> None:
    index.shards[2].embeddings_path.unlink()
    with pytest.raises(IndexCorrupt, match="is damaged .*No such file"):
        check_vectors(index)


def test_a_sound_file_is_read_once(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    check_vectors(index)
    monkeypatch.setattr(
        "pytest_replication.search.blocks.Checksum.update",
        lambda *a: pytest.fail("read") if a[0]._digest else None,
    )
    check_vectors(index)
