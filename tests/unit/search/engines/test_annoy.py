from __future__ import annotations

import itertools
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_replication import Index
from pytest_replication.errors import BuildError, SearchError, SettingsError
from pytest_replication.search.engines import annoy as module
from pytest_replication.search.engines import build_engine, open_engine, read_entry


def test_without_the_library_the_way_to_it_is_told(monkeypatch: pytest.MonkeyPatch, index: Index) -> None:
    monkeypatch.setitem(sys.modules, "annoy", None)
    with pytest.raises(SettingsError, match=r"pip install 'pytest-replication\[annoy\]'"):
        build_engine(index, "annoy", progress=False)


@given(vectors=st.integers(1, 10**7), piece=st.integers(1, 10**6))
def test_pieces_cover_all_vectors_evenly(vectors: int, piece: int) -> None:
    if vectors / piece > 1000:
        piece = vectors // 1000 + 1
    cuts = module._cuts(vectors, piece)
    assert cuts[0][0] == 0
    assert cuts[-1][1] == vectors
    assert all(end == start for (_, end), (start, _) in itertools.pairwise(cuts))
    sizes = [last - first for first, last in cuts]
    assert min(sizes) >= 1
    assert max(sizes) <= piece
    assert max(sizes) - min(sizes) <= 1


class TestWithAnnoy:
    @pytest.fixture(autouse=True)
    def library(self) -> None:
        pytest.importorskip("annoy")

    def test_pieces_of_two_processes_are_those_of_one(
        self, index: Index, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """And a piece may begin and end within a shard."""
        monkeypatch.setattr(module, "_PIECE", 35)
        folder = index.path / "engines" / "annoy"
        made = []
        for processors in (1, 2):
            monkeypatch.setattr(module, "threads", lambda processors=processors: processors)
            entry = build_engine(index, "annoy", progress=False)
            assert list(entry.files) == [f"{number:06d}.ann" for number in range(4)]
            made.append([(folder / name).read_bytes() for name in entry.files])
        assert made[0] == made[1]
        engine = open_engine(index, "annoy")
        engine.effort = engine.exhaustive
        assert engine.exhaustive == 20 * 30
        stored = np.concatenate([shard.embeddings()[0] for shard in index.shards]).reshape(120, 12)
        assert engine.candidates(stored, 1)[:, 0].tolist() == list(range(120))
        scores = stored.astype(np.float64) @ stored.T.astype(np.float64)
        assert engine.candidates(stored, 9).tolist() == np.argsort(-scores, axis=1)[:, :9].tolist()

    def test_workers_of_a_run_share_the_cores(self, index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
        asked: list[int] = []

        class Asking(ThreadPoolExecutor):
            def __init__(self, workers: int, name: str) -> None:
                asked.append(workers)
                super().__init__(workers, name)

        build_engine(index, "annoy", progress=False)
        monkeypatch.setattr(module, "ThreadPoolExecutor", Asking)
        monkeypatch.setattr("os.sched_getaffinity", lambda process: set(range(8)), raising=False)
        for workers in (1, 4, 99):
            monkeypatch.setenv("PYTEST_XDIST_WORKER_COUNT", str(workers))
            open_engine(index, "annoy").candidates(np.eye(1, 12, dtype=np.float32), 1)
        assert asked == [8, 2, 1]

    def test_a_process_that_dies_is_told(self, index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
        class Dead:
            def __init__(self, *_: Any) -> None: ...
            def __enter__(self) -> Dead:
                return self

            def __exit__(self, *_: object) -> None: ...
            def submit(self, *_: Any) -> None:
                raise BrokenProcessPool("A process in the process pool was terminated abruptly")

        monkeypatch.setattr(module, "_PIECE", 35)
        monkeypatch.setattr(module, "threads", lambda: 2)
        monkeypatch.setattr(module, "ProcessPoolExecutor", Dead)
        with pytest.raises(BuildError, match="terminated abruptly.*perhaps memory ran out"):
            build_engine(index, "annoy", progress=False)
        assert not (index.path / "engines" / "annoy").exists()

    def test_vectors_that_are_missing_end_the_build(
        self, index: Index, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        read = module.blocks_between

        def short(shards: Sequence[Any], first: int, last: int, size: int) -> Any:
            return read(shards, first, last - 1, size)

        monkeypatch.setattr(module, "blocks_between", short)
        with pytest.raises(BuildError, match="119 vectors were read for .*, expected 120"):
            build_engine(index, "annoy", progress=False)

    def test_a_library_that_fails_ends_the_build(self, index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
        forest = module._forest

        def frozen(dim: int) -> Any:
            made = forest(dim)
            made.build(1)
            return made

        build_engine(index, "annoy", progress=False)  # proved before it is broken
        monkeypatch.setattr(module, "_forest", frozen)
        with pytest.raises(BuildError, match="annoy cannot build"):
            build_engine(index, "annoy", progress=False)

    @pytest.mark.parametrize("trees", [19, 21])
    def test_a_file_of_another_number_of_trees_is_refused(
        self, index: Index, monkeypatch: pytest.MonkeyPatch, trees: int
    ) -> None:
        self._built_wrong(index, monkeypatch, trees, 12, 120)
        with pytest.raises(SearchError, match=f"holds 120 vectors in {trees} trees, expected 120 in 20"):
            open_engine(index, "annoy")

    @pytest.mark.parametrize(("rows", "allowed"), [(1, True), (14, True), (15, False)])
    def test_trees_of_one_leaf_may_be_counted_twice(
        self, tmp_path: Path, made_up_index: Any, unit: Any, rows: int, allowed: bool
    ) -> None:
        """annoy does so for up to dim + 2 vectors; too few trees are refused in any case."""
        index = made_up_index(tmp_path / "small", unit(0, rows, 1, 12))
        build_engine(index, "annoy", progress=False)
        forest, entry = open_engine(index, "annoy")._forests[0][1], read_entry(index, "annoy")  # type: ignore[attr-defined]
        assert (forest.get_n_trees() > 20) is allowed
        for trees, right in ((10**6, False), (5, allowed)):
            other = replace(entry, parameters={**entry.parameters, "trees": trees})
            if right:
                module._compare(tmp_path, forest, rows, other)
            else:
                with pytest.raises(SearchError, match="vectors in"):
                    module._compare(tmp_path, forest, rows, other)

    def test_a_file_of_another_number_of_vectors_is_refused(
        self, index: Index, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self._built_wrong(index, monkeypatch, 20, 12, 119)
        with pytest.raises(SearchError, match="holds 119 vectors in 20 trees, expected 120 in 20"):
            open_engine(index, "annoy")

    def test_a_file_that_annoy_cannot_load_is_refused(
        self, index: Index, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "_grow", lambda piece: Path(piece.path).write_bytes(b"12345"))
        build_engine(index, "annoy", progress=False)
        with pytest.raises(SearchError, match="annoy cannot load .*000000.ann"):
            open_engine(index, "annoy")

    def test_another_number_of_files_is_refused(self, index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
        grow = module._grow

        def doubled(piece: Any) -> int:
            count = grow(piece)
            Path(piece.path).with_name("000001.ann").write_bytes(Path(piece.path).read_bytes())
            return count

        monkeypatch.setattr(module, "_grow", doubled)
        build_engine(index, "annoy", progress=False)
        with pytest.raises(SearchError, match="holds 2 forests, expected 1"):
            open_engine(index, "annoy")

    def _built_wrong(
        self, index: Index, monkeypatch: pytest.MonkeyPatch, trees: int, dim: int, items: int
    ) -> None:
        rows = np.random.default_rng(0).standard_normal((items, dim))

        def grow(piece: Any) -> int:
            forest = module._forest(dim)
            for number, row in enumerate(rows):
                forest.add_item(number, row.tolist())
            forest.build(trees, n_jobs=1)
            forest.save(piece.path)
            return items

        monkeypatch.setattr(module, "_grow", grow)
        build_engine(index, "annoy", progress=False)


def test_efforts_stay_within_what_annoy_can_count() -> None:
    assert module._exhaustive(20, 10) == 200
    assert module._exhaustive(20, 10**9) == 2**31 - 1
