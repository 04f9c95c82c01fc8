"""IDX files, as MNIST and its relatives come: one header, then the raw pixels of all images."""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from pytest_replication.errors import SourceError
from pytest_replication.images.sources.arrays import check_shape, images_a_block, refs
from pytest_replication.images.sources.base import ImageRef, Source, place, printable

_UBYTE = 0x08
_LABELS = 1 << 16
"""Labels that are held at a time."""

_NAMES = ("images-idx3-ubyte", "images.idx3-ubyte")
_TRAIN = tuple(f"train-{name}{end}" for end in ("", ".gz") for name in _NAMES)


def is_idx(path: Path) -> bool:
    """Whether a file has the name of an IDX file of images or labels."""
    return path.name.removesuffix(".gz").endswith(("idx3-ubyte", "idx1-ubyte"))


class IdxSource(Source):
    """An IDX file of grey images, plain or gzipped, with the labels beside it.

    Args:
        path: the file, or a folder that holds ``train-images-idx3-ubyte`` or ``….gz``.

    Raises:
        SourceError: it cannot be read, its header is none of an image file, or its length or the
            number of labels is not what the header says.
    """

    def __init__(self, path: Path) -> None:
        self.name = f"idx {path}"
        self._path = _train_file(path) if path.is_dir() else path
        self._shape = _read_shape(self._path, 3)
        check_shape(self._shape, np.dtype(np.uint8), str(self._path))
        _check_length(self._path, self._shape)
        self._labels = _labels_of(self._path, self._shape[0])

    def __len__(self) -> int:
        return self._shape[0]

    def __iter__(self) -> Iterator[ImageRef]:
        id_, uri = printable(self._path.name), place(self._path)
        yield from refs(self._blocks(), id_, uri, "idx file", self._read_labels())

    def _read_labels(self) -> Iterator[int] | None:
        return None if self._labels is None else _read_labels(self._labels, self._shape[0])

    def _blocks(self) -> Iterator[NDArray[np.uint8]]:
        count, height, width = self._shape
        step = images_a_block(self._shape, 1)
        with _open(self._path) as file:
            file.seek(_start(3))
            for first in range(0, count, step):
                images = min(step, count - first)
                data = _exactly(file, images * height * width, self._path)
                yield np.frombuffer(data, np.uint8).reshape(images, height, width)
            _check_end(file, self._path)


def _train_file(folder: Path) -> Path:
    for name in _TRAIN:
        if (folder / name).is_file():
            return folder / name
    raise SourceError(
        f"{folder} holds no train-images-idx3-ubyte or train-images-idx3-ubyte.gz: name the file"
    )


def _labels_of(images: Path, count: int) -> Path | None:
    """Find the labels, and read them once to know that each image has one."""
    beside = _labels_beside(images)
    if beside is None:
        return None
    (found,) = _read_shape(beside, 1)
    if found != count:
        raise SourceError(
            f"{images} holds {count} images and {beside} {found} labels: they do not belong together"
        )
    deque(_read_labels(beside, count), maxlen=0)
    return beside


def _read_labels(path: Path, count: int) -> Iterator[int]:
    """Read labels a block at a time: a few bytes of gzip may stand for as many as a header can name."""
    with _open(path) as file:
        file.seek(_start(1))
        for first in range(0, count, _LABELS):
            yield from _exactly(file, min(_LABELS, count - first), path)
        _check_end(file, path)


def _labels_beside(images: Path) -> Path | None:
    name = images.name.removesuffix(".gz")
    name = name.replace("images-idx3", "labels-idx1").replace("images.idx3", "labels.idx1")
    if name == images.name.removesuffix(".gz"):
        return None
    return next((f for f in (images.with_name(name), images.with_name(f"{name}.gz")) if f.is_file()), None)


def _read_shape(path: Path, dimensions: int) -> tuple[int, ...]:
    with _open(path) as file:
        magic = file.read(4)
        if magic != bytes((0, 0, _UBYTE, dimensions)):
            raise SourceError(
                f"{path} begins with {magic.hex() or 'nothing'}; an IDX file of bytes in {dimensions} "
                f"dimensions begins with 000008{dimensions:02x}"
            )
        return struct.unpack(f">{dimensions}I", _exactly(file, 4 * dimensions, path))


def _check_length(path: Path, shape: tuple[int, ...]) -> None:
    """Compare the length of a plain file with its header; that of a gzipped one shows at its end."""
    if path.suffix != ".gz":
        wanted, found = _start(3) + math.prod(shape), path.stat().st_size
        if found != wanted:
            raise SourceError(
                f"{path} has {found} bytes; its header {shape} asks for {wanted}: fetch it again"
            )


def _check_end(file: IO[bytes], path: Path) -> None:
    if file.read(1):
        raise SourceError(f"{path} holds more bytes than its header names: fetch it again")


def _exactly(file: IO[bytes], size: int, path: Path) -> bytes:
    data = file.read(size)
    if len(data) != size:
        raise SourceError(
            f"{path} is cut off: {size - len(data)} bytes fewer than its header names; fetch it again"
        )
    return data


def _start(dimensions: int) -> int:
    return 4 + 4 * dimensions


@contextmanager
def _open(path: Path) -> Iterator[IO[bytes]]:
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            yield file  # type: ignore[misc]
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or error
        raise SourceError(f"{path} cannot be read: {reason}; fetch it again") from error
