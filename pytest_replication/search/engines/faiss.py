"""faiss: inverted lists (faiss-ivf) and a graph (faiss-hnsw), both over whole float32 vectors."""

from __future__ import annotations

from collections.abc import Mapping
from math import sqrt
from typing import Any

from pytest_replication.search.engines.base import SEED, Queries
from pytest_replication.search.engines.faiss_base import FaissEngine, import_faiss
from pytest_replication.search.vectors import Numbers

_PER_LIST = 39
"""Training vectors that faiss wants for each list."""
_ENOUGH = 64
"""Training vectors a list; more of them take time and change little."""
_TRAIN_BYTES = 1 << 30
_LINKS, _BUILD_EFFORT = 32, 80
_IN_VIEW = 64
"""With one in so many of 131,072 vectors in view a graph took 12 times as long as reading all of them."""
_LEAST_IN_VIEW = 1024


class FaissIvf(FaissEngine):
    """Inverted lists of neighbours of centroids. An effort is the number of lists that are read (nprobe)."""

    name = "faiss-ivf"
    _kind = "IndexIVFFlat"
    _flag = "IO_FLAG_MMAP"
    _first_effort = 8

    @classmethod
    def _parameters(cls, vectors: int, dim: int) -> dict[str, int]:
        trained = min(vectors, _TRAIN_BYTES // (4 * dim))
        lists = max(1, min(round(4 * sqrt(vectors)), trained // _PER_LIST))
        return {"lists": lists, "trained": min(trained, _ENOUGH * lists), "seed": SEED}

    @classmethod
    def _empty(cls, dim: int, parameters: Mapping[str, int]) -> Any:
        faiss = import_faiss()
        centroids = faiss.IndexFlatIP(dim)
        made = faiss.IndexIVFFlat(centroids, dim, parameters["lists"], faiss.METRIC_INNER_PRODUCT)
        made.cp.seed = parameters["seed"]
        made.cp.min_points_per_centroid = 1  # a single vector is a training set, too: no warning
        return made

    @classmethod
    def _most(cls, parameters: Mapping[str, int], vectors: int) -> int:
        return parameters["lists"]

    @classmethod
    def _content(cls, index: Any) -> dict[str, int]:
        return {"lists": index.nlist, "vectors": index.invlists.compute_ntotal()}

    @classmethod
    def _ask(cls, index: Any, queries: Queries, k: int, effort: int) -> Numbers:
        found: Numbers = index.search(queries, k, params=import_faiss().SearchParametersIVF(nprobe=effort))[1]
        return found


class FaissHnsw(FaissEngine):
    """A graph of neighbours. An effort is the number of vectors that are kept in view (efSearch).

    A graph may hold vectors that no path leads to, among many copies of one image for example, which
    no search of it can find. The exhaustive effort therefore reads the vectors and not the graph. It comes
    where a graph with more in view would take longer than that.
    """

    name = "faiss-hnsw"
    _kind = "IndexHNSWFlat"
    _flag = "IO_FLAG_MMAP_IFC"
    _first_effort = 64

    @classmethod
    def _parameters(cls, vectors: int, dim: int) -> dict[str, int]:
        return {"links": _LINKS, "build_effort": _BUILD_EFFORT}

    @classmethod
    def _empty(cls, dim: int, parameters: Mapping[str, int]) -> Any:
        faiss = import_faiss()
        made = faiss.IndexHNSWFlat(dim, parameters["links"], faiss.METRIC_INNER_PRODUCT)
        made.hnsw.efConstruction = parameters["build_effort"]
        return made

    @classmethod
    def _most(cls, parameters: Mapping[str, int], vectors: int) -> int:
        return _everything(vectors)

    @classmethod
    def _content(cls, index: Any) -> dict[str, int]:
        stored = import_faiss().downcast_index(index.storage)
        return {
            "links": index.hnsw.nb_neighbors(1),
            "build_effort": index.hnsw.efConstruction,
            "vectors": min(stored.ntotal, index.hnsw.levels.size()),
        }

    @classmethod
    def _ask(cls, index: Any, queries: Queries, k: int, effort: int) -> Numbers:
        faiss = import_faiss()
        if effort >= _everything(index.ntotal):
            everything: Numbers = faiss.downcast_index(index.storage).search(queries, k)[1]
            return everything
        wanted = faiss.SearchParametersHNSW(efSearch=max(effort, k))
        found: Numbers = index.search(queries, k, params=wanted)[1]
        return found


def _everything(vectors: int) -> int:
    """Vectors in view from which on a graph is left and all of them are read."""
    return min(vectors, max(_LEAST_IN_VIEW, -(-vectors // _IN_VIEW)))
