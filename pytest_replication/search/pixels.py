"""The nearest training images by their pixels: an exact scan of what an index stores, in bounded memory.

Squared distances come from a matrix product, ``|x|^2 + |y|^2 - 2 x.y``. Pixels are bytes: less 128 they are
whole numbers of at most 128, and a product over 1,024 of them stays within 2^24, up to which float32 holds
every whole number. Products over pieces of that length are therefore exact, in whatever order they are
summed, and so are the distances: nothing has to be scored again, and equal distances are equal.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pytest_replication.errors import SampleError, SearchError, SettingsError
from pytest_replication.index.mapped_shard import Shard
from pytest_replication.index.reader import Index
from pytest_replication.search.blocks import checked_blocks

_PIECE = 1024
"""Numbers whose product is exact in float32: 1,024 times 128 times 128 is 2^24."""
_MIDDLE = 128
_BLOCK_BYTES = 16 << 20
"""Pixels of training images, as float32, that are looked at together."""
_BLOCK_ROWS = 4096
_QUERIES = 256
"""Samples that are compared with a block at once: bounds the matrix of distances."""

Pixels = NDArray[np.uint8]
Squares = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class PixelNeighbours:
    """The nearest training images of each sample by pixels, nearest first.

    Attributes:
        distances: (n, k) float64 root mean square differences (`scoring.pixel.rmse`), in [0, 1], inf where
            the index has fewer than k rows.
        rows: (n, k) int64 row numbers, -1 where there is none; the lower row of equal ones first.
        searched: rows that were compared with every sample.
    """

    distances: NDArray[np.float64]
    rows: NDArray[np.int64]
    searched: int


def search_pixels(index: Index, samples: Pixels, k: int = 50) -> PixelNeighbours:
    """Find the k training images of an index whose pixels are nearest to those of each sample.

    Every stored row that was not removed is compared. Memory holds the samples, and blocks of the index.

    Args:
        index: an open index that stores pixels.
        samples: (n, side, side, 3) uint8, of the side that the index stores (`images.square`).
        k: training images a sample.

    Raises:
        SettingsError: the index stores no pixels, or no neighbours are wanted.
        SampleError: there are no samples, or of another shape or type.
        IndexCorrupt: a shard is damaged.
        SearchError: not every row was compared, or a distance is not that of the pixels.
    """
    side = require_pixels(index)
    if k < 1:
        raise SettingsError(f"{k} nearest training images are wanted: give 1 or more")
    if samples.shape[1:] != (side, side, 3) or samples.dtype != np.uint8 or not len(samples):
        raise SampleError(
            f"samples of shape {samples.shape} ({samples.dtype}) cannot be compared with pixels of {side} x "
            f"{side}: give at least one of that size, as bytes"
        )
    best = _Best.empty(len(samples), k)
    scanned = 0
    for shard in index.shards:
        for first, block in _blocks(shard):
            low, high = np.searchsorted(index.removed, [first, first + len(block)])
            _compare(samples, block, first, index.removed[low:high] - first, best)
            scanned += len(block)
    searched = scanned - len(index.removed)
    if searched != index.rows:
        raise SearchError(
            f"{searched} of {index.rows} rows of {index.path} were compared: no verdict from a part"
        )
    _check(index, samples, best)
    return PixelNeighbours(np.sqrt(best.squares / samples[0].size) / 255, best.rows, searched)


def require_pixels(index: Index) -> int:
    """Side of the squares of pixels that an index stores.

    Raises:
        SettingsError: it stores none.
    """
    if index.side is None:
        raise SettingsError(
            f"{index.path} stores no pixels: build it again with --pixels SIDE (the size of the training "
            "images, such as 32; see docs/pixels.md)"
        )
    return index.side


def take_pixels(index: Index, rows: NDArray[np.int64]) -> Pixels:
    """Read stored pixels by row.

    Args:
        index: an open index that stores pixels.
        rows: (n,) stored rows, in any order.

    Returns:
        (n, side, side, 3) uint8.

    Raises:
        SettingsError: the index stores no pixels, or not all of these rows.
        IndexCorrupt: a file does not hold what the manifest says.
    """
    side = require_pixels(index)
    taken = np.empty((len(rows), side, side, 3), np.uint8)
    for shard, places, numbers in index.homes(rows):
        taken[places] = shard.pixels()[0][numbers]
    return taken


@dataclass(frozen=True, slots=True)
class _Best:
    """Squared distances of the nearest rows so far, in whole grey levels, sorted."""

    squares: Squares
    rows: NDArray[np.int64]

    @classmethod
    def empty(cls, samples: int, k: int) -> _Best:
        return cls(np.full((samples, k), np.inf), np.full((samples, k), -1, np.int64))

    def insert(self, sample: int, squares: Squares, rows: NDArray[np.int64]) -> None:
        """Take in rows of one sample, all behind those that are there: of equal ones the lower stays."""
        pool = np.concatenate([self.squares[sample], squares])
        numbers = np.concatenate([self.rows[sample], rows])
        kept = np.argsort(pool, kind="stable")[: self.squares.shape[1]]
        self.squares[sample], self.rows[sample] = pool[kept], numbers[kept]


def _blocks(shard: Shard) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Yield the pixels of a shard less 128, (rows, numbers) float32, with their first row."""
    mapped, start = shard.pixels()
    size = mapped[:1].size or 1
    step = max(1, min(_BLOCK_ROWS, _BLOCK_BYTES // (4 * size)))
    for first, stored in checked_blocks(shard, shard.pixels_path, mapped, start, step):
        yield shard.first + first, _centred(stored)


def _centred(pixels: Pixels) -> NDArray[np.float32]:
    flat: NDArray[np.float32] = pixels.reshape(len(pixels), -1).astype(np.float32)
    flat -= _MIDDLE
    return flat


def _compare(
    samples: Pixels, block: NDArray[np.float32], first: int, hidden: NDArray[np.int64], best: _Best
) -> None:
    """Bring the nearest rows of all samples up to date with a block."""
    lengths = _lengths(block)
    for start in range(0, len(samples), _QUERIES):
        part = _centred(samples[start : start + _QUERIES])
        products = np.zeros((len(part), len(block)))
        for piece in _pieces(block.shape[1]):
            products += part[:, piece] @ block[:, piece].T
        squares = np.multiply(products, -2, out=products)
        squares += _lengths(part)[:, None]
        squares += lengths
        squares[:, hidden] = np.inf
        floor = best.squares[start : start + len(part), -1]
        for query in map(int, np.flatnonzero(squares.min(axis=1) < floor)):
            nearer = np.flatnonzero(squares[query] < floor[query])
            best.insert(start + query, squares[query, nearer], nearer + first)


def _lengths(centred: NDArray[np.float32]) -> Squares:
    """Squared lengths, exact."""
    parts = [
        np.einsum("ij,ij->i", centred[:, piece], centred[:, piece]) for piece in _pieces(centred.shape[1])
    ]
    lengths: Squares = np.sum(np.stack(parts).astype(np.float64), axis=0)
    return lengths


def _pieces(length: int) -> Iterator[slice]:
    return (slice(start, start + _PIECE) for start in range(0, length, _PIECE))


def _check(index: Index, samples: Pixels, best: _Best) -> None:
    """Compare the nearest and the last of each sample with what integers say."""
    for column in (0, min(best.rows.shape[1], index.rows) - 1):
        for start in range(0, len(samples), _QUERIES):
            part = slice(start, start + _QUERIES)
            stored = take_pixels(index, best.rows[part, column]).astype(np.int64)
            squares = ((samples[part].astype(np.int64) - stored) ** 2).sum(axis=(1, 2, 3))
            if not np.array_equal(squares, best.squares[part, column]):
                raise SearchError(
                    "a product of whole numbers is not exact: numpy's linear algebra gives wrong results on "
                    "this machine; try another build of numpy (or OPENBLAS_CORETYPE)"
                )
