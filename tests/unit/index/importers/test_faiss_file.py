from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_replication.errors import BuildError, SettingsError, SourceError
from pytest_replication.index.importers.faiss_file import FaissEmbeddings, _unwrap

Make = Callable[..., np.ndarray]

READ = ["Flat", "IVF3,Flat", "HNSW4", "IDMap,Flat", "IDMap2,Flat", "IDMap,IVF3,Flat", "IVF40,Flat"]
REFUSED = {
    "PQ4x4": "IndexPQ",
    "SQ8": "IndexScalarQuantizer",
    "SQfp16": "IndexScalarQuantizer",
    "IVF3,PQ4x4": "IndexIVFPQ",
    "IVF3,SQ8": "IndexIVFScalarQuantizer",
    "HNSW4,SQ8": "IndexHNSWSQ",
    "PCA4,Flat": "IndexPreTransform",
    "L2norm,Flat": "IndexPreTransform",
    "LSH": "IndexLSH",
    "SQ8,RFlat": "IndexRefineFlat",
    "IDMap,SQ8": "IndexScalarQuantizer",
}


@pytest.fixture
def faiss() -> Any:
    module = pytest.importorskip("faiss")
    module.omp_set_num_threads(1)
    return module


@pytest.fixture
def write(faiss: Any, tmp_path: Path, made: Make) -> Callable[..., Path]:
    """Write an index of 50 vectors of 8 numbers, with the given ids."""

    def one(kind: str, ids: np.ndarray | None = None, inner: bool = False) -> Path:
        metric = faiss.METRIC_INNER_PRODUCT if inner else faiss.METRIC_L2
        index = faiss.index_factory(8, kind, metric)
        index.train(made(2000, 8, seed=1))
        if ids is None:
            index.add(made(50, 8))
        else:
            index.add_with_ids(made(50, 8), ids)
        path = tmp_path / "v.faiss"
        faiss.write_index(index, str(path))
        return path

    return one


def everything(found: FaissEmbeddings) -> tuple[np.ndarray, list[str]]:
    blocks = list(found.blocks(7))
    return np.concatenate([b.vectors for b in blocks]), [r.id for b in blocks for r in b.records]


@pytest.mark.parametrize("inner", [False, True])
@pytest.mark.parametrize("kind", READ)
def test_vectors_come_back_in_the_order_of_their_ids(
    write: Callable[..., Path], made: Make, kind: str, inner: bool
) -> None:
    mixed = np.random.default_rng(3).permutation(50) if "IDMap" in kind else None
    found = FaissEmbeddings(write(kind, mixed, inner))
    vectors, ids = everything(found)
    expected = made(50, 8) if mixed is None else made(50, 8)[np.argsort(mixed)]
    assert np.array_equal(vectors, expected)
    assert ids == [f"v.faiss#{row}" for row in range(50)]
    assert (found.rows, found.dim, found.dtype) == (50, 8, "<f4")


@pytest.mark.parametrize("kind", ["IDMap,Flat", "IVF3,Flat"])
def test_ids_with_gaps_or_twice_name_the_records(write: Callable[..., Path], made: Make, kind: str) -> None:
    ids = np.arange(50)[::-1] * 10 - 5
    ids[0] = ids[1]
    path = write(kind, ids)
    vectors, names = everything(FaissEmbeddings(path))
    assert names == [f"id:{id_}" for id_ in sorted(ids.tolist())]
    assert np.array_equal(vectors[-1], made(50, 8)[1])
    with pytest.raises(SettingsError, match=r"ids that are not 0 to 49 \(they go from -5 to 475\)"):
        FaissEmbeddings(path, Path("names.txt"))


def test_names_belong_to_ids(write: Callable[..., Path], made: Make, tmp_path: Path) -> None:
    names = tmp_path / "names.txt"
    names.write_text("".join(f"{i}.png\n" for i in range(50)))
    found = FaissEmbeddings(write("IDMap,Flat", np.arange(50)[::-1]), names)
    assert found.block(3, 4).records[0].id == "3.png"
    assert np.array_equal(found.block(3, 4).vectors[0], made(50, 8)[46])


@pytest.mark.parametrize("kind", REFUSED)
def test_an_index_that_changes_its_vectors_is_refused_by_name(write: Callable[..., Path], kind: str) -> None:
    ids = np.arange(50) if "IDMap" in kind else None
    with pytest.raises(
        SourceError, match=f"is an {REFUSED[kind]}, which does not keep its vectors as they were"
    ):
        FaissEmbeddings(write(kind, ids))


@pytest.mark.parametrize("kind", READ)
def test_a_cut_file_is_refused(write: Callable[..., Path], kind: str) -> None:
    path = write(kind, np.arange(50) if "IDMap" in kind else None)
    content = path.read_bytes()
    for cut in [
        *range(1, 40),
        100,
        400,
        len(content) // 2,
        len(content) - 50,
        len(content) - 3,
        len(content),
    ]:
        path.write_bytes(content[:-cut])
        with pytest.raises(SourceError, match=r"v.faiss is no whole faiss index"):
            FaissEmbeddings(path)


@pytest.mark.parametrize("kind", ["Flat", "IVF3,Flat", "IDMap,Flat"])
def test_a_count_that_is_larger_than_the_file_is_refused(write: Callable[..., Path], kind: str) -> None:
    path = write(kind, np.arange(50) if "IDMap" in kind else None)
    content = path.read_bytes()
    seen = 0
    for at in range(4, 120):
        path.write_bytes(content[:at] + b"\xff\xff\xff\x7f" + content[at + 4 :])
        try:
            found = FaissEmbeddings(path)
        except SourceError:
            seen += 1
        else:
            assert found.rows == 50
    assert seen > 5


def test_the_limits_of_faiss_are_put_back(faiss: Any, write: Callable[..., Path]) -> None:
    before = faiss.get_deserialization_vector_byte_limit(), faiss.get_deserialization_loop_limit()
    path = write("Flat")
    FaissEmbeddings(path)
    path.write_bytes(b"nothing at all")
    with pytest.raises(SourceError):
        FaissEmbeddings(path)
    assert (faiss.get_deserialization_vector_byte_limit(), faiss.get_deserialization_loop_limit()) == before


def test_lists_in_another_file_are_refused(faiss: Any, write: Callable[..., Path], tmp_path: Path) -> None:
    index = faiss.read_index(str(write("IVF3,Flat")))
    lists = faiss.OnDiskInvertedLists(index.nlist, index.code_size, str(tmp_path / "lists"))
    lists.merge_from(index.invlists, 0)
    index.replace_invlists(lists)
    faiss.write_index(index, str(tmp_path / "v.faiss"))
    with pytest.raises(SourceError, match="v.faiss keeps its vectors in .*lists: merge the two"):
        FaissEmbeddings(tmp_path / "v.faiss")


def test_ids_that_are_not_as_many_as_vectors_are_refused(faiss: Any, write: Callable[..., Path]) -> None:
    """faiss 1.15 refuses such a file itself, as it does lists of another size."""
    index = faiss.read_index(str(write("IDMap,Flat", np.arange(50))))
    faiss.copy_array_to_vector(np.arange(49), index.id_map)
    with pytest.raises(SourceError, match="v.faiss maps 49 ids to 50 vectors"):
        _unwrap(index, Path("v.faiss"))


def test_lists_of_another_size_are_refused(faiss: Any, write: Callable[..., Path]) -> None:
    index = faiss.read_index(str(write("IVF3,Flat")))
    index.invlists.code_size = 28
    with pytest.raises(SourceError, match="v.faiss keeps 28 bytes a vector, expected 32"):
        _unwrap(index, Path("v.faiss"))


@pytest.mark.parametrize("at", ["code", "total"])
def test_lists_that_contradict_the_index_are_refused(write: Callable[..., Path], at: str) -> None:
    path = write("IVF3,Flat")
    content = bytearray(path.read_bytes())
    place = content.index(b"ilar") + 12 if at == "code" else 8
    assert content[place] == (32 if at == "code" else 50)
    content[place] -= 4
    path.write_bytes(content)
    with pytest.raises(
        SourceError, match=r"v.faiss (keeps 28 bytes|should hold 46 vectors|is no whole faiss index)"
    ):
        FaissEmbeddings(path)


def test_an_empty_index_is_an_error(faiss: Any, tmp_path: Path) -> None:
    faiss.write_index(faiss.IndexFlatIP(4), str(tmp_path / "v.faiss"))
    with pytest.raises(SourceError, match="holds no vectors"):
        FaissEmbeddings(tmp_path / "v.faiss")


def test_a_file_that_is_not_there_is_refused(faiss: Any, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="v.faiss cannot be read: No such file"):
        FaissEmbeddings(tmp_path / "v.faiss")


def test_without_faiss_the_error_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "faiss", None)
    with pytest.raises(BuildError, match=r"pip install 'pytest-replication\[faiss\]'"):
        FaissEmbeddings(tmp_path / "v.faiss")
