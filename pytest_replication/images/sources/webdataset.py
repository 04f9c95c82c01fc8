"""Tars of images in the layout of webdataset, with or without the sidecar of img2dataset."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path

from pytest_replication.errors import SourceError
from pytest_replication.images.sources import names
from pytest_replication.images.sources.base import (
    FileSlice,
    ImageRef,
    Source,
    digest,
    faulty,
    file_version,
    place,
    printable,
)
from pytest_replication.images.sources.files import folder
from pytest_replication.images.sources.groups import Found, Group, groups
from pytest_replication.images.sources.sidecar import Sidecar, sidecar_of
from pytest_replication.images.sources.tables import Table
from pytest_replication.images.sources.tars import DamagedTar, TarReader, check_tar

SUFFIXES = (".tar", ".tar.gz", ".tgz")
"""How the names of tars end that are read."""

_NAMES = 1 << 21
"""Names of one tar that are remembered, by hash: bounds memory."""

_SAMPLE = 64
"""Groups of the first tar from which the number of images is estimated."""


class _Names:
    """Gives each image of a tar a name of its own: a tar may hold one twice, and both images are in it."""

    def __init__(self) -> None:
        self._seen: set[int] = set()

    def distinct(self, name: str, offset: int) -> str:
        """The name itself where it is the first of its kind; else, or where none can tell, with its place."""
        import xxhash

        key = xxhash.xxh3_64_intdigest(name.encode())
        if key in self._seen or len(self._seen) >= _NAMES:
            return f"{name}@{offset}"
        self._seen.add(key)
        return name


class WebdatasetSource(Source):
    """Tars whose members are grouped by key: ``KEY.jpg``, ``KEY.txt``, ``KEY.cls``, ``KEY.json``.

    An uncompressed tar is listed without reading its images. A tar that was cut off or is
    damaged is an error, since nothing tells how much it should hold; one without images gives a rejected row.

    Args:
        tars: id and path of each tar, in order.
        name: what messages call the source.

    Raises:
        SourceError: a tar is missing, cannot be read, was cut off or is none; while it is listed, that it
            is damaged.
    """

    counted = False  # only reading all headers would tell

    def __init__(self, tars: Sequence[tuple[str, Path]], name: str) -> None:
        self.name = name
        for _, path in tars:
            check_tar(path)
        self._tars = [(id_, path, sidecar_of(path, SUFFIXES)) for id_, path in tars]
        rows = sum(table.count for _, _, table in self._tars if table)
        guessed = _estimate([path for _, path, table in self._tars if not table])
        self._length = max(len(tars), rows + guessed)

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[ImageRef]:
        for id_, path, table in self._tars:
            yield from _refs(id_, path, table)


def open_webdataset(rest: str) -> WebdatasetSource:
    """List the tars of a folder, or those that a pattern names.

    Args:
        rest: a folder, a tar, or a pattern with braces and wildcards.

    Raises:
        SourceError: nothing is found, or a tar is missing or unreadable.
    """
    if Path(rest).is_dir():
        tars = [(id_, path) for id_, path in folder(Path(rest)).listed if path.name.endswith(SUFFIXES)]
        if not tars:
            raise SourceError(f"{rest} holds no tars ({', '.join(SUFFIXES)}): name the folder that does")
    else:
        paths = names.files(rest)
        tars = list(zip(names.ids(paths), paths, strict=True))
    return WebdatasetSource(tars, f"webdataset {rest}")


def _refs(id_: str, path: Path, table: Table | None) -> Iterator[ImageRef]:
    uri = place(path)
    sidecar = Sidecar(table, printable(id_), uri)
    version, given = file_version(path), _Names()
    with TarReader(path) as tar:
        empty = True
        try:
            for group in groups(tar):
                yield from sidecar.failed_before(group.key)
                yield from _refs_of(group, sidecar, path, version, given)
                empty = False
        except DamagedTar as error:
            raise SourceError(f"{path} is damaged: {error}; fetch it again, or write it anew") from error
    yield from sidecar.rest("the tar")
    if empty and not sidecar.count:
        yield faulty(printable(id_), uri, "the tar holds no images", version)


def _refs_of(group: Group, sidecar: Sidecar, path: Path, version: str, given: _Names) -> Iterator[ImageRef]:
    caption = sidecar.caption(group.key) or group.caption
    for found in group.images:
        name = f"{group.key}.{found.suffix}" if found.suffix else group.key
        name = given.distinct(name, found.member.offset)
        at = f"{found.member.offset} {found.member.size}"
        yield ImageRef(
            id=f"{sidecar.id}/{name}",
            uri=f"{sidecar.uri}/{name}",
            content=_content(found, path),
            # The bytes are not read to list them: a tar changes as a whole, and then its time does.
            version=f"{version} {at}" if found.data is None else digest(found.data),
            caption=caption,
            label=group.label,
            fault=found.member.fault,
        )


def _content(found: Found, path: Path) -> FileSlice | bytes:
    if found.member.fault is not None:
        return b""
    if found.data is not None:
        return found.data
    return FileSlice(path, found.member.offset, found.member.size)


def _estimate(tars: Sequence[Path]) -> int:
    if not tars:
        return 0
    images = end = 0
    with TarReader(tars[0]) as tar:
        try:
            for group in itertools.islice(groups(tar), _SAMPLE):
                images += len(group.images)
                end = group.images[-1].member.offset + group.images[-1].member.size
        except DamagedTar:
            pass  # said when it is listed
    size = sum(path.stat().st_size for path in tars)
    return round(size * images / end) if end else 0
