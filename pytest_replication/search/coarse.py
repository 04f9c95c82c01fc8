"""The exact scan in two stages: integers first, then only what they cannot rule out.

Let x ~ s * c be a stored vector with its code, and q ~ t * b a query with its. The product c . b of
integers is exact, and by Cauchy-Schwarz

    |x . q  -  s (c . q)|        <=  |x - s c| |q|
    |s (c . q)  -  s t (c . b)|  <=  |s c| |q - t b|

so that a vector whose integer product stays below the score of the candidates so far by more than
both bounds cannot be among the nearest: nothing is lost. What is left is looked at again, first with
the first bound alone, then exactly, on the stored vector, whose checksum is compared.

A pair that is looked at again costs many products of floats. Where vectors lie close together, the
bounds rule few of them out: such pieces are scored in floats altogether, and after too many of them
so is the rest of the scan.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from pytest_replication.embedders.base import threads
from pytest_replication.index.checksums import Checksum
from pytest_replication.index.mapped_shard import Shard
from pytest_replication.index.reader import Index
from pytest_replication.search.blocks import rows_of_block
from pytest_replication.search.candidates import Candidates, Vectors
from pytest_replication.search.coded import CodedQueries, CodedShard
from pytest_replication.search.codes import Codes
from pytest_replication.search.floats import QUERIES, Buffer, take_in
from pytest_replication.search.kernel import IntegerProduct

_ROWS = 2048
"""Codes of a product: their products with all queries of a call stay in the cache of a core."""
_SEED = 4096
"""Vectors that are scored in floats at first: candidates of fewer rule out too little."""
_BATCH = 65536
"""Most vectors that are judged by the candidates from before them."""
_DEAR = 32
"""Scores in floats that take as long as one pair that is looked at again: some 1 us each, on two cores."""
_TRIAL = 12288
"""Vectors that codes are tried on, at least: the share that they rule out grows with what was seen."""
_PENDING = 1 << 17
"""Pairs of some queries that are kept before they are sorted in."""

_Pairs = tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.int64]]
"""Queries, scores, and numbers of vectors."""


class CoarseScan:
    """Scans shards by their codes.

    Args:
        index: an open index.
        queries: (n, dim) float32 unit vectors.
        best: their candidates, which the scan brings up to date.
        product: multiplies integers.
        buffer: room for scores.
    """

    def __init__(
        self, index: Index, queries: Vectors, best: Candidates, product: IntegerProduct, buffer: Buffer
    ) -> None:
        self._index, self._product, self._buffer = index, product, buffer
        starts = range(0, len(queries), QUERIES)
        self._parts = [_Part(queries[at : at + QUERIES], best.part(at, at + QUERIES)) for at in starts]
        self._tried = self._again = 0

    @property
    def pays(self) -> bool:
        """Whether codes save work: looking again at what they left took less time than floats for all."""
        queries = sum(len(part.queries.vectors) for part in self._parts)
        return self._tried < _TRIAL or self._again * _DEAR <= self._tried * queries

    def take_in(self, shard: Shard, codes: Codes) -> int:
        """Bring the candidates of all queries up to date with a shard; returns the vectors scanned."""
        coded = CodedShard(self._index, shard, codes)
        start = codes.path.stat().st_size - codes.codes.nbytes
        check = Checksum(codes.path, codes.checksum, start)
        done = 0
        with ThreadPoolExecutor(threads(), "scan") as pool:
            while done < len(coded):
                pays, begun = self.pays, self._begun(coded.first + done)
                if not pays or not begun:
                    count = _SEED if pays else rows_of_block(codes.codes.shape[1])
                    stop = min(done + count, len(coded))
                    self._by_floats(coded, done, stop, self._parts)
                    check.update(codes.codes[done:stop])
                else:
                    # Batches grow with what was seen, so that candidates sharpen early.
                    stop = min(done + min(_BATCH, max(_SEED, coded.first + done)), len(coded))
                    self._take_batch(coded, done, stop, pool, check)
                done = stop
        check.compare()
        coded.give_back()
        return done

    def _begun(self, seen: int) -> bool:
        """Whether there are candidates to compare with."""
        return seen >= _SEED and not any(np.isneginf(part.best.floor).any() for part in self._parts)

    def _take_batch(
        self, coded: CodedShard, start: int, stop: int, pool: ThreadPoolExecutor, check: Checksum
    ) -> None:
        floors = [part.best.floor.astype(np.float64) for part in self._parts]
        pieces = [(at, min(at + _ROWS, stop)) for at in range(start, stop, _ROWS)]
        looked = pool.map(
            lambda piece: [
                self._survivors(coded, part.queries, floor, *piece)
                for part, floor in zip(self._parts, floors, strict=True)
            ],
            pieces,
        )
        for piece, found in zip(pieces, looked, strict=True):
            check.update(coded.codes.codes[slice(*piece)])
            crowded = []
            for part, (pairs, count) in zip(self._parts, found, strict=True):
                self._again += count
                if pairs is None:
                    crowded.append(part)
                else:
                    part.keep(pairs)
            self._by_floats(coded, *piece, crowded)
            self._tried += piece[1] - piece[0]
        for part in self._parts:
            part.sort_in()

    def _by_floats(self, coded: CodedShard, start: int, stop: int, parts: list[_Part]) -> None:
        if not parts:
            return
        block, hidden = coded.block(start, stop), coded.hidden(start, stop)
        for part in parts:
            take_in(part.queries.vectors, block, coded.first + start, hidden, part.best, self._buffer)

    def _survivors(
        self, coded: CodedShard, queries: CodedQueries, floor: NDArray[np.float64], start: int, stop: int
    ) -> tuple[_Pairs | None, int]:
        """Pairs that reach the floor, None if too many might, and how many might."""
        codes, errors = coded.codes.codes[start:stop], coded.codes.errors[start:stop]
        error = float(errors.max(initial=0))
        bound = error * queries.lengths + (coded.codes.length + error) * queries.errors
        least = np.floor((floor - bound - queries.slack) / (coded.codes.scale * queries.steps))
        limits = least.clip(-(2**31), 2**31 - 1).astype(np.int32)
        possible = self._product(codes, queries.codes) >= limits
        count = int(np.count_nonzero(possible))
        # Floats for a piece also compare the checksum of each of its rows.
        if count > len(codes) + possible.size // _DEAR:
            return None, count
        rows, pairs = np.divmod(np.flatnonzero(possible), len(limits))
        pairs, rows = _refine(coded, queries, floor, start, pairs, rows)
        alive = ~np.isin(rows, coded.hidden(start, stop))
        return _rescore(coded, queries, floor, pairs[alive], start + rows[alive]), count


class _Part:
    """Some of the queries, and what was found for them that is not sorted in yet."""

    def __init__(self, vectors: Vectors, best: Candidates) -> None:
        self.queries, self.best = CodedQueries.of(vectors), best
        self._kept: list[_Pairs] = []

    def keep(self, pairs: _Pairs) -> None:
        self._kept.append(pairs)
        if sum(len(queries) for queries, _, _ in self._kept) > _PENDING:
            self.sort_in()

    def sort_in(self) -> None:
        if self._kept:
            self.best.insert_pairs(*(np.concatenate(kind) for kind in zip(*self._kept, strict=True)))
        self._kept = []


def _refine(
    coded: CodedShard,
    queries: CodedQueries,
    floor: NDArray[np.float64],
    start: int,
    pairs: NDArray[np.int64],
    rows: NDArray[np.int64],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Score codes against whole queries, which leaves only the error of the code."""
    keep = np.empty(len(pairs), bool)
    for part in _parts(len(pairs)):
        places = start + rows[part]
        wide = coded.codes.codes[places].astype(np.float32) - np.float32(128)
        scores = np.einsum("ij,ij->i", wide, queries.vectors[pairs[part]]) * np.float32(coded.codes.scale)
        bound = coded.codes.errors[places] * queries.lengths[pairs[part]] + queries.slack
        keep[part] = scores + bound >= floor[pairs[part]]
    return pairs[keep], rows[keep]


def _rescore(
    coded: CodedShard,
    queries: CodedQueries,
    floor: NDArray[np.float64],
    pairs: NDArray[np.int64],
    places: NDArray[np.int64],
) -> _Pairs:
    """Score stored vectors."""
    scores = np.empty(len(pairs), np.float32)
    for part in _parts(len(pairs)):
        scores[part] = np.einsum("ij,ij->i", coded.some(places[part]), queries.vectors[pairs[part]])
    better = scores >= floor[pairs]
    return pairs[better], scores[better], coded.first + places[better]


def _parts(count: int, size: int = 8192) -> Iterator[slice]:
    """Cut many pairs into pieces that fit into memory."""
    for start in range(0, count, size):
        yield slice(start, start + size)
