"""Metadata in parquet files, joined to images on disk: as sets like LAION are kept."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from pytest_replication.errors import SourceError
from pytest_replication.images.sources.base import (
    ImageRef,
    Source,
    exists,
    faulty,
    file_version,
    lies_in,
    place,
    printable,
    storable,
)
from pytest_replication.images.sources.parquet import failure, parquet_files
from pytest_replication.images.sources.tables import Table, text_of

_PATHS = ("image_path", "path", "file_name", "filename")
_CAPTIONS = ("caption", "TEXT", "text")
_SUFFIXES = (".jpg", ".png", ".webp", ".jpeg", ".gif", ".bmp", ".tif", ".tiff", ".avif")
"""Image files of a key, the first that exists is taken."""


class LaionSource(Source):
    """Rows of metadata, each with its image below a folder.

    The image is named by a column (``image_path``, ``path``, ``file_name``, ``filename``), else by
    ``key`` as img2dataset lays out files: ``00012/000120345.jpg``. A row without an image is listed
    and rejected; images without a row are not part of the set.

    Args:
        files: id and path of each parquet file, in order.
        images: folder of the images.
        name: what messages call the source.

    Raises:
        SourceError: a file cannot be read, or has no column that names images.
    """

    def __init__(self, files: Sequence[tuple[str, Path]], images: Path, name: str) -> None:
        self.name = name
        self._tables = [(id_, Table.open(path)) for id_, path in files]
        self._images = images
        self._root = os.path.normpath(images.absolute())
        for _, table in self._tables:
            _naming_column(table)

    def __len__(self) -> int:
        return sum(table.count for _, table in self._tables)

    def __iter__(self) -> Iterator[ImageRef]:
        keys = _Keys(self._root)
        for id_, table in self._tables:
            naming, caption = _naming_column(table), table.first_of(_CAPTIONS)
            columns = (naming, caption, "label", "status", "error_message")
            where = place(table.path)
            for number, row in enumerate(table.rows([c for c in columns if c in table.plain])):
                at = printable(f"{id_}#{number}"), f"{where}#{number}"
                texts = text_of(row, caption), text_of(row, "label")
                path = self._find(keys, naming, row[naming])
                if isinstance(path, str):
                    yield faulty(*at, failure(row) or path, caption=texts[0])
                else:
                    yield ImageRef(at[0], printable(path), path, file_version(path), *texts)

    def _find(self, keys: _Keys, naming: str, given: object) -> Path | str:
        """Path of the image that a row names, or why there is none."""
        if given is None or given == "":
            return f"the row has no {naming}"
        name = str(given)
        path = os.path.normpath(os.path.join(self._root, keys.file(name) if naming == "key" else name))
        if not path.startswith(self._root.rstrip(os.sep) + os.sep):
            return storable(f"{naming} {name} leads out of the folder of images") or ""
        if file_version(Path(path)) == "missing":
            return storable(f"no image file beside the metadata row ({naming} {name})") or ""
        if not lies_in(path, self._root):
            return storable(f"{naming} {name} is a link that leads out of the folder of images") or ""
        return Path(path)


def open_laion(rest: str) -> LaionSource:
    """Open ``METADATA:IMAGES``, a parquet file or a folder of them, and a folder.

    Raises:
        SourceError: one of the two does not exist, or the metadata name no images.
    """
    for at in (number for number, character in enumerate(rest) if character == ":"):
        metadata, images = Path(rest[:at]), Path(rest[at + 1 :])
        if metadata.exists() and images.is_dir():
            return LaionSource(parquet_files(metadata), images, f"laion {rest}")
    raise SourceError(
        f"laion:{rest} names no parquet file (or folder of them) and folder of images that both exist: write "
        "laion:METADATA.parquet:IMAGES"
    )


def _naming_column(table: Table) -> str:
    column = table.first_of((*_PATHS, "key"))
    if column is None:
        raise SourceError(
            f"{table.path} has no column {', '.join(_PATHS)} or key, so its rows name no image files "
            "(LAION's own files hold URLs only): fetch the images with img2dataset and name its output, or "
            "add such a column"
        )
    return column


class _Keys:
    """Finds the file of a key: in the folder of its shard, else in the folder of all images."""

    def __init__(self, root: str) -> None:
        self._root = root
        shards = [entry.name for entry in Path(root).iterdir() if entry.name.isdigit() and entry.is_dir()]
        self._shards = set(shards)
        self._widths = sorted(set(map(len, shards)), reverse=True)
        self._listed: tuple[str, dict[str, list[str]]] = "", {}

    def file(self, key: str) -> str:
        """Path below the root; that of a file which does not exist when there is none."""
        for width in self._widths:
            if (shard := key[:width]) in self._shards and (names := self._listing(shard).get(key)):
                return f"{shard}/{min(names, key=_rank)}"
        names = [key + suffix for suffix in _SUFFIXES if exists(os.path.join(self._root, key + suffix))]
        return names[0] if names else key + _SUFFIXES[0]

    def _listing(self, shard: str) -> dict[str, list[str]]:
        """Image files of a shard by key; rows stand shard by shard, so that one is remembered."""
        if self._listed[0] != shard:
            found: dict[str, list[str]] = {}
            for name in sorted(file.name for file in Path(self._root, shard).iterdir()):
                stem, _, suffix = name.partition(".")
                if f".{suffix.lower()}" in _SUFFIXES:
                    found.setdefault(stem, []).append(name)
            self._listed = shard, found
        return self._listed[1]


def _rank(name: str) -> int:
    return _SUFFIXES.index("." + name.partition(".")[2].lower())
