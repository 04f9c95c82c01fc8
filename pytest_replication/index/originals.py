"""The images that rows of an index were made of, read again from where they came from."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from pytest_replication.errors import SettingsError
from pytest_replication.images.decode import UndecodableImage, decode
from pytest_replication.images.read import read_file
from pytest_replication.images.sources import ImageRef, open_source
from pytest_replication.index.shard import Record

if TYPE_CHECKING:
    from pytest_replication.index.reader import Index

_TRIES = 4
"""Files that are looked for, for each that is wanted, before it is given up that they are there."""
Original = tuple[int, Image.Image]


@dataclass(slots=True)
class Originals:
    """Iterate for row number and picture of some training images of an index; each is proved by its sha256.

    Without a source each is read from its uri, where that is a file on this machine. Images that lie in
    tars, tables or arrays need the source from which the index was built.

    Attributes:
        index: an open index.
        count: images that are wanted; there may be fewer.
        source: what `open_source` takes; None to read the files that the records name.
        seed: of the choice.

    Raises:
        SettingsError: fewer than one image is wanted.
        SourceError: the source cannot be listed.
        IndexCorrupt: the records do not hold their rows.
    """

    index: Index
    count: int
    source: object = None
    seed: int = 0

    def __iter__(self) -> Iterator[Original]:
        if self.count < 1:
            raise SettingsError(f"{self.count} training images are wanted: give 1 or more")
        wanted = self._draw()
        records = self.index.records(wanted)
        if self.source is None:
            found = _of_files(records, wanted)
        else:
            found = _of_source(open_source(self.source), records)
        left = self.count
        for row, data in found:
            image = _image(data, records[row])
            if image is not None:
                yield row, image
                left -= 1
            if left == 0:
                return

    def _draw(self) -> Sequence[int]:
        """Rows in the order in which they are tried, of those that are searched."""
        live = np.delete(np.arange(self.index.manifest.stored), self.index.removed)
        order = np.random.default_rng(self.seed).permutation(live)
        return [int(row) for row in order[: self.count * _TRIES]]


def _of_files(records: dict[int, Record], wanted: Sequence[int]) -> Iterator[tuple[int, bytes | None]]:
    """What lies now where each image lay."""
    for row in wanted:
        yield row, _on_disk(records[row])


def _of_source(refs: Iterable[ImageRef], records: dict[int, Record]) -> Iterator[tuple[int, bytes | None]]:
    """Images of a source that have the id or the uri of a record, read to the last that is wanted."""
    names: dict[str, list[int]] = {}
    for row, record in records.items():
        for name in {record.id, record.uri}:
            names.setdefault(name, []).append(row)
    left = set(records)
    for ref in refs:
        rows = [row for name in {ref.id, ref.uri} for row in names.get(name, ()) if row in left]
        if not rows or ref.fault is not None:
            continue
        data = _bytes(ref)
        for row in dict.fromkeys(rows):
            if data is not None and _is(data, records[row]):  # ids are unique only within a source
                left.discard(row)
                yield row, data
        if not left:
            return


def original(record: Record) -> Image.Image | None:
    """The image of a record, where its uri is a file on this machine that holds what it held."""
    return _image(_on_disk(record), record)


def _on_disk(record: Record) -> bytes | None:
    path = Path(record.uri)
    try:
        return read_file(path) if path.is_absolute() else None
    except (OSError, ValueError):  # ValueError: a name with a zero byte
        return None


def _bytes(ref: ImageRef) -> bytes | None:
    try:
        return ref.read()
    except OSError:
        return None


def _is(data: bytes, record: Record) -> bool:
    return hashlib.sha256(data).hexdigest() == record.sha256


def _image(data: bytes | None, record: Record) -> Image.Image | None:
    """Decode an original; None where it is not there, or where nothing proves that it is the one."""
    if data is None or not _is(data, record):
        return None
    try:
        return decode(data)
    except UndecodableImage:
        return None
