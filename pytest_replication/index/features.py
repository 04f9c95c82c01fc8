"""Local features of training images as an index stores them: those of a shard in one array, row by row."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_replication.errors import IndexCorrupt
from pytest_replication.images.local import FEATURE, Features
from pytest_replication.index.shard import header_of

STORED = np.dtype([("row", "<u4"), *FEATURE.descr])
"""A feature with the row within the shard whose image it is of, 140 bytes. Rows ascend."""


def pack(images: Sequence[Features]) -> NDArray[np.void]:
    """Lay the features of the images of a shard one behind the other.

    Args:
        images: (n,) of `FEATURE` of each, in the order of their rows.
    """
    counts = [len(found) for found in images]
    laid = np.empty(sum(counts), STORED)
    laid["row"] = np.repeat(np.arange(len(counts), dtype=np.uint32), counts)
    end = 0
    for found in images:
        here, end = laid[end : end + len(found)], end + len(found)
        for name in FEATURE.names or ():
            here[name] = found[name]
    return laid


def of_row(stored: NDArray[np.void], row: int) -> Features:
    """The features of one image: (n,) of `FEATURE`, strongest first.

    Args:
        stored: those of its shard, which may be mapped: what is not its own is hardly looked at.
        row: within the shard.
    """
    rows: Any = stored["row"]
    first = bisect_left(range(len(rows)), row, key=lambda place: rows[place])
    last = bisect_left(range(len(rows)), row + 1, first, key=lambda place: rows[place])
    found = np.empty(last - first, FEATURE)
    for name in FEATURE.names or ():
        found[name] = stored[name][first:last]
    return found


def of_rows(stored: NDArray[np.void], kept: NDArray[np.int64]) -> NDArray[np.void]:
    """What is left of the features of a shard when only some of its rows are, which get new numbers.

    Args:
        stored: of the shard.
        kept: rows that are left, ascending.
    """
    left = np.asarray(stored)[np.isin(stored["row"], kept)]
    left["row"] = np.searchsorted(kept, left["row"])
    return left


def fault_of(stored: NDArray[np.void], rows: int, most: int) -> str:
    """What features cannot be stored, or cannot have been; empty for none.

    Args:
        stored: of a shard.
        rows: of the shard.
        most: features an image, at most.
    """
    if stored.dtype != STORED or stored.ndim != 1:
        return f"features of {stored.dtype}, expected {STORED}"
    numbers = np.ascontiguousarray(stored["row"])
    if len(numbers) and not ((numbers[1:] >= numbers[:-1]).all() and int(numbers[-1]) < rows):
        return "features that are not in the order of its rows"
    if len(numbers) and int(np.bincount(numbers).max()) > most:
        return f"more than {most} features of an image"
    if not all(np.isfinite(stored[name]).all() for name in ("x", "y", "size", "angle")):
        return "features that are not finite"
    return ""


def count_in(path: Path, size: int) -> int:
    """How many features a file of so many bytes holds.

    Raises:
        IndexCorrupt: no whole number of them.
    """
    start = len(header_of((0,), STORED))
    count, rest = divmod(size - start, STORED.itemsize)
    if rest or count < 0 or len(header_of((count,), STORED)) != start:
        raise IndexCorrupt(
            f"{path} is damaged ({size} bytes hold no whole number of features): run 'pytest-replication "
            "verify'"
        )
    return count
