"""What the engines of faiss have in common.

They are trained and filled by one thread, so that the same vectors give the same engine.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from pytest_replication.errors import BuildError, SearchError, SettingsError
from pytest_replication.index.reader import Index
from pytest_replication.search.engines.base import SEED, Built, Engine, Queries
from pytest_replication.search.engines.entry import NAME, EngineEntry
from pytest_replication.search.vectors import Numbers, blocks_between, count_vectors, take

_FILE = "index.faiss"
_BLOCK = 16384


class FaissEngine(Engine):
    """An engine in one file of faiss, over whole float32 vectors."""

    _kind: ClassVar[str]
    _flag: ClassVar[str]
    _first_effort: ClassVar[int]

    def __init__(self, entry: EngineEntry, exhaustive: int, index: Any) -> None:
        super().__init__(entry, exhaustive)
        self._index = index

    @classmethod
    def library(cls) -> str:
        """Name and version of faiss."""
        return f"faiss {import_faiss().__version__}"

    @classmethod
    def build(cls, index: Index, folder: Path, *, progress: bool) -> Built:
        """Train on a sample, then add a shard at a time. All vectors are held in memory."""
        from tqdm import tqdm

        faiss, vectors = import_faiss(), count_vectors(index)
        parameters = cls._parameters(vectors, index.manifest.embedder.dim)
        hidden = None if progress else True
        try:
            with _one_thread(faiss):
                made = cls._empty(index.manifest.embedder.dim, parameters)
                if "trained" in parameters:
                    made.train(_sample(index, parameters["trained"]))
                with tqdm(total=vectors, desc=cls.name, unit="vector", disable=hidden) as bar:
                    for _, block in blocks_between(index.shards, 0, vectors, _BLOCK):
                        made.add(block)
                        bar.update(len(block))
                faiss.write_index(made, str(folder / _FILE))
        except (RuntimeError, MemoryError) as error:
            raise BuildError(f"faiss cannot build {cls.name} ({_told(error)}): free some memory") from error
        if made.ntotal != vectors:
            raise BuildError(
                f"faiss took in {made.ntotal} of {vectors} vectors of {index.path}: build it again"
            )
        return Built(parameters, min(cls._first_effort, cls._most(parameters, vectors)))

    @classmethod
    def open(cls, folder: Path, entry: EngineEntry) -> Self:
        """Map the file and compare kind, numbers and metric."""
        faiss, path = import_faiss(), folder / _FILE
        rebuild = f"rebuild it with 'pytest-replication engine INDEX {cls.name}'"
        if set(entry.files) != {_FILE}:
            raise SearchError(f"{folder} holds {sorted(entry.files)}, expected {_FILE}: {rebuild}")
        try:
            with _bounded(faiss, entry.files[_FILE].bytes):
                index = faiss.read_index(str(path), getattr(faiss, cls._flag))
        except RuntimeError as error:
            raise SearchError(f"faiss cannot load {path} ({_told(error)}): {rebuild}") from error
        cls._compare(index, entry, f"{path} is not the one of {NAME}", rebuild)
        return cls(entry, cls._most(entry.parameters, entry.vectors), index)

    @classmethod
    def _compare(cls, index: Any, entry: EngineEntry, wrong: str, rebuild: str) -> None:
        """Refuse what is of another kind, or holds other numbers of anything."""
        found: dict[str, Any] = {"kind": type(index).__name__}
        expected: dict[str, Any] = {"kind": cls._kind}
        if found == expected:
            found |= {
                "dim": index.d,
                "metric": index.metric_type,
                "total": index.ntotal,
                **cls._content(index),
            }
            expected |= {"dim": entry.dim, "metric": import_faiss().METRIC_INNER_PRODUCT}
            expected |= {"total": entry.vectors, "vectors": entry.vectors}
            expected |= {key: entry.parameters[key] for key in found.keys() - expected.keys()}
        for key, value in expected.items():
            if found[key] != value:
                raise SearchError(f"{wrong} ({key}: {found[key]}, expected {value}): {rebuild}")

    @classmethod
    def trial(cls, vectors: Queries, queries: Queries, k: int) -> Numbers:
        """Ask a small engine for everything."""
        parameters = cls._parameters(*vectors.shape)
        with _one_thread(import_faiss()):
            made = cls._empty(vectors.shape[1], parameters)
            made.train(vectors)
            made.add(vectors)
        return cls._ask(made, queries, k, cls._most(parameters, len(vectors)))

    def _propose(self, queries: Queries, k: int) -> Numbers:
        return self._ask(self._index, queries, k, self.effort)

    @classmethod
    @abstractmethod
    def _parameters(cls, vectors: int, dim: int) -> dict[str, int]:
        """What shapes an engine of so many vectors."""

    @classmethod
    @abstractmethod
    def _empty(cls, dim: int, parameters: Mapping[str, int]) -> Any:
        """A faiss index of no vectors."""

    @classmethod
    @abstractmethod
    def _most(cls, parameters: Mapping[str, int], vectors: int) -> int:
        """Effort that overlooks nothing."""

    @classmethod
    @abstractmethod
    def _content(cls, index: Any) -> dict[str, int]:
        """Counts of what a faiss index holds, by the names of parameters, and its ``vectors``."""

    @classmethod
    @abstractmethod
    def _ask(cls, index: Any, queries: Queries, k: int, effort: int) -> Numbers:
        """Search it."""


def import_faiss() -> Any:
    """The faiss module.

    Raises:
        SettingsError: it is not installed, or too old.
    """
    try:
        import faiss
    except ImportError as error:
        raise SettingsError(
            "the engines of faiss need its library: pip install 'pytest-replication[faiss]', or search "
            f"exactly ({error})"
        ) from error
    if not hasattr(faiss, "set_deserialization_vector_byte_limit"):
        raise SettingsError(
            f"faiss {faiss.__version__} reads files with too few checks: pip install 'faiss-cpu>=1.15'"
        )
    return faiss


def _sample(index: Index, count: int) -> NDArray[np.float32]:
    """Random vectors to train on, always the same ones, in the order of the index."""
    chosen = np.random.default_rng(SEED).choice(count_vectors(index), count, replace=False, shuffle=False)
    sample = np.empty((count, index.manifest.embedder.dim), np.float32)
    numbers = np.sort(chosen)
    for first in range(0, count, _BLOCK):  # in float64 all at once would take three times the memory
        sample[first : first + _BLOCK] = take(index, numbers[first : first + _BLOCK])
    return sample


@contextmanager
def _one_thread(faiss: Any) -> Iterator[None]:
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)


@contextmanager
def _bounded(faiss: Any, limit: int) -> Iterator[None]:
    """Let the loader make no array that is larger than the file."""
    before = faiss.get_deserialization_vector_byte_limit()
    faiss.set_deserialization_vector_byte_limit(limit)
    try:
        yield
    finally:
        faiss.set_deserialization_vector_byte_limit(before)


def _told(error: BaseException) -> str:
    """What faiss says, in one line."""
    return " ".join(str(error).split()) or type(error).__name__
