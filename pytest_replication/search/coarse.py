"""The exact scan in two stages: integers first, then only what they cannot rule out.

Let x ~ s * c be a stored vector with its code, and q ~ t * b a query with its. The product c . b of
integers is exact, and by Cauchy-Schwarz

    |x . q  -  s (c . q)|        <=  |x - s c| |q|
    |s (c . q)  -  s t (c . b)|  <=  |s c| |q - t b|

so that a vector whose integer product stays below the score of the candidates so far by more than
both bounds cannot be among the nearest: nothing is lost. What is left is looked at again, first with
the first bound alone, then exactly, on the stored vector, whose checksum is compared.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pytest_replication.embedders.base import threads
from pytest_replication.errors import IndexCorrupt
from pytest_replication.index.reader import Index, Shard
from pytest_replication.search.blocks import Checksum, advise, hidden_in
from pytest_replication.search.candidates import Candidates, Vectors
from pytest_replication.search.codes import Codes, row_checksums
from pytest_replication.search.kernel import QUERY_MAX, IntegerProduct

_ROWS = 2048
"""Codes of a product: their products with all queries of a call stay in the cache of a core."""
_SEED = 4096
"""Vectors that are scored at once while there are no candidates to compare with."""
_BATCH = 65536
"""Most vectors that are judged by the candidates from before them."""


@dataclass(frozen=True, slots=True)
class CodedQueries:
    """Queries with their codes.

    Attributes:
        vectors: (n, dim) float32 unit vectors.
        codes: (dim, n) int8.
        steps: (n,) float64, what a step of each code is worth.
        errors: (n,) float64, length of what each code leaves out.
        lengths: (n,) float64, length of each vector: one, up to rounding.
    """

    vectors: Vectors
    codes: NDArray[np.int8]
    steps: NDArray[np.float64]
    errors: NDArray[np.float64]
    lengths: NDArray[np.float64]

    @property
    def slack(self) -> float:
        """More than rounding to float32 can change two scores: n 2^-24 |x| |q| for n terms each."""
        return float(4 * self.vectors.shape[1] * 2.0**-24)

    @classmethod
    def of(cls, vectors: Vectors) -> CodedQueries:
        """Code (n, dim) unit vectors, each with a scale of its own."""
        wide = vectors.astype(np.float64)
        steps = np.abs(wide).max(axis=1) / QUERY_MAX
        codes = np.rint(wide / steps[:, None])
        errors = np.linalg.norm(wide - codes * steps[:, None], axis=1)
        lengths = np.linalg.norm(wide, axis=1)
        return cls(vectors, np.ascontiguousarray(codes.T.astype(np.int8)), steps, errors, lengths)


class CoarseScan:
    """Scans one shard by its codes.

    Args:
        index: an open index.
        shard: one of its shards.
        codes: the codes of that shard.
        product: multiplies integers.
    """

    def __init__(self, index: Index, shard: Shard, codes: Codes, product: IntegerProduct) -> None:
        rows, views, dim = shard.shape
        self._index, self._codes, self._product = index, codes, product
        self._first = shard.first * views
        self._mapped = shard.embeddings()[0]
        self._stored = self._mapped.reshape(rows * views, dim)
        self._path = shard.embeddings_path

    def take_in(self, queries: CodedQueries, best: Candidates) -> int:
        """Bring the candidates of all queries up to date with the shard; returns the vectors scanned."""
        total, done = len(self._stored), 0
        check = Checksum(
            self._codes.path, self._codes.checksum, self._codes.path.stat().st_size - self._nbytes
        )
        with ThreadPoolExecutor(threads(), "scan") as pool:
            while done < total:
                floor = best.floor
                if np.isneginf(floor).any():
                    count = min(_SEED, total - done)
                    self._take_all(queries, best, done, count)
                    check.update(self._codes.codes[done : done + count])
                else:
                    # Batches grow with what was seen, so that candidates sharpen early.
                    count = min(_BATCH, max(_SEED, self._first + done), total - done)
                    self._take_batch(queries, best, done, count, pool, check)
                done += count
        check.compare()
        for mapped in (self._mapped, self._codes.codes):
            advise(mapped, "MADV_DONTNEED")
        return done

    @property
    def _nbytes(self) -> int:
        return int(self._codes.codes.nbytes)

    def _take_all(self, queries: CodedQueries, best: Candidates, start: int, count: int) -> None:
        rows = np.arange(start, start + count)
        rows = np.delete(rows, hidden_in(self._index, self._first + start, count))
        scores = queries.vectors @ self._exact(rows).T
        for query in range(len(scores)):
            best.insert(query, scores[query], self._first + rows)

    def _take_batch(
        self,
        queries: CodedQueries,
        best: Candidates,
        start: int,
        count: int,
        pool: ThreadPoolExecutor,
        check: Checksum,
    ) -> None:
        floor = best.floor.astype(np.float64)
        starts = range(start, start + count, _ROWS)
        found = pool.map(
            lambda at: self._survivors(queries, floor, at, min(at + _ROWS, start + count)), starts
        )
        kept = []
        for at, (pairs, rows, scores) in zip(starts, found, strict=True):
            check.update(self._codes.codes[at : min(at + _ROWS, start + count)])
            kept.append((pairs, scores, self._first + rows))
        best.insert_pairs(*(np.concatenate(parts) for parts in zip(*kept, strict=True)))

    def _survivors(
        self, queries: CodedQueries, floor: NDArray[np.float64], start: int, stop: int
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
        """Pairs that reach the floor: queries, places in the shard, exact scores."""
        codes, errors = self._codes.codes[start:stop], self._codes.errors[start:stop]
        hidden = np.zeros(stop - start, bool)
        hidden[hidden_in(self._index, self._first + start, stop - start)] = True
        error = float(errors.max(initial=0))
        bound = error * queries.lengths + (self._codes.length + error) * queries.errors
        least = np.floor((floor - bound - queries.slack) / (self._codes.scale * queries.steps))
        limits = least.clip(-(2**31), 2**31 - 1).astype(np.int32)
        rows, pairs = np.divmod(np.flatnonzero(self._product(codes, queries.codes) >= limits), len(limits))
        pairs, rows = self._refine(queries, floor, codes, errors, pairs, rows)
        alive = ~hidden[rows]
        return self._rescore(queries, floor, pairs[alive], start + rows[alive])

    def _refine(
        self,
        queries: CodedQueries,
        floor: NDArray[np.float64],
        codes: NDArray[np.uint8],
        errors: NDArray[np.float32],
        pairs: NDArray[np.int64],
        rows: NDArray[np.int64],
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Score codes against whole queries, which leaves only the error of the code."""
        kept = []
        for part in _parts(len(pairs)):
            wide = codes[rows[part]].astype(np.float32) - np.float32(128)
            scores = np.einsum("ij,ij->i", wide, queries.vectors[pairs[part]]) * np.float32(self._codes.scale)
            bound = errors[rows[part]] * queries.lengths[pairs[part]] + queries.slack
            kept.append(scores + bound >= floor[pairs[part]])
        if not kept:
            return pairs, rows
        keep = np.concatenate(kept)
        return pairs[keep], rows[keep]

    def _rescore(
        self,
        queries: CodedQueries,
        floor: NDArray[np.float64],
        pairs: NDArray[np.int64],
        rows: NDArray[np.int64],
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
        scores = np.empty(len(pairs), np.float32)
        for part in _parts(len(pairs)):
            scores[part] = np.einsum("ij,ij->i", self._exact(rows[part]), queries.vectors[pairs[part]])
        better = scores >= floor[pairs]
        return pairs[better], rows[better], scores[better]

    def _exact(self, rows: NDArray[np.int64]) -> Vectors:
        """Stored vectors, each compared with its checksum."""
        unique, places = np.unique(rows, return_inverse=True)
        stored = self._stored[unique]
        if not np.array_equal(row_checksums(stored), self._codes.checksums[unique]):
            raise IndexCorrupt(
                f"{self._path} has changed since it was written (the checksum of a vector differs): restore "
                "it, or "
                "build the index again with 'pytest-replication build IMAGES --out … --overwrite'"
            )
        return np.asarray(stored, np.float32)[places]


def _parts(count: int, size: int = 8192) -> Iterator[slice]:
    """Cut many pairs into pieces that fit into memory."""
    for start in range(0, count, size):
        yield slice(start, start + size)
