from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pytest_replication.errors import SourceError
from pytest_replication.index.importers.fastdup import FastdupEmbeddings, looks_like
from pytest_replication.index.shard import Rejected

Make = Callable[..., np.ndarray]


def write(folder: Path, vectors: np.ndarray, listed: str, bad: str | None = None) -> Path:
    vectors.astype("<f4").tofile(folder / "atrain_features.dat")
    (folder / "atrain_features.dat.csv").write_text("index,filename\n" + listed)
    if bad is not None:
        (folder / "atrain_features.bad.csv").write_text("index,filename,error_code\n" + bad)
    return folder


@pytest.mark.parametrize("dim", [None, 5])
def test_rows_and_failures_come_back(tmp_path: Path, made: Make, dim: int | None) -> None:
    listed = '0,a.jpg\n2,"b, c.jpg"\n3,007\n'
    write(tmp_path, made(3), listed, "1,broken.jpg,ERROR_ZERO_SIZE_FILE\n4,last.jpg,\n")
    found = FastdupEmbeddings(tmp_path, dim)
    assert looks_like(tmp_path)
    assert (found.rows, found.dim, found.dtype) == (3, 5, "<f4")
    block = found.block(0, 3)
    assert np.array_equal(block.vectors, made(3))
    assert [r.id for r in block.records] == ["a.jpg", "b, c.jpg", "007"]
    assert [r.id for r in found.block(1, 2).records] == ["b, c.jpg"]
    assert found.missing == [
        Rejected("broken.jpg", "broken.jpg", "fastdup: ERROR_ZERO_SIZE_FILE"),
        Rejected("last.jpg", "last.jpg", "fastdup: no vector"),
    ]


def test_without_a_list_of_failures_none_are_missing(tmp_path: Path, made: Make) -> None:
    assert FastdupEmbeddings(write(tmp_path, made(2), "0,a\n1,b\n")).missing == []


@pytest.mark.parametrize(
    ("listed", "bad", "message"),
    [
        ("0,a\n2,b\n", None, "lack index 1: an image is unaccounted for"),
        ("1,a\n2,b\n", None, "lack index 0"),
        ("0,a\n3,b\n", "1,c,X\n", "lack index 2"),
        ("0,a\n1,b\n", "1,c,X\n", "both name index 1"),
        ("0,a\n2,b\n", "1,c,X\n1,c,X\n", "both name index 1"),
    ],
)
def test_an_index_that_is_unaccounted_for_is_an_error(
    tmp_path: Path, made: Make, listed: str, bad: str | None, message: str
) -> None:
    with pytest.raises(SourceError, match=message):
        FastdupEmbeddings(write(tmp_path, made(2), listed, bad))


@pytest.mark.parametrize("listed", ["0,a\n2,b\n1,c\n", "0,a\n1,b\n1,c\n"])
def test_an_index_that_does_not_grow_is_an_error(tmp_path: Path, made: Make, listed: str) -> None:
    with pytest.raises(SourceError, match=r"dat.csv, line 4: the index does not grow"):
        FastdupEmbeddings(write(tmp_path, made(3), listed))


@pytest.mark.parametrize(
    ("rows", "dim", "cut"),
    [(3, 6, 0), (3, 5, 4), (4, 5, 0), (3, None, 4), (2, 5, 0), (4, None, 0), (0, 5, 0)],
)
def test_sizes_that_do_not_agree_are_an_error(
    tmp_path: Path, made: Make, rows: int, dim: int | None, cut: int
) -> None:
    write(tmp_path, made(3), "".join(f"{row},{row}.jpg\n" for row in range(rows)))
    with (tmp_path / "atrain_features.dat").open("rb+") as file:
        file.truncate(3 * 5 * 4 - cut)
    with pytest.raises(SourceError, match=r"atrain_features.dat has \d+ bytes, which are not the"):
        FastdupEmbeddings(tmp_path, dim)


@pytest.mark.parametrize("content", ["", "name\nx\n", "index,filename\nx,y\n", "index,filename\n0\n"])
def test_what_is_no_list_is_refused(tmp_path: Path, made: Make, content: str) -> None:
    write(tmp_path, made(1), "0,a\n")
    (tmp_path / "atrain_features.dat.csv").write_text(content)
    with pytest.raises(
        SourceError, match=r"atrain_features.dat.csv (cannot be read as a list|has the columns name)"
    ):
        FastdupEmbeddings(tmp_path)


@pytest.mark.parametrize("name", ["atrain_features.dat", "atrain_features.dat.csv"])
def test_a_missing_file_is_an_error(tmp_path: Path, made: Make, name: str) -> None:
    write(tmp_path, made(1), "0,a\n")
    (tmp_path / name).unlink()
    with pytest.raises(SourceError, match=f"{name} cannot be read"):
        FastdupEmbeddings(tmp_path)


def test_an_empty_filename_is_an_error(tmp_path: Path, made: Make) -> None:
    found = FastdupEmbeddings(write(tmp_path, made(2), "0,a\n1,\n"))
    with pytest.raises(SourceError, match="row 1 has an empty name"):
        list(found.blocks(10))


def test_no_rows_are_an_error(tmp_path: Path, made: Make) -> None:
    with pytest.raises(SourceError, match="holds no vectors"):
        FastdupEmbeddings(write(tmp_path, made(0), "", "0,a,X\n"))
