from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_replication.errors import SettingsError, SourceError
from pytest_replication.index.importers.base import Embeddings, version_of
from pytest_replication.index.importers.npy import NpyEmbeddings
from pytest_replication.index.shard import Record


class Made(Embeddings):
    kind = "made"

    def __init__(self, vectors: np.ndarray, ids: list[str] | None = None) -> None:
        self._all = vectors
        self._ids = ids or [f"r{row}" for row in range(len(vectors))]
        super().__init__(Path("x"), len(vectors), vectors.shape[1], ())

    def _vectors(self, start: int, stop: int) -> np.ndarray:
        return self._all[start:stop]

    def _records(self, start: int, stop: int) -> list[Record]:
        return [Record(id_, id_) for id_ in self._ids[start:stop]]


@given(st.integers(1, 40), st.integers(1, 50))
def test_blocks_hold_every_row_once_in_order(rows: int, size: int) -> None:
    vectors = np.arange(1, rows * 2 + 1, dtype=np.float32).reshape(rows, 2)
    blocks = list(Made(vectors).blocks(size))
    assert [len(block.vectors) for block in blocks[:-1]] == [size] * (len(blocks) - 1)
    assert 1 <= len(blocks[-1].vectors) <= size
    assert np.array_equal(np.concatenate([block.vectors for block in blocks]), vectors)
    assert [r.id for block in blocks for r in block.records] == [f"r{row}" for row in range(rows)]


@pytest.mark.parametrize("rows", [0, -1])
def test_blocks_of_no_rows_are_an_error(rows: int) -> None:
    with pytest.raises(SettingsError, match=f"in blocks of {rows} rows"):
        next(Made(np.ones((4, 3), np.float32)).blocks(rows))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_vector_that_is_not_finite_is_an_error_with_its_row(value: float) -> None:
    vectors = np.ones((7, 3), np.float32)
    vectors[5, 1] = value
    blocks = Made(vectors).blocks(3)
    next(blocks)
    with pytest.raises(SourceError, match=r"made x: the vector of row 5 \(r5\) is not finite"):
        list(blocks)


@pytest.mark.parametrize("value", [0.0, 1e-13])
def test_a_vector_without_a_direction_is_an_error_with_its_row(value: float) -> None:
    vectors = np.ones((4, 3), np.float32)
    vectors[3] = value
    with pytest.raises(SourceError, match=r"row 3 \(r3\) is zero"):
        list(Made(vectors).blocks(2))


def test_an_empty_id_is_an_error_and_an_id_twice_is_none() -> None:
    vectors = np.ones((3, 3), np.float32)
    assert len(next(Made(vectors, ["a", "a", "b"]).blocks(9)).records) == 3
    with pytest.raises(SourceError, match="row 1 has an empty name"):
        list(Made(vectors, ["a", "", "b"]).blocks(9))


def test_a_kind_that_gives_fewer_records_than_vectors_is_an_error() -> None:
    with pytest.raises(SourceError, match="gave 3 vectors and 2 records for rows 0 to 2, expected 3"):
        list(Made(np.ones((3, 3), np.float32), ["a", "b"]).blocks(9))


def test_no_vectors_are_an_error() -> None:
    with pytest.raises(SourceError, match="made x holds no vectors"):
        Made(np.ones((0, 3), np.float32))


def test_the_version_changes_with_name_size_and_time(tmp_path: Path) -> None:
    a, b = tmp_path / "a", tmp_path / "b"
    for path in (a, b):
        path.write_bytes(b"12")
        os.utime(path, ns=(5, 5))
    found = {version_of([a]), version_of([b]), version_of([a, b]), version_of([b, a])}
    os.utime(a, ns=(6, 6))
    found.add(version_of([a]))
    a.write_bytes(b"123")
    os.utime(a, ns=(6, 6))
    found.add(version_of([a]))
    assert len(found) == 6
    assert version_of([a]) == version_of([a])
    with pytest.raises(SourceError, match="gone cannot be read"):
        version_of([tmp_path / "gone"])


def test_a_change_while_it_is_read_is_an_error(tmp_path: Path, made: Callable[..., np.ndarray]) -> None:
    path = tmp_path / "v.npy"
    np.save(path, made(6))
    blocks = NpyEmbeddings(path).blocks(3)
    next(blocks)
    os.utime(path, ns=(1, 1))
    with pytest.raises(SourceError, match="changed while it was read"):
        next(blocks)
