"""The exact scan: every stored vector against every sample, in bounded memory.

Shards are read through memory maps, a block at a time, and given back to the system behind the
scan, so that memory does not grow with the index. A float32 product finds the candidates; their
scores are then computed again in float64 from the stored vectors. While the vectors of a shard
pass by for the first time in a process, their checksum is compared with the manifest.

The product is numpy's: over memory-mapped blocks it was as fast as faiss over rows in memory
(benchmarks/scan.py), and it needs no second copy of the rows.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_replication.errors import IndexCorrupt, SampleError, SearchError
from pytest_replication.index.reader import Index, Shard
from pytest_replication.search.matches import Neighbours

_BLOCK_BYTES = 32 << 20
_BLOCK_ROWS = 16384
_QUERIES = 512
"""Samples scored at once: bounds the score matrix to _QUERIES x rows of a block."""
_SPARE = 4
"""Candidates kept beyond k, so that rounding in float32 cannot push one of the k out."""
_TOLERANCE = 1e-4
"""Largest difference that rounding can make between the float32 and the float64 score."""
DECIMALS = 6
"""Scores are rounded to this: below it processors and batch sizes disagree."""

Vectors = NDArray[np.float32]
_checked: set[tuple[str, int, int, str]] = set()
"""Files that were found sound in this process: path, size, time of last change, checksum."""


def search(index: Index, samples: NDArray[np.float32], k: int = 5) -> Neighbours:
    """Find the k nearest training images of each sample.

    Args:
        index: an open index.
        samples: (n, views, dim) unit vectors from the index's own embedder.
        k: training images a sample.

    Returns:
        Neighbours, each training image at most once a sample, with its best pair of views.

    Raises:
        SampleError: there are no samples, or vectors of another length or not finite.
        IndexCorrupt: a shard is damaged.
        SearchError: not every row was searched, or the two computations of a score differ.
    """
    queries = _flat(index, samples)
    views = samples.shape[1]
    wanted = (k + _SPARE) * len(index.manifest.views)
    best = _Candidates.empty(len(queries), wanted)
    searched = 0
    for shard in index.shards:
        for first, block in _blocks(shard):
            hidden = _hidden(index, first, len(block))
            best.take_in(queries, block, first, hidden)
            searched += len(block) - len(hidden)
    searched //= len(index.manifest.views)
    if searched != index.rows:
        raise SearchError(
            f"{searched} of {index.rows} rows of {index.path} were searched: no verdict from a part"
        )
    scores = _score_again(index, queries, best)
    return _collect(best, scores, views, len(index.manifest.views), k, searched)


@dataclass(slots=True)
class _Candidates:
    """The best stored vectors of each query so far.

    Attributes:
        scores: (queries, wanted) float32, in no order, -inf while there are fewer.
        vectors: (queries, wanted) int64: row times views plus view; -1 while there are fewer.
    """

    scores: NDArray[np.float32]
    vectors: NDArray[np.int64]
    _buffer: Vectors = field(default_factory=lambda: np.empty((0, 0), np.float32))

    @classmethod
    def empty(cls, queries: int, wanted: int) -> _Candidates:
        return cls(np.full((queries, wanted), -np.inf, np.float32), np.full((queries, wanted), -1, np.int64))

    def take_in(self, queries: Vectors, block: Vectors, first: int, hidden: NDArray[np.int64]) -> None:
        """Score a block of stored vectors.

        Args:
            queries: (n, dim) unit vectors.
            block: (m, dim) stored vectors.
            first: number of the first of them.
            hidden: places in the block that were removed from the index.
        """
        for start in range(0, len(queries), _QUERIES):
            rows = slice(start, start + _QUERIES)
            scores = self._scratch(len(queries[rows]), len(block))
            np.matmul(queries[rows], block.T, out=scores)
            scores[:, hidden] = -np.inf
            top = scores.max(axis=1)
            if np.isnan(top).any() or top.max() == np.inf:  # NaN passes through max
                raise IndexCorrupt(
                    f"a vector between {first} and {first + len(block)} of the index is not finite: "
                    "run 'pytest-replication verify'"
                )
            floor = self.scores[rows].min(axis=1)
            for query in map(int, np.flatnonzero(top > floor)):
                self._insert(start + query, scores[query], floor[query], first)

    def _scratch(self, queries: int, vectors: int) -> Vectors:
        """Room for a matrix of scores; the same memory for every block."""
        if self._buffer.shape[0] < queries or self._buffer.shape[1] < vectors:
            self._buffer = np.empty((queries, vectors), np.float32)
        return self._buffer[:queries, :vectors]

    def _insert(self, query: int, scores: Vectors, floor: np.float32, first: int) -> None:
        better = np.flatnonzero(scores > floor)
        pool = np.concatenate([self.scores[query], scores[better]])
        numbers = np.concatenate([self.vectors[query], better + first])
        wanted = self.scores.shape[1]
        kept = np.argpartition(pool, -wanted)[-wanted:]
        self.scores[query], self.vectors[query] = pool[kept], numbers[kept]


def _flat(index: Index, samples: NDArray[np.float32]) -> Vectors:
    expected = (len(index.manifest.views), index.manifest.embedder.dim)
    if samples.ndim != 3 or samples.shape[1:] != expected or len(samples) == 0:
        raise SampleError(
            f"sample vectors have shape {samples.shape}, expected (1 or more, {expected[0]}, {expected[1]})"
        )
    queries = np.ascontiguousarray(samples, np.float32).reshape(-1, samples.shape[2])
    lengths = np.linalg.norm(queries.astype(np.float64), axis=1)
    if not (np.abs(lengths - 1) < 1e-3).all():
        raise SampleError("a sample vector is not finite or not of unit length")
    return queries


def _hidden(index: Index, first: int, count: int) -> NDArray[np.int64]:
    """Places of a block of stored vectors whose training images were removed from the index."""
    views = len(index.manifest.views)
    if not len(index.removed):
        return index.removed
    row, last = first // views, (first + count - 1) // views
    low, high = np.searchsorted(index.removed, [row, last + 1])
    numbers = (index.removed[low:high, None] * views + np.arange(views)).ravel() - first
    return numbers[(numbers >= 0) & (numbers < count)]


def _blocks(shard: Shard) -> Iterator[tuple[int, Vectors]]:
    """Yield the vectors of a shard as float32 (vectors, dim) blocks with their first number."""
    mapped, start = shard.embeddings()
    rows, views, dim = shard.shape
    vectors = mapped.reshape(rows * views, dim)
    per_block = max(1, min(_BLOCK_ROWS, _BLOCK_BYTES // (dim * 4)))
    check = _Checksum(shard, start)
    _advise(mapped, "MADV_SEQUENTIAL")
    with ThreadPoolExecutor(1, "checksum") as beside:
        for first in range(0, len(vectors), per_block):
            stored = vectors[first : first + per_block]
            checked = beside.submit(check.update, stored)
            yield shard.first * views + first, np.asarray(stored, dtype=np.float32)
            checked.result()
            _advise(mapped, "MADV_DONTNEED")  # clean pages of a file: nothing is lost
    check.compare()


def _advise(mapped: NDArray[Any], advice: str) -> None:
    """Tell the system how a memory map is used, where it listens."""
    memory: Any = getattr(mapped, "_mmap", None)
    if hasattr(memory, "madvise") and hasattr(mmap, advice):
        memory.madvise(getattr(mmap, advice))


class _Checksum:
    """Checksum of the vectors of a shard, taken while they pass by; once a file and process."""

    def __init__(self, shard: Shard, start: int) -> None:
        import xxhash

        path = shard.embeddings_path
        stat = path.stat()
        self._path: Path = path
        self._expected = shard.entry.files[path.name].xxh3
        self._key = (str(path.resolve()), stat.st_size, stat.st_mtime_ns, self._expected)
        self._digest: Any = None
        if self._key not in _checked:
            self._digest = xxhash.xxh3_64()
            with path.open("rb") as file:
                self._digest.update(file.read(start))

    def update(self, block: NDArray[Any]) -> None:
        if self._digest is not None:
            self._digest.update(np.ascontiguousarray(block))

    def compare(self) -> None:
        if self._digest is None:
            return
        if self._digest.hexdigest() != self._expected:
            raise IndexCorrupt(
                f"{self._path} has changed since it was written (its checksum differs): restore it, or "
                "build the index again with 'pytest-replication build IMAGES --out … --overwrite'"
            )
        _checked.add(self._key)


def _score_again(index: Index, queries: Vectors, best: _Candidates) -> NDArray[np.float64]:
    """Cosines of all candidates in float64, from the stored vectors.

    Stored vectors are of unit length only up to their rounding, which in float16 would keep an
    exact copy below 1: their length is divided out.
    """
    views = len(index.manifest.views)
    products, scores = np.full(best.scores.shape, -np.inf), np.full(best.scores.shape, -np.inf)
    for shard in index.shards:
        mapped, _ = shard.embeddings()
        low, high = shard.first * views, (shard.first + shard.entry.rows) * views
        inside = (best.vectors >= low) & (best.vectors < high)
        for query in np.flatnonzero(inside.any(axis=1)):
            here = np.flatnonzero(inside[query])
            stored = mapped.reshape(-1, mapped.shape[2])[best.vectors[query, here] - low].astype(np.float64)
            wanted = queries[query].astype(np.float64)
            products[query, here] = np.einsum("ij,j->i", stored, wanted)
            lengths = np.linalg.norm(stored, axis=1) * np.linalg.norm(wanted)
            scores[query, here] = products[query, here] / lengths
        _advise(mapped, "MADV_DONTNEED")
    found = best.vectors >= 0
    difference = np.abs(products[found] - best.scores[found]).max(initial=0.0)
    if not difference < _TOLERANCE:
        raise SearchError(
            f"the float32 and float64 scores of a candidate differ by {difference:.2g}: numpy's linear "
            "algebra gives wrong results on this machine; try another build of numpy (or OPENBLAS_CORETYPE)"
        )
    return np.where(found, np.clip(np.round(scores, DECIMALS), -1, 1), -np.inf)


def _collect(
    best: _Candidates, scores: NDArray[np.float64], sample_views: int, views: int, k: int, searched: int
) -> Neighbours:
    samples = len(scores) // sample_views
    found = Neighbours(
        scores=np.full((samples, k), -np.inf),
        rows=np.full((samples, k), -1, np.int64),
        views=np.zeros((samples, k), np.int64),
        sample_views=np.zeros((samples, k), np.int64),
        searched=searched,
    )
    for sample in range(samples):
        queries = range(sample * sample_views, (sample + 1) * sample_views)
        candidates = [
            (float(scores[query, j]), int(v) // views, int(v) % views, query - queries[0])
            for query in queries
            for j, v in enumerate(best.vectors[query])
            if v >= 0
        ]
        for place, candidate in enumerate(_best_rows(candidates, k)):
            found.scores[sample, place], found.rows[sample, place] = candidate[:2]
            found.views[sample, place], found.sample_views[sample, place] = candidate[2:]
    return found


_Candidate = tuple[float, int, int, int]


def _best_rows(candidates: list[_Candidate], k: int) -> list[_Candidate]:
    """Best k rows: each row once, with its best pair of views; ties go to the lower row."""
    best: dict[int, _Candidate] = {}
    for candidate in candidates:
        score, row = candidate[0], candidate[1]
        if row not in best or score > best[row][0]:
            best[row] = candidate
    return sorted(best.values(), key=lambda c: (-c[0], c[1]))[:k]
