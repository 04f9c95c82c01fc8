from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pytest_replication.errors import IndexCorrupt
from pytest_replication.index.shard import (
    EMBEDDINGS,
    RECORDS,
    REJECTED,
    Record,
    Rejected,
    map_embeddings,
    read_columns,
    read_records,
    read_rejected,
    write_shard,
)


def records(n: int) -> list[Record]:
    return [
        Record(f"id{i}", f"/x/{i}", "ab" * 32, 4, 3, f"caption {i}" if i % 2 else None, None)
        for i in range(n)
    ]


def unit(*shape: int) -> np.ndarray:
    rows = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


@pytest.mark.parametrize(("dtype", "error"), [("<f4", 0), ("<f2", 5e-4)])
@pytest.mark.parametrize("views", [1, 3])
def test_a_shard_survives_writing_and_reading(tmp_path: Path, dtype: str, error: float, views: int) -> None:
    vectors = unit(5, views, 8)
    write_shard(tmp_path, vectors, records(5), [Rejected("r", "/x/r", "empty")], dtype)
    mapped, start = map_embeddings(tmp_path / EMBEDDINGS, (5, views, 8), dtype)
    assert np.abs(np.asarray(mapped, np.float32) - vectors).max() <= error
    assert (tmp_path / EMBEDDINGS).stat().st_size == start + mapped.nbytes
    assert read_records(tmp_path / RECORDS, [4, 1, 1]) == {1: records(5)[1], 4: records(5)[4]}
    assert list(read_rejected(tmp_path / REJECTED)) == [Rejected("r", "/x/r", "empty")]
    assert list(read_columns(tmp_path / RECORDS, ("caption", "id")))[:2] == [
        (None, "id0"),
        ("caption 1", "id1"),
    ]


def test_a_shard_of_rejected_images_only(tmp_path: Path) -> None:
    write_shard(tmp_path, unit(0, 1, 8), [], [Rejected("r", "r", "x")], "<f4")
    mapped, _ = map_embeddings(tmp_path / EMBEDDINGS, (0, 1, 8), "<f4")
    assert mapped.shape == (0, 1, 8)
    assert read_records(tmp_path / RECORDS, []) == {}


def test_records_are_found_across_row_groups(tmp_path: Path) -> None:
    write_shard(tmp_path, unit(9000, 1, 2), records(9000), [], "<f4")
    found = read_records(tmp_path / RECORDS, [0, 4095, 4096, 8999])
    assert {row: record.id for row, record in found.items()} == {
        row: f"id{row}" for row in (0, 4095, 4096, 8999)
    }


def test_a_row_that_is_not_there_is_corruption(tmp_path: Path) -> None:
    write_shard(tmp_path, unit(2, 1, 2), records(2), [], "<f4")
    with pytest.raises(IndexCorrupt, match="lacks 1 of the rows"):
        read_records(tmp_path / RECORDS, [1, 2])


@pytest.mark.parametrize(
    ("array", "shape", "dtype"),
    [
        (np.zeros((2, 1, 3), "<f4"), (2, 1, 4), "<f4"),
        (np.zeros((2, 1, 3), "<f8"), (2, 1, 3), "<f4"),
        (np.zeros((2, 1, 3), ">f4"), (2, 1, 3), "<f4"),
        (np.asfortranarray(np.zeros((2, 2, 3), "<f4")), (2, 2, 3), "<f4"),
    ],
)
def test_another_header_is_corruption(
    tmp_path: Path, array: np.ndarray, shape: tuple[int, int, int], dtype: str
) -> None:
    np.save(tmp_path / EMBEDDINGS, array)
    with pytest.raises(IndexCorrupt, match="it does not hold"):
        map_embeddings(tmp_path / EMBEDDINGS, shape, dtype)


def test_a_pickled_array_is_never_loaded(tmp_path: Path) -> None:
    np.save(tmp_path / EMBEDDINGS, np.array([[[{}]]], dtype=object), allow_pickle=True)
    with pytest.raises(IndexCorrupt):
        map_embeddings(tmp_path / EMBEDDINGS, (1, 1, 1), "<f4")


def test_a_short_or_foreign_file_is_corruption(tmp_path: Path) -> None:
    np.save(tmp_path / EMBEDDINGS, unit(2, 1, 64))
    with (tmp_path / EMBEDDINGS).open("rb+") as file:
        file.truncate(200)
    with pytest.raises(IndexCorrupt):
        map_embeddings(tmp_path / EMBEDDINGS, (2, 1, 64), "<f4")
    (tmp_path / RECORDS).write_bytes(b"nothing")
    with pytest.raises(IndexCorrupt):
        read_records(tmp_path / RECORDS, [0])
    with pytest.raises(IndexCorrupt):
        list(read_rejected(tmp_path / RECORDS))
