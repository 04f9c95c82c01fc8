"""The images that an index was made of, read again: copies of them are what a positive control plants."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from pytest_replication.errors import SourceError
from pytest_replication.images.decode import UndecodableImage, decode
from pytest_replication.images.read import read_file
from pytest_replication.images.sources import KINDS, ImageRef, Source, open_source
from pytest_replication.index.reader import Index
from pytest_replication.index.shard import Record

_TRIED = 4
"""Rows that are tried for each original that is wanted: files move."""
_FIRST = 5000
"""Images of a source without files of their own that are looked through: it has to be read in order."""


def read_originals(
    index: Index, count: int, *, given: object = None, seed: int = 0
) -> Iterator[tuple[int, Image.Image]]:
    """Read some training images again, where they still lie where they lay.

    Each has to be the image that was indexed, byte by byte. Files are drawn at random; of an archive or a
    table only the first images are looked through.

    Args:
        index: an open index.
        count: how many are wanted; fewer come where fewer are found.
        given: the training images in a form that `build` takes; None to look where the index says.
        seed: of the draw.

    Yields:
        Row number and upright RGB image, one at a time.

    Raises:
        SourceError: what is given is no source.
    """
    left = count
    rng = np.random.default_rng(seed)
    live = np.delete(np.arange(index.manifest.stored), index.removed)
    if given is None:
        drawn = rng.permutation(live)[: _TRIED * count]
        records = index.records(drawn.tolist())
        for row in drawn.tolist():
            if left and (image := _of_file(records[row])) is not None:
                left -= 1
                yield row, image
        if left < count:
            return
    first = live[live < _FIRST] if given is None else live
    rows = np.sort(rng.permutation(first)[:count]).tolist()
    wanted = {record.sha256: row for row, record in index.records(rows).items() if record.sha256}
    for source in _sources(index) if given is None else [open_source(given)]:
        yield from _of_source(source, wanted, None if given is not None else _FIRST)


def _of_file(record: Record) -> Image.Image | None:
    """Read an image that is a file of its own, None if it is not there or another."""
    try:
        data = read_file(Path(record.uri))
        if record.sha256 is None or hashlib.sha256(data).hexdigest() != record.sha256:
            return None
        return decode(data)
    except (OSError, ValueError, UndecodableImage):
        return None


def _of_source(source: Source, wanted: dict[str, int], most: int | None) -> Iterator[tuple[int, Image.Image]]:
    for number, ref in enumerate(source):
        if not wanted or number == most:
            return
        data = _bytes(ref)
        row = wanted.pop(hashlib.sha256(data).hexdigest(), None) if data is not None else None
        if row is not None and data is not None:
            yield row, decode(data)


def _bytes(ref: ImageRef) -> bytes | None:
    if ref.fault is not None:
        return None
    try:
        return ref.read()
    except OSError:
        return None


def _sources(index: Index) -> Iterator[Source]:
    """The sources of an index that lie on this machine and can be found by their names."""
    for entry in index.manifest.sources:
        kind, _, rest = entry.name.partition(" ")
        kind = "npy" if kind == "npz" else kind
        if kind in KINDS and kind not in ("hf", "torchvision", "laion") and rest and not entry.imported:
            try:
                yield open_source(f"{kind}:{rest}")
            except (SourceError, OSError):
                continue
