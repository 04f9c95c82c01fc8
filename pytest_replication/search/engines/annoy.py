"""annoy: forests of random planes. Built in pieces, memory-mapped, searched by threads.

A forest is built by one thread, since annoy gives another file each time with more of them;
pieces are built by processes beside each other instead, and bound the memory that one takes.
"""

from __future__ import annotations

import itertools
import multiprocessing
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from pytest_replication.embedders.base import threads
from pytest_replication.errors import BuildError, ReplicationError, SearchError, SettingsError
from pytest_replication.index.mapped_shard import Shard
from pytest_replication.index.reader import Index
from pytest_replication.search.engines.base import SEED, Built, Engine, Queries
from pytest_replication.search.engines.entry import EngineEntry
from pytest_replication.search.vectors import Numbers, blocks_between, count_vectors

_PIECE = 100_000
"""Most vectors of one forest: some 250 MB at 512 numbers a vector, while it is built."""
_TREES = 20
_START = 1000
"""Leaves that are looked at while no certificate asks for more."""
_MOST = 2**31 - 1
"""annoy counts in 32 bits."""
_BLOCK = 4096


@dataclass(frozen=True, slots=True)
class _Piece:
    """The work of one process: a forest of the vectors from `first` to before `last`."""

    shards: Sequence[Shard]
    first: int
    last: int
    path: str


class Annoy(Engine):
    """Random planes. An effort is the number of leaves that are looked at in each piece (search_k)."""

    name = "annoy"

    def __init__(self, entry: EngineEntry, forests: list[tuple[int, Any]]) -> None:
        largest = max(forest.get_n_items() for _, forest in forests)
        super().__init__(entry, _exhaustive(entry.parameters["trees"], largest))
        self._forests = forests

    @classmethod
    def library(cls) -> str:
        """Name and version of annoy."""
        from importlib.metadata import version

        _import()
        return f"annoy {version('annoy')}"

    @classmethod
    def build(cls, index: Index, folder: Path, *, progress: bool) -> Built:
        """Build one forest a piece, as many at a time as there are processors."""
        cuts = _cuts(count_vectors(index), _PIECE)
        views = len(index.manifest.views)
        pieces = []
        for number, (first, last) in enumerate(cuts):
            inside = [
                s for s in index.shards if s.first * views < last and first < (s.first + s.shape[0]) * views
            ]
            pieces.append(_Piece(inside, first, last, str(folder / _file(number))))
        _grow_all(pieces, progress)
        largest = max(last - first for first, last in cuts)
        parameters = {"trees": _TREES, "piece": _PIECE, "seed": SEED}
        return Built(parameters, min(_START, _exhaustive(_TREES, largest)))

    @classmethod
    def open(cls, folder: Path, entry: EngineEntry) -> Self:
        """Map the forests and compare their numbers of vectors and trees."""
        cuts = _cuts(entry.vectors, entry.parameters["piece"])
        if set(entry.files) != {_file(number) for number in range(len(cuts))}:
            raise SearchError(f"{folder} holds {len(entry.files)} forests, expected {len(cuts)}: {_REBUILD}")
        forests = []
        for number, (first, last) in enumerate(cuts):
            forest, path = _import()(entry.dim, "angular"), folder / _file(number)
            try:
                forest.load(str(path))
            except (OSError, ValueError) as error:
                raise SearchError(f"annoy cannot load {path} ({error}): {_REBUILD}") from error
            _compare(path, forest, last - first, entry)
            forests.append((first, forest))
        return cls(entry, forests)

    @classmethod
    def trial(cls, vectors: Queries, queries: Queries, k: int) -> Numbers:
        """Ask a small forest for everything."""
        forest = _forest(vectors.shape[1])
        for number, vector in enumerate(vectors):
            forest.add_item(number, vector.tolist())
        forest.build(_TREES, n_jobs=1)
        effort = _exhaustive(_TREES, len(vectors))
        return np.stack([_ask([(0, forest)], query, k, effort) for query in queries])

    def _propose(self, queries: Queries, k: int) -> Numbers:
        effort = max(self.effort, k)  # fewer leaves than k could not give k

        def ask(query: NDArray[np.float32]) -> Numbers:
            return _ask(self._forests, query, k, effort)

        with ThreadPoolExecutor(threads(), "annoy") as asking:  # annoy releases the interpreter lock
            return np.stack(list(asking.map(ask, queries)))


_REBUILD = "rebuild it with 'pytest-replication engine INDEX annoy'"


def _import() -> Any:
    try:
        from annoy import AnnoyIndex
    except ImportError as error:
        raise SettingsError(
            "the engine annoy needs its library: pip install 'pytest-replication[annoy]' (a C++ compiler "
            f"is needed), or search exactly ({error})"
        ) from error
    return AnnoyIndex


def _forest(dim: int) -> Any:
    """An empty forest. Angular is the cosine; the dot metric of annoy 1.17.3 overlooks neighbours."""
    forest = _import()(dim, "angular")
    forest.set_seed(SEED)
    return forest


def _compare(path: Path, forest: Any, vectors: int, entry: EngineEntry) -> None:
    """Refuse a forest of another size: annoy loads what is left of a file that was cut."""
    found, trees, wanted = forest.get_n_items(), forest.get_n_trees(), entry.parameters["trees"]
    # A tree that is one leaf (of up to dim + 2 vectors) is counted twice by annoy once it is loaded.
    right = trees >= wanted if vectors <= entry.dim + 2 else trees == wanted
    if found != vectors or not right:
        raise SearchError(
            f"{path} holds {found} vectors in {trees} trees, expected {vectors} in {wanted}: {_REBUILD}"
        )


def _ask(forests: list[tuple[int, Any]], query: NDArray[np.float32], k: int, effort: int) -> Numbers:
    """The k nearest of all pieces by annoy's own distances; ties go to the lower number."""
    numbers: list[int] = []
    distances: list[float] = []
    wanted = query.tolist()
    for first, forest in forests:
        found, away = forest.get_nns_by_vector(wanted, k, effort, include_distances=True)
        numbers += [first + number for number in found]
        distances += away
    nearest = np.lexsort((numbers, distances))[:k]
    result = np.full(k, -1, np.int64)
    result[: len(nearest)] = np.array(numbers, np.int64)[nearest]
    return result


def _grow_all(pieces: list[_Piece], progress: bool) -> None:
    from tqdm import tqdm

    total = sum(piece.last - piece.first for piece in pieces)
    with tqdm(total=total, desc="annoy", unit="vector", disable=None if progress else True) as bar:
        workers = min(len(pieces), threads())
        if workers == 1:
            for piece in pieces:
                bar.update(_grow(piece))
            return
        context = multiprocessing.get_context("spawn")  # a fork would copy threads in the middle of work
        try:
            with ProcessPoolExecutor(workers, context) as processes:
                for done in as_completed([processes.submit(_grow, piece) for piece in pieces]):
                    bar.update(done.result())
        except BrokenProcessPool as error:
            raise BuildError(
                f"a process that built a piece of the annoy engine died ({error}): perhaps memory ran out; "
                "free some, or use faiss-ivf"
            ) from error


def _grow(piece: _Piece) -> int:
    """Build and save one forest; gives the number of its vectors."""
    try:
        count = _fill(forest := _forest(piece.shards[0].shape[2]), piece)
        forest.build(_TREES, n_jobs=1)
    except ReplicationError:
        raise
    except Exception as error:  # annoy raises nothing narrower
        raise BuildError(f"annoy cannot build {piece.path} ({error}): free some memory") from error
    forest.save(piece.path)
    return count


def _fill(forest: Any, piece: _Piece) -> int:
    count = 0
    for _, block in blocks_between(piece.shards, piece.first, piece.last, _BLOCK):
        for vector in block:
            forest.add_item(count, vector.tolist())
            count += 1
    if count != piece.last - piece.first:
        raise BuildError(
            f"{count} vectors were read for {piece.path}, expected {piece.last - piece.first}: run "
            "'pytest-replication verify'"
        )
    return count


def _cuts(vectors: int, piece: int) -> list[tuple[int, int]]:
    """First number and number behind the last of each piece, which differ by one vector at most."""
    ends = np.linspace(0, vectors, -(-vectors // piece) + 1).astype(int).tolist()
    return list(itertools.pairwise(ends))


def _file(number: int) -> str:
    return f"{number:06d}.ann"


def _exhaustive(trees: int, vectors: int) -> int:
    """Leaves after which every tree of a forest was looked at to its end."""
    return min(trees * vectors, _MOST)
