from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pytest_replication.errors import SourceError
from pytest_replication.index.importers.clip_retrieval import ClipRetrievalEmbeddings, looks_like

Make = Callable[..., np.ndarray]


@pytest.fixture
def write(tmp_path: Path, made: Make) -> Callable[..., np.ndarray]:
    """Write one numbered pair, by default as clip-retrieval does, and return its vectors."""

    def one(
        number: int,
        rows: int,
        name: str = "{number}",
        metadata: str | None = None,
        together: bool = False,
        dtype: str = "<f2",
        dim: int = 5,
        **columns: list[object],
    ) -> np.ndarray:
        vectors = made(rows, dim, seed=number).astype(dtype)
        here = tmp_path if together else tmp_path / "img_emb"
        there = tmp_path if together else tmp_path / "metadata"
        here.mkdir(exist_ok=True)
        there.mkdir(exist_ok=True)
        np.save(here / f"img_emb_{name.format(number=number)}.npy", vectors)
        columns = columns or {
            "image_path": [f"{number}/{row}.jpg" for row in range(rows)],
            "caption": [f"photo {row}" for row in range(rows)],
        }
        table = pa.table(columns)
        pq.write_table(
            table, there / f"metadata_{(metadata or name).format(number=number)}.parquet", row_group_size=4
        )
        return vectors

    return one


def ids(embeddings: ClipRetrievalEmbeddings, rows: int = 4) -> list[str]:
    return [record.id for block in embeddings.blocks(rows) for record in block.records]


@pytest.mark.parametrize("together", [False, True])
def test_pairs_are_read_in_the_order_of_their_numbers(
    tmp_path: Path, write: Callable, together: bool
) -> None:
    parts = [write(number, rows, together=together) for number, rows in enumerate([5, 1, 0, 9] + [2] * 8)]
    found = ClipRetrievalEmbeddings(tmp_path)
    assert looks_like(tmp_path)
    assert (found.rows, found.dim, found.dtype) == (31, 5, "<f2")
    expected = np.concatenate(parts).astype(np.float32)
    for size in (1, 4, 7, 31, 100):
        assert np.array_equal(np.concatenate([b.vectors for b in found.blocks(size)]), expected)
        assert ids(found, size) == [
            f"{n}/{row}.jpg" for n, part in enumerate(parts) for row in range(len(part))
        ]
    record = found.block(6, 7).records[0]
    assert (record.uri, record.caption, record.label, record.sha256) == ("3/0.jpg", "photo 0", None, None)


def test_padding_may_differ_between_vectors_and_metadata(tmp_path: Path, write: Callable) -> None:
    for number in range(11):
        write(number, 1, name="{number:04d}", metadata="{number}")
    assert ids(ClipRetrievalEmbeddings(tmp_path)) == [f"{number}/0.jpg" for number in range(11)]


def test_laion_columns_name_rows_one_after_the_other(tmp_path: Path, write: Callable) -> None:
    write(
        0,
        2,
        image_path=["000/1", None],
        url=["http://x/1", "http://x/2"],
        key=["1", "2"],
        label=["cat", None],
    )
    write(1, 2, key=[5, None], similarity=[0.1, 0.2])
    write(2, 1, similarity=[0.3])
    found = ClipRetrievalEmbeddings(tmp_path)
    assert ids(found) == ["000/1", "http://x/2", "5", "img_emb_1#1", "img_emb_2#0"]
    records = found.block(0, 5).records
    assert [r.uri for r in records] == ["http://x/1", "http://x/2", "5", "img_emb_1#1", "img_emb_2#0"]
    assert [r.label for r in records] == ["cat", None, None, None, None]


@pytest.mark.parametrize(
    ("gone", "message"),
    [
        ("metadata/metadata_1.parquet", "img_emb_1.npy has no partner: there is no metadata file numbered 1"),
        ("img_emb/img_emb_1.npy", "metadata_1.parquet has no partner: there is no img_emb file numbered 1"),
    ],
)
def test_a_missing_partner_is_an_error(tmp_path: Path, write: Callable, gone: str, message: str) -> None:
    for number in range(3):
        write(number, 2)
    (tmp_path / gone).unlink()
    with pytest.raises(SourceError, match=message):
        ClipRetrievalEmbeddings(tmp_path)


@pytest.mark.parametrize("gap", [0, 1])
def test_a_missing_number_is_an_error(tmp_path: Path, write: Callable, gap: int) -> None:
    for number in {0, 1, 2} - {gap}:
        write(number, 2)
    with pytest.raises(SourceError, match=f"has numbers up to 2 but no img_emb file numbered {gap}"):
        ClipRetrievalEmbeddings(tmp_path)


def test_different_counts_name_both_files_and_both_counts(tmp_path: Path, write: Callable) -> None:
    write(0, 3, image_path=["a", "b", "c"])
    write(1, 3)
    pq.write_table(pa.table({"image_path": ["a", "b"]}), tmp_path / "metadata" / "metadata_1.parquet")
    with pytest.raises(SourceError, match=r"img_emb_1.npy has 3 vectors and .*metadata_1.parquet has 2 rows"):
        ClipRetrievalEmbeddings(tmp_path)


def test_vectors_of_two_lengths_are_an_error(tmp_path: Path, write: Callable) -> None:
    write(0, 2)
    write(1, 2, dim=6)
    with pytest.raises(SourceError, match=r"img_emb_1.npy holds vectors of 6 numbers, .*img_emb_0.npy of 5"):
        ClipRetrievalEmbeddings(tmp_path)


def test_a_number_twice_is_an_error(tmp_path: Path, write: Callable) -> None:
    write(0, 2)
    write(0, 2, name="00")
    with pytest.raises(SourceError, match="have the same number"):
        ClipRetrievalEmbeddings(tmp_path)


def test_a_neighbour_with_another_name_is_an_error_and_other_files_are_not(
    tmp_path: Path, write: Callable
) -> None:
    write(0, 2, together=True)
    for name in ("text_emb_0.npy", ".img_emb_1.npy", "stats.json"):
        (tmp_path / name).write_bytes(b"x")
    assert ClipRetrievalEmbeddings(tmp_path).rows == 2
    (tmp_path / "img_emb_1 (copy).npy").write_bytes(b"x")
    with pytest.raises(
        SourceError, match=r"copy\).npy is not named img_emb_NUMBER.npy as its neighbours are"
    ):
        ClipRetrievalEmbeddings(tmp_path)


def test_both_layouts_at_once_are_an_error(tmp_path: Path, write: Callable) -> None:
    write(0, 2, together=True)
    write(0, 2)
    with pytest.raises(SourceError, match="files and a folder img_emb"):
        ClipRetrievalEmbeddings(tmp_path)


def test_folders_without_embeddings_are_an_error(tmp_path: Path) -> None:
    assert not looks_like(tmp_path)
    with pytest.raises(SourceError, match="img_emb cannot be listed"):
        ClipRetrievalEmbeddings(tmp_path)
    (tmp_path / "img_emb").mkdir()
    (tmp_path / "metadata").mkdir()
    with pytest.raises(SourceError, match="holds no img_emb_0.npy"):
        ClipRetrievalEmbeddings(tmp_path)


def test_parts_without_rows_only_are_an_error(tmp_path: Path, write: Callable) -> None:
    write(0, 0, image_path=pa.array([], pa.string()))
    with pytest.raises(SourceError, match="holds no vectors"):
        ClipRetrievalEmbeddings(tmp_path)
