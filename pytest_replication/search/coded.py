"""The two sides of a scan by codes: queries with their codes, and a shard with its own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pytest_replication.errors import IndexCorrupt
from pytest_replication.index.mapped_shard import Shard
from pytest_replication.index.reader import Index
from pytest_replication.search.blocks import advise, hidden_in
from pytest_replication.search.candidates import Vectors
from pytest_replication.search.codes import Codes, row_checksums
from pytest_replication.search.kernel import QUERY_MAX


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


class CodedShard:
    """The vectors of a shard beside their codes.

    Args:
        index: an open index.
        shard: one of its shards.
        codes: the codes of that shard.

    Attributes:
        codes: the same.
        first: number of its first vector.
    """

    def __init__(self, index: Index, shard: Shard, codes: Codes) -> None:
        rows, views, dim = shard.shape
        self.codes, self.first = codes, shard.first * views
        self._index, self._path = index, shard.embeddings_path
        self._mapped = shard.embeddings()[0]
        self._stored = self._mapped.reshape(rows * views, dim)
        self._sound = np.zeros(rows * views, bool)

    def __len__(self) -> int:
        return len(self._stored)

    def hidden(self, start: int, stop: int) -> NDArray[np.int64]:
        """Places between two vectors, counted from the first, that must not be found."""
        return hidden_in(self._index, self.first + start, stop - start)

    def block(self, start: int, stop: int) -> Vectors:
        """The vectors from one to before another as float32, each compared with its checksum."""
        new = start + np.flatnonzero(~self._sound[start:stop])
        self._check(new, self._stored[start:stop][new - start])
        return np.asarray(self._stored[start:stop], np.float32)

    def some(self, places: NDArray[np.int64]) -> Vectors:
        """Some vectors as float32, in any order, each compared with its checksum once."""
        unique, order = np.unique(places, return_inverse=True)
        stored = self._stored[unique]
        new = ~self._sound[unique]
        self._check(unique[new], stored[new])
        return np.asarray(stored, np.float32)[order]

    def give_back(self) -> None:
        """Let the system have the memory of what was read."""
        for mapped in (self._mapped, self.codes.codes):
            advise(mapped, "MADV_DONTNEED")

    def _check(self, places: NDArray[np.int64], stored: NDArray[np.floating]) -> None:
        if not np.array_equal(row_checksums(stored), self.codes.checksums[places]):
            raise IndexCorrupt(
                f"{self._path} has changed since it was written (the checksum of a vector differs): restore "
                "it, or build the index again with 'pytest-replication build IMAGES --out … --overwrite'"
            )
        self._sound[places] = True
