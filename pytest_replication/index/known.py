"""Which images of a source are in the index already: what `append` passes over."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pytest_replication.errors import SourceError
from pytest_replication.escape import one_line
from pytest_replication.images.sources import ImageRef
from pytest_replication.index.entries import ShardEntry
from pytest_replication.index.shard import RECORDS, REJECTED, UNREAD
from pytest_replication.index.sound import read_sound_columns

Keys = NDArray[np.uint64]


@dataclass(slots=True)
class Known:
    """Images of an index by hash: 8 bytes for what the source said, 16 for where it lay and what it held.

    Attributes:
        versions: sorted hashes of uri and version of every listed image whose bytes were read.
        unread: the same of those whose bytes could not be: a disk or a permission may have been mended since,
            which changes no version.
        uris: sorted hashes of the uris of stored images.
        contents: first 8 bytes of the sha256 of each, in the order of `uris`.
        removed: sha256 of images that must not come back, wherever they lie.
        passed: images that `new` has passed over so far.
    """

    versions: Keys
    unread: Keys
    uris: Keys
    contents: Keys
    removed: frozenset[str] = frozenset()
    passed: int = 0

    def new(self, refs: Iterable[ImageRef], changed: Callable[[ImageRef], Exception]) -> Iterator[ImageRef]:
        """Pass on the images that are not in the index.

        Args:
            refs: the images of a source.
            changed: gives the error for an image that lies where another one lay when it was indexed.

        Raises:
            SourceError: one that is in the index cannot be read now.
        """
        for ref in refs:
            version = _key(f"{ref.uri}\0{ref.version}")
            if _holds(self.versions, version) or (_holds(self.unread, version) and not _can_be_read(ref)):
                self.passed += 1
                continue
            stored = self._contents_at(ref.uri)
            if not len(stored):
                if self._was_removed(ref):
                    self.passed += 1
                else:
                    yield ref
            elif ref.fault is None and _start(_digest(ref)) in stored:
                self.passed += 1  # touched, but the same
            else:
                raise changed(ref)

    def _was_removed(self, ref: ImageRef) -> bool:
        if not self.removed or ref.fault is not None:
            return False
        try:
            return hashlib.sha256(ref.read()).hexdigest() in self.removed
        except OSError:
            return False  # unreadable: rejected, with its reason, when it is embedded

    def _contents_at(self, uri: str) -> Keys:
        key = _key(uri)
        first, last = (np.searchsorted(self.uris, key, side) for side in ("left", "right"))
        return self.contents[first:last]


def _digest(ref: ImageRef) -> str:
    try:
        return hashlib.sha256(ref.read()).hexdigest()
    except OSError as error:
        raise SourceError(
            f"{one_line(ref.uri)} is in the index and cannot be read now ({error.strerror or error}), so "
            "nothing tells whether it is still the same: append again when it can be read, or without it"
        ) from error


def known_images(shards: Path, entries: Iterable[ShardEntry], removed: NDArray[np.int64]) -> Known:
    """Read which images are in some shards.

    Args:
        shards: folder of the shards.
        entries: the first shards of the index, in order.
        removed: sorted rows that are masked: where they lay something else may lie now.

    Raises:
        IndexCorrupt: the records are not those that were written.
    """
    versions: list[int] = []
    unread: list[int] = []
    uris, contents = [], []
    first = 0
    for entry in entries:
        columns = ("uri", "version", "sha256")
        records = read_sound_columns(shards / entry.name, entry, RECORDS, columns)
        for number, (uri, version, sha256) in enumerate(records):
            versions.append(_key(f"{uri}\0{version}"))
            if sha256 is not None and not _holds(removed, first + number):
                uris.append(_key(uri))
                contents.append(_start(sha256))
        first += entry.rows
        rejected = read_sound_columns(shards / entry.name, entry, REJECTED, ("uri", "version", "reason"))
        for uri, version, reason in rejected:
            (unread if reason.startswith(UNREAD) else versions).append(_key(f"{uri}\0{version}"))
    at, held = np.array(uris, np.uint64), np.array(contents, np.uint64)
    order = np.argsort(at, kind="stable")
    seen, missed = (np.sort(np.array(keys, np.uint64)) for keys in (versions, unread))
    return Known(seen, missed, at[order], held[order])


def _can_be_read(ref: ImageRef) -> bool:
    if ref.fault is not None:
        return False
    try:
        ref.read()
    except OSError:
        return False
    return True


def _holds(values: NDArray[np.generic], wanted: int) -> bool:
    """Whether sorted values hold one."""
    # Of the same type: numpy would compare a Python integer with uint64 as floats.
    value = values.dtype.type(wanted)
    place = int(np.searchsorted(values, value))
    return place < len(values) and values[place] == value


def _key(text: str) -> int:
    import xxhash

    return xxhash.xxh3_64_intdigest(text.encode("utf-8", "surrogatepass"))


def _start(sha256: str) -> int:
    return int(sha256[:16], 16)
