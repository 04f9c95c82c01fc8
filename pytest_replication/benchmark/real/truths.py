"""Truth files in the style of Oxford and Paris: a pickle or MATLAB file with imlist, qimlist and gnd."""

from __future__ import annotations

import io
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from pytest_replication.errors import BenchmarkError, SourceError
from pytest_replication.index.importers.pickle_notes import Array
from pytest_replication.index.importers.pickles import Use, read_pickle

LARGEST_MATLAB = 32 << 20
"""Bytes of a MATLAB file after decompression; that of INSTRE has a few million."""

_HEADER, _TAG, _COMPRESSED = 128, 8, 15  # of version 5: an element is its type, its length, its bytes

_TRUTHS = Use("truth files", "use the .mat file of the same authors", numbers=True)


@dataclass(frozen=True, slots=True)
class Truth:
    """Content of a truth file.

    Attributes:
        database: names of pictures.
        queries: names of pictures.
        entries: for each query, values by the name of the field.
        first: the number of the first picture of the database: 0, or 1 in MATLAB.
    """

    database: tuple[str, ...]
    queries: tuple[str, ...]
    entries: tuple[Mapping[str, Any], ...]
    first: int

    def rows(self, value: Any) -> frozenset[int]:
        """Places in the database, from 0, that a field names.

        Raises:
            ValueError: it holds anything but numbers of pictures.
        """
        found = np.atleast_1d(_plain(value)).ravel()
        if found.size == 0:
            return frozenset()
        if found.dtype.kind not in "iuf" or not np.isfinite(found).all() or (found % 1).any():
            raise ValueError("a list of pictures holds something else than whole numbers")
        places = found.astype(np.int64) - self.first
        wrong = found[(places < 0) | (places >= len(self.database))]
        if wrong.size:
            raise ValueError(
                f"it names picture {int(wrong[0])} of {len(self.database)}, counted from {self.first}"
            )
        return frozenset(places.tolist())


def field(entry: Mapping[str, Any], name: str) -> Any:
    """One value of the truth of a query.

    Raises:
        ValueError: it has none of that name.
    """
    if name not in entry:
        raise ValueError(f"the truth of a query has no {name}")
    return _plain(entry[name])


def read_pickled(path: Path) -> Truth:
    """Read a pickle; nothing in it is run.

    Raises:
        BenchmarkError: it is no whole pickle, or holds calls of anything.
        ValueError: it holds something else than a truth.
    """
    try:
        content = read_pickle(path, _TRUTHS)
    except SourceError as error:
        raise BenchmarkError(str(error)) from error
    return _truth(content, first=0)


def read_matlab(path: Path) -> Truth:
    """Read a MATLAB file, of version 4 to 7.2.

    Raises:
        ValueError: it holds something else.
    """
    from scipy.io import loadmat

    try:
        with path.open("rb") as file:
            data = file.read(LARGEST_MATLAB + 1)
    except OSError as error:
        raise ValueError(f"it cannot be read: {error}") from error
    if not _small(data):
        raise ValueError(f"it holds more than {LARGEST_MATLAB >> 20} MiB, so it is no truth file")
    try:
        content = loadmat(io.BytesIO(data), simplify_cells=True)
    except Exception as error:  # the reader raises whatever the damage leads to
        raise ValueError(f"it is no MATLAB file: {type(error).__name__}: {error}") from error
    return _truth(content, first=1)


def _small(data: bytes) -> bool:
    """Whether the elements of a MATLAB file, of which each may be compressed, stay within the limit."""
    order: Literal["little", "big"] = "big" if data[_HEADER - 2 : _HEADER] == b"MI" else "little"
    left, place = LARGEST_MATLAB - len(data), _HEADER
    while left >= 0 and place + _TAG <= len(data):
        kind, length = (int.from_bytes(data[place + at : place + at + 4], order) for at in (0, 4))
        place += _TAG
        if kind == _COMPRESSED:
            left -= _inflated(data[place : place + length], left)
        place += length
    return left >= 0


def _inflated(data: bytes, most: int) -> int:
    """Length after decompression, no more than one block above `most`; of damaged data up to the damage."""
    inflate, count = zlib.decompressobj(), 0
    try:
        while data and count <= most:
            count += len(inflate.decompress(data, 1 << 20))
            data = inflate.unconsumed_tail
    except zlib.error:
        pass  # the reader names it
    return count


def _truth(content: Any, first: int) -> Truth:
    if not isinstance(content, Mapping):
        raise ValueError(f"it holds a {type(content).__name__}, expected imlist, qimlist and gnd")
    for name in ("imlist", "qimlist", "gnd"):
        if name not in content:
            raise ValueError(f"it has no {name}")
    entries = _several(content["gnd"])
    found = Truth(_names(content["imlist"]), _names(content["qimlist"]), tuple(entries), first)
    if len(entries) != len(found.queries):
        raise ValueError(f"it has {len(found.queries)} queries and the truth of {len(entries)}")
    if not all(isinstance(entry, Mapping) for entry in entries):
        raise ValueError("the truth of a query has no fields")
    return found


def _names(value: Any) -> tuple[str, ...]:
    names = _several(_plain(value))
    if not all(isinstance(name, str) for name in names):
        raise ValueError("a list of pictures holds something else than names")
    return tuple(map(str, names))


def _several(value: Any) -> Sequence[Any]:
    """A list; MATLAB's reader gives the only one of a list by itself."""
    if isinstance(value, np.ndarray):
        return list(value.ravel())
    return list(value) if isinstance(value, list | tuple) else [value]


def _plain(value: Any) -> Any:
    return value.values if isinstance(value, Array) else value
