from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_replication import Index
from pytest_replication.errors import BuildError, SearchError, SettingsError
from pytest_replication.search.engines import build_engine, open_engine
from pytest_replication.search.engines import faiss_base as base
from pytest_replication.search.engines.faiss import FaissHnsw, FaissIvf

NAMES = ["faiss-hnsw", "faiss-ivf"]


@pytest.mark.parametrize("name", NAMES)
def test_without_the_library_the_way_to_it_is_told(
    monkeypatch: pytest.MonkeyPatch, index: Index, name: str
) -> None:
    monkeypatch.setitem(sys.modules, "faiss", None)
    with pytest.raises(SettingsError, match=r"pip install 'pytest-replication\[faiss\]'"):
        build_engine(index, name, progress=False)


def test_a_version_without_checks_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    old = ModuleType("faiss")
    old.__version__ = "1.12.0"  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "faiss", old)
    with pytest.raises(SettingsError, match="faiss 1.12.0 reads files with too few checks"):
        base.import_faiss()


@given(vectors=st.integers(1, 10**10), dim=st.integers(1, 4096))
def test_lists_have_enough_to_be_trained_on_and_memory_is_bounded(vectors: int, dim: int) -> None:
    found = FaissIvf._parameters(vectors, dim)
    assert 1 <= found["lists"] <= 4 * vectors**0.5 + 1
    assert min(vectors, 39 * found["lists"]) <= found["trained"] <= vectors
    assert found["trained"] * dim * 4 <= 1 << 30
    assert FaissIvf._most(found, vectors) == found["lists"]


@pytest.mark.parametrize(("vectors", "lists"), [(1, 1), (77, 1), (78, 2), (1000, 25), (100_000, 1265)])
def test_lists_of_some_sizes(vectors: int, lists: int) -> None:
    assert FaissIvf._parameters(vectors, 512)["lists"] == lists


class TestWithFaiss:
    @pytest.fixture(autouse=True)
    def library(self) -> ModuleType:
        faiss: ModuleType = pytest.importorskip("faiss")
        return faiss

    @pytest.mark.parametrize("name", NAMES)
    def test_threads_and_limits_are_as_they_were(self, index: Index, library: Any, name: str) -> None:
        before = library.omp_get_max_threads(), library.get_deserialization_vector_byte_limit()
        build_engine(index, name, progress=False)
        open_engine(index, name)
        assert (library.omp_get_max_threads(), library.get_deserialization_vector_byte_limit()) == before

    def test_a_small_training_set_gives_no_warning(
        self, index: Index, capfd: pytest.CaptureFixture[str]
    ) -> None:
        build_engine(index, "faiss-ivf", progress=False)
        assert capfd.readouterr() == ("", "")

    def test_the_sample_is_random_and_always_the_same(
        self, index: Index, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(base, "_BLOCK", 7)
        sample = base._sample(index, 50)
        assert np.array_equal(sample, base._sample(index, 50))
        stored = np.concatenate([s.embeddings()[0] for s in index.shards]).reshape(120, 12)
        places = [int(np.argmax(stored @ row)) for row in sample]
        assert places == sorted(set(places))
        assert stored[places] == pytest.approx(sample, abs=1e-6)

    def test_a_graph_that_loses_vectors_is_read_past_at_the_exhaustive_effort(
        self, tmp_path: Path, made_up_index: Callable[..., Index], unit: Callable[..., np.ndarray]
    ) -> None:
        """Copies of one image link to each other alone: nothing leads to the rest."""
        copies = np.repeat(unit(0, 1, 1, 12), 400, axis=0)
        index = made_up_index(tmp_path / "index", np.concatenate([copies, unit(1, 40, 1, 12)]))
        build_engine(index, "faiss-hnsw", progress=False)
        engine = open_engine(index, "faiss-hnsw")
        wanted = unit(1, 40, 1, 12)[:, 0]
        engine.effort = engine.exhaustive
        assert engine.candidates(wanted, 1)[:, 0].tolist() == list(range(400, 440))

    @pytest.mark.parametrize("name", NAMES)
    def test_a_build_that_faiss_gives_up_is_told(
        self, index: Index, library: Any, monkeypatch: pytest.MonkeyPatch, name: str
    ) -> None:
        def full(made: Any, path: str) -> None:
            raise RuntimeError("Error in write_index\n at io.cpp:1: could not open")

        monkeypatch.setattr(library, "write_index", full)
        with pytest.raises(BuildError, match=f"faiss cannot build {name} .Error in write_index at io.cpp:1"):
            build_engine(index, name, progress=False)

    def test_vectors_that_are_missing_end_the_build(
        self, index: Index, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        read = base.blocks_between
        monkeypatch.setattr(
            base, "blocks_between", lambda shards, first, last, size: read(shards, first, last - 1, size)
        )
        with pytest.raises(BuildError, match="faiss took in 119 of 120 vectors"):
            build_engine(index, "faiss-ivf", progress=False)

    @pytest.mark.parametrize("name", NAMES)
    def test_a_file_that_faiss_cannot_load_is_refused(
        self, index: Index, library: Any, monkeypatch: pytest.MonkeyPatch, name: str
    ) -> None:
        self._built_wrong(
            index, monkeypatch, name, lambda made, path: Path(path).write_bytes(b"IxFI" + b"\0" * 9)
        )
        with pytest.raises(SearchError, match="faiss cannot load .*index.faiss"):
            open_engine(index, name)

    @pytest.mark.parametrize(
        ("name", "change", "told"),
        [
            ("faiss-ivf", {"kind": "flat"}, "kind: IndexFlatIP, expected IndexIVFFlat"),
            ("faiss-hnsw", {"kind": "flat"}, "kind: IndexFlatIP, expected IndexHNSWFlat"),
            ("faiss-ivf", {"dim": 13}, "dim: 13, expected 12"),
            ("faiss-hnsw", {"dim": 13}, "dim: 13, expected 12"),
            ("faiss-ivf", {"metric": 1}, "metric: 1, expected 0"),
            ("faiss-hnsw", {"metric": 1}, "metric: 1, expected 0"),
            ("faiss-ivf", {"vectors": 119}, "total: 119, expected 120"),
            ("faiss-hnsw", {"vectors": 121}, "total: 121, expected 120"),
            ("faiss-ivf", {"shape": 2}, "lists: 2, expected 3"),
            ("faiss-hnsw", {"shape": 16}, "links: 16, expected 32"),
        ],
    )
    def test_a_file_of_something_else_is_refused(
        self,
        index: Index,
        library: Any,
        monkeypatch: pytest.MonkeyPatch,
        name: str,
        change: dict[str, Any],
        told: str,
    ) -> None:
        wanted = {"kind": name, "dim": 12, "metric": 0, "vectors": 120, "shape": 3 if "ivf" in name else 32}
        made = self._made(library, **{**wanted, **change})
        write = library.write_index
        self._built_wrong(index, monkeypatch, name, lambda _, path: write(made, path))
        with pytest.raises(SearchError, match=told):
            open_engine(index, name)

    def test_a_file_of_another_name_is_refused(self, index: Index, library: Any, monkeypatch: Any) -> None:
        write = library.write_index
        self._built_wrong(
            index, monkeypatch, "faiss-ivf", lambda made, path: write(made, path.replace("index.faiss", "x"))
        )
        with pytest.raises(SearchError, match="holds \\['x'\\], expected index.faiss"):
            open_engine(index, "faiss-ivf")

    def _built_wrong(
        self, index: Index, monkeypatch: pytest.MonkeyPatch, name: str, write: Callable[[Any, str], Any]
    ) -> None:
        with monkeypatch.context() as patch:
            patch.setattr("faiss.write_index", write)
            build_engine(index, name, progress=False)

    def _made(self, faiss: Any, kind: str, dim: int, metric: int, vectors: int, shape: int) -> Any:
        rows = np.random.default_rng(0).standard_normal((vectors, dim)).astype(np.float32)
        if kind == "flat":
            made = faiss.IndexFlatIP(dim)
        elif kind == "faiss-ivf":
            made = FaissIvf._empty(dim, {"lists": shape, "seed": 1})
        else:
            made = FaissHnsw._empty(dim, {"links": shape, "build_effort": 80})
        made.metric_type = metric
        made.train(rows)
        made.add(rows)
        return made


def test_what_faiss_says_is_told_in_one_line() -> None:
    assert base._told(RuntimeError("Error in f\n  at x.cpp:1: bad")) == "Error in f at x.cpp:1: bad"
    assert base._told(MemoryError()) == "MemoryError"


def test_threads_are_given_back_after_an_error() -> None:
    threads = [4]
    library = SimpleNamespace(omp_get_max_threads=lambda: 4, omp_set_num_threads=threads.append)
    with pytest.raises(ValueError), base._one_thread(library):
        raise ValueError
    assert threads == [4, 1, 4]


def test_a_graph_is_left_where_reading_all_vectors_is_quicker() -> None:
    most = [FaissHnsw._most({}, vectors) for vectors in (1, 1024, 1025, 65_536, 1_000_000)]
    assert most == [1, 1024, 1024, 1024, 15_625]
