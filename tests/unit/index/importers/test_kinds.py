from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pytest_replication.errors import SettingsError, SourceError
from pytest_replication.index.importers import KINDS, open_embeddings

Make = Callable[..., np.ndarray]


@pytest.fixture
def everything(tmp_path: Path, made: Make) -> Path:
    """A folder with three vectors of every kind that needs no other package to be written."""
    np.save(tmp_path / "v.npy", made(3))
    (tmp_path / "e.pkl").write_bytes(pickle.dumps({"features": made(3), "indexes": ["a", "b", "c"]}))
    clip = tmp_path / "clip"
    clip.mkdir()
    np.save(clip / "img_emb_0.npy", made(3))
    pq.write_table(pa.table({"image_path": ["a", "b", "c"]}), clip / "metadata_0.parquet")
    dup = tmp_path / "dup"
    dup.mkdir()
    made(3).tofile(dup / "atrain_features.dat")
    (dup / "atrain_features.dat.csv").write_text("index,filename\n0,a\n1,b\n2,c\n")
    nodes = [np.int32(1).tobytes() + np.float32(v @ v).tobytes() + bytes(4) + v.tobytes() for v in made(3)]
    root = np.array([3, 0, 1, 2], "<i4").tobytes().ljust(32, b"\0")
    (tmp_path / "v.ann").write_bytes(b"".join(nodes) + 2 * root)
    return tmp_path


CASES = {"npy": "v.npy", "dcr": "e.pkl", "clip-retrieval": "clip", "fastdup": "dup"}


@pytest.mark.parametrize("prefix", [True, False])
@pytest.mark.parametrize("kind", CASES)
def test_a_kind_is_named_or_detected(everything: Path, made: Make, kind: str, prefix: bool) -> None:
    path = everything / CASES[kind]
    found = open_embeddings(f"{kind}:{path}" if prefix else str(path), dim=5)
    assert (found.kind, found.name, found.rows, found.dim) == (kind, f"{kind} {path}", 3, 5)
    assert np.array_equal(next(found.blocks(9)).vectors, made(3))


def test_annoy_is_told_dim_and_metric(everything: Path, made: Make) -> None:
    found = open_embeddings(str(everything / "v.ann"), dim=5, metric="angular")
    assert np.array_equal(next(found.blocks(9)).vectors, made(3))
    with pytest.raises(SettingsError, match="give both"):
        open_embeddings(f"annoy:{everything / 'v.ann'}")


@pytest.mark.parametrize("name", ["v.faiss", "knn.index"])
def test_faiss_is_detected(tmp_path: Path, made: Make, name: str) -> None:
    faiss = pytest.importorskip("faiss")
    index = faiss.IndexFlatIP(5)
    index.add(made(3))
    faiss.write_index(index, str(tmp_path / name))
    assert open_embeddings(str(tmp_path / name), dim=5).kind == "faiss"


def test_names_reach_the_kinds_without_names(everything: Path) -> None:
    names = everything / "names.txt"
    names.write_text("x\ny\nz\n")
    for given, more in (
        (f"npy:{everything / 'v.npy'}", {}),
        (str(everything / "v.ann"), {"metric": "angular"}),
    ):
        found = open_embeddings(given, dim=5, names=names, **more)
        assert [r.id for r in found.block(0, 3).records] == ["x", "y", "z"]


@pytest.mark.parametrize("kind", ["dcr", "clip-retrieval", "fastdup"])
def test_names_for_a_kind_with_names_are_refused(everything: Path, kind: str) -> None:
    with pytest.raises(SettingsError, match=f"{kind} has names of its own: leave n.txt away"):
        open_embeddings(str(everything / CASES[kind]), names=Path("n.txt"))


@pytest.mark.parametrize("kind", CASES)
def test_a_metric_for_another_kind_is_refused(everything: Path, kind: str) -> None:
    with pytest.raises(SettingsError, match=f"a metric is for annoy only, not for {kind}"):
        open_embeddings(str(everything / CASES[kind]), metric="angular")


@pytest.mark.parametrize("kind", ["npy", "dcr", "clip-retrieval"])
def test_another_dim_is_refused(everything: Path, kind: str) -> None:
    with pytest.raises(
        SettingsError, match="holds vectors of 5 numbers, not of 6: name the embedder that made them"
    ):
        open_embeddings(str(everything / CASES[kind]), dim=6)


@pytest.mark.parametrize("dim", [0, -5])
def test_a_dim_that_is_none_is_refused(everything: Path, dim: int) -> None:
    with pytest.raises(SettingsError, match=f"dim is {dim}, expected the length of a vector"):
        open_embeddings(str(everything / "dup"), dim=dim)


@pytest.mark.parametrize("given", ["v.bin", "empty", "lance:v.lance", "gone"])
def test_what_tells_no_kind_is_refused(tmp_path: Path, given: str) -> None:
    (tmp_path / "v.bin").write_bytes(b"x")
    (tmp_path / "empty").mkdir()
    with pytest.raises(SettingsError, match=f"write KIND:PATH with one of {', '.join(KINDS)}"):
        open_embeddings(given if ":" in given else str(tmp_path / given))


@pytest.mark.parametrize("kind", KINDS)
def test_a_path_that_is_not_there_is_refused(tmp_path: Path, kind: str) -> None:
    with pytest.raises(SourceError, match="gone does not exist: name the embeddings as KIND:PATH"):
        open_embeddings(f"{kind}:{tmp_path / 'gone'}")
