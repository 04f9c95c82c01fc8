"""Training images that stand in the index more than once: every pair that reaches a threshold.

All pairs of n images are too many to score in full. Each vector x is therefore split into a part in
a space of few dimensions and the rest, of which only the length is kept. By Cauchy-Schwarz

    x . y  <=  x1 . y1  +  |x2| |y2|

is the product of two short vectors, (x1, |x2|) and (y1, |y2|). Pairs whose bound stays below the
threshold are no duplicates; the few that are left are scored on the stored vectors. Nothing is lost.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pytest_replication.errors import SettingsError
from pytest_replication.index.duplicates import Duplicates
from pytest_replication.index.reader import Index
from pytest_replication.search.blocks import blocks

DUPLICATE = 0.95
"""Score from which on two training images are one image twice, where nobody says otherwise."""
_SHORT = 64
"""Dimensions of the short vectors."""
_ROWS = 2048
"""Rows a block: bounds the matrix of pairs."""
_SAMPLE = 8192
"""Rows from which the space of the short vectors is learnt."""
_SAME = 1 - 1e-6
"""Score from which on two vectors are the same, up to rounding."""
_SLACK = 1e-4
"""For the rounding of float32 in bounds."""
_ROUNDING = 1e-6

Short = NDArray[np.float32]


def find_duplicates(index: Index, threshold: float = DUPLICATE, *, progress: bool = True) -> Duplicates:
    """Compare all training images with each other, by the first view of each.

    Memory holds 65 numbers an image and a block of pairs; the vectors stay on disk.

    Args:
        index: an open index. Removed images are left out.
        threshold: score from which on two images are duplicates, in (0, 1].
        progress: show a progress bar when standard error is a terminal.

    Raises:
        SettingsError: a threshold outside its range.
        IndexCorrupt: a shard is damaged.
    """
    if not 0 < threshold <= 1:
        raise SettingsError(f"the threshold of duplicates is {threshold}: give a score above 0 and at most 1")
    stored = _Stored.of(index)
    found = _Found.empty(len(stored.rows))
    short = stored.shorten(index)
    starts = range(0, len(short), _ROWS)
    from tqdm import tqdm

    with tqdm(
        total=len(starts) * (len(starts) + 1) // 2, unit="block", disable=None if progress else True
    ) as bar:
        for right in starts:
            for left in range(0, right + 1, _ROWS):
                _compare(stored, short, left, right, threshold, found)
                bar.update()
    return found.result(stored.rows, threshold)


@dataclass(frozen=True, slots=True)
class _Stored:
    """The live rows of an index, by place among them."""

    rows: NDArray[np.int64]
    index: Index

    @classmethod
    def of(cls, index: Index) -> _Stored:
        rows = np.arange(index.manifest.stored)
        return cls(np.delete(rows, index.removed), index)

    def take(self, places: NDArray[np.int64]) -> Short:
        """First view of some live rows, from the memory maps, of unit length also where stored in 16 bits."""
        rows, found = self.rows[places], np.empty((len(places), self.index.manifest.embedder.dim), np.float32)
        for shard, here, numbers in self.index.homes(rows):
            found[here] = shard.embeddings()[0][numbers, 0]
        return _unit(found)

    def shorten(self, index: Index) -> Short:
        """(live rows, short + 1): what lies in the space of most energy, and the length of the rest."""
        count, views = len(self.rows), len(index.manifest.views)
        sample = self.take(np.linspace(0, count - 1, min(count, _SAMPLE)).astype(np.int64)).astype(np.float64)
        _, vectors = np.linalg.eigh(sample.T @ sample)
        basis = vectors[:, ::-1][:, :_SHORT]
        short = np.empty((index.manifest.stored, basis.shape[1] + 1), np.float32)
        for shard in index.shards:
            for first, block in blocks(shard):  # every byte is checked on the way
                numbers = np.arange(first, first + len(block))
                whole = numbers % views == 0
                wide = _unit(block[whole]).astype(np.float64)
                near = wide @ basis
                rest = np.sqrt(np.maximum(0, (wide**2).sum(axis=1) - (near**2).sum(axis=1)))
                short[numbers[whole] // views] = np.column_stack([near, rest])
        return short[self.rows] if len(index.removed) else short


def _unit(rows: Short) -> Short:
    """Divide out what rounding in storage did to the lengths."""
    lengths = np.sqrt(np.einsum("ij,ij->i", rows, rows, dtype=np.float64))
    unit: Short = (rows / lengths[:, None]).astype(np.float32)
    return unit


@dataclass(frozen=True, slots=True)
class _Found:
    """What is known of each live row so far; the leader of a row without one is the row itself."""

    leaders: NDArray[np.int64]
    copies: NDArray[np.int64]
    exact: NDArray[np.int64]

    @classmethod
    def empty(cls, count: int) -> _Found:
        return cls(np.arange(count), np.ones(count, np.int64), np.ones(count, np.int64))

    def result(self, rows: NDArray[np.int64], threshold: float) -> Duplicates:
        several = np.flatnonzero(self.copies > 1)
        return Duplicates(
            threshold,
            rows[several],
            rows[self.leaders[several]],
            self.copies[several],
            self.exact[several],
        )


def _compare(stored: _Stored, short: Short, left: int, right: int, threshold: float, found: _Found) -> None:
    """Count the duplicates between two blocks of rows, the left one not behind the right one."""
    possible = short[left : left + _ROWS] @ short[right : right + _ROWS].T >= threshold - _SLACK
    if left == right:
        possible = np.triu(possible, 1)
    if not possible.any():
        return
    lefts, rights = np.flatnonzero(possible.any(axis=1)), np.flatnonzero(possible.any(axis=0))
    scores = stored.take(left + lefts) @ stored.take(right + rights).T
    pairs = (scores >= threshold - _ROUNDING) & possible[np.ix_(lefts, rights)]
    same = pairs & (scores >= _SAME)
    for counts, matrix in ((found.copies, pairs), (found.exact, same)):
        counts[left + lefts] += matrix.sum(axis=1)
        counts[right + rights] += matrix.sum(axis=0)
    _lead(pairs, left + lefts, right + rights, found.leaders)


def _lead(
    pairs: NDArray[np.bool_], lefts: NDArray[np.int64], rights: NDArray[np.int64], leaders: NDArray[np.int64]
) -> None:
    """Give each right row that has no leader the first left row that is one and its duplicate."""
    for column in np.flatnonzero(pairs.any(axis=0)):
        row = rights[column]
        if leaders[row] != row:
            continue
        partners = lefts[pairs[:, column]]
        leading = partners[leaders[partners] == partners]
        if len(leading):
            leaders[row] = leading[0]
