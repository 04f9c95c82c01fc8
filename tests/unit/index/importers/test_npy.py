from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pytest_replication.errors import SourceError
from pytest_replication.index.importers.npy import NpyEmbeddings

Make = Callable[..., np.ndarray]


def test_vectors_with_a_list_of_names(tmp_path: Path, made: Make) -> None:
    vectors = made(10).astype("<f2")
    np.save(tmp_path / "v.npy", vectors)
    (tmp_path / "names.txt").write_text("".join(f"{i}.png\n" for i in range(10)))
    found = NpyEmbeddings(tmp_path / "v.npy", tmp_path / "names.txt")
    assert (found.rows, found.dim, found.dtype, found.missing) == (10, 5, "<f2", [])
    assert found.name == f"npy {tmp_path / 'v.npy'}"
    blocks = list(found.blocks(4))
    assert [len(b.records) for b in blocks] == [4, 4, 2]
    assert np.array_equal(np.concatenate([b.vectors for b in blocks]), vectors.astype(np.float32))
    assert blocks[2].records[1].id == "9.png"


def test_vectors_without_names(tmp_path: Path, made: Make) -> None:
    np.save(tmp_path / "v.npy", made(2))
    assert [r.id for r in NpyEmbeddings(tmp_path / "v.npy").block(0, 2).records] == ["v.npy#0", "v.npy#1"]


def test_the_names_are_part_of_the_version(tmp_path: Path, made: Make) -> None:
    np.save(tmp_path / "v.npy", made(2))
    names = tmp_path / "names.txt"
    names.write_text("a\nb\n")
    before = NpyEmbeddings(tmp_path / "v.npy", names).version
    assert NpyEmbeddings(tmp_path / "v.npy", names).version == before
    names.write_text("a\nbb\n")
    assert NpyEmbeddings(tmp_path / "v.npy", names).version != before


def test_an_array_of_no_rows_is_an_error(tmp_path: Path) -> None:
    np.save(tmp_path / "v.npy", np.ones((0, 4), np.float32))
    with pytest.raises(SourceError, match="holds no vectors"):
        NpyEmbeddings(tmp_path / "v.npy")
