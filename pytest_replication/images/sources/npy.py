"""Arrays in files: ``.npy`` through a memory map, ``.npz`` streamed out of its archive."""

from __future__ import annotations

import math
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from pytest_replication.errors import SourceError
from pytest_replication.images.sources.arrays import check_shape, images_a_block, refs
from pytest_replication.images.sources.base import ImageRef, Source, place, printable

_UNREADABLE = (
    OSError,
    ValueError,
    EOFError,
    RuntimeError,
    NotImplementedError,
    zipfile.BadZipFile,
    zlib.error,
    MemoryError,
)
"""What numpy and zipfile raise over a file that they cannot read."""


_LABEL = 4096
"""Most bytes of a label."""


@dataclass(frozen=True, slots=True)
class _Header:
    shape: tuple[int, ...]
    fortran: bool
    dtype: np.dtype[Any]
    start: int

    @property
    def bytes(self) -> int:
        """Size of the values."""
        return math.prod(self.shape) * self.dtype.itemsize

    def check(self, what: str, size: int) -> None:
        """Refuse what is not an array of images, or not as long as its header says."""
        check_shape(self.shape, self.dtype, what)
        self.check_size(what, size)

    def check_size(self, what: str, size: int) -> None:
        """Refuse an array that is not as long as its header says."""
        if (found := size - self.start) != self.bytes:
            raise SourceError(
                f"{what} holds {found} bytes of values and its header names {self.bytes}: write it again"
            )

    def blocks(self) -> Iterator[slice]:
        """Images, or labels, that are read at once."""
        step = images_a_block(self.shape, self.dtype.itemsize)
        for first in range(0, self.shape[0], step):
            yield slice(first, min(first + step, self.shape[0]))


def open_npy(path: Path) -> Source:
    """Open a ``.npy`` or ``.npz`` file, told apart by their content.

    Raises:
        SourceError: it is neither, or its arrays are not images.
    """
    return NpzSource(path) if zipfile.is_zipfile(path) else NpySource(path)


class NpySource(Source):
    """A ``.npy`` file.

    Args:
        path: the file.

    Raises:
        SourceError: it cannot be read, is no array of images, or has bytes too few or too many.
    """

    def __init__(self, path: Path) -> None:
        self.name = f"npy {path}"
        self._path = path
        try:
            with path.open("rb") as file:
                self._header = _read_header(file)
            size = path.stat().st_size
        except _UNREADABLE as error:
            raise _unreadable(path, error) from error
        self._header.check(str(path), size)

    def __len__(self) -> int:
        return self._header.shape[0]

    def __iter__(self) -> Iterator[ImageRef]:
        id_, uri = printable(self._path.name), place(self._path)
        yield from refs(self._blocks(), id_, uri, "numpy array")

    def _blocks(self) -> Iterator[NDArray[Any]]:
        header = self._header
        order: Any = "F" if header.fortran else "C"
        for block in header.blocks():
            try:  # mapped anew for each block, or pages of the whole file would count as memory
                array = np.memmap(self._path, header.dtype, "r", header.start, header.shape, order)
            except _UNREADABLE as error:
                raise _unreadable(self._path, error) from error
            yield np.array(array[block])


class NpzSource(Source):
    """An ``.npz`` file: images under ``images``, ``arr_0``, or the only name that can be images.

    Labels are those under ``labels`` or ``arr_1``, where there is one for each image.

    Args:
        path: the file.

    Raises:
        SourceError: it cannot be read, or it is not plain which of its arrays are the images.
    """

    def __init__(self, path: Path) -> None:
        self.name = f"npz {path}"
        self._path = path
        try:
            with zipfile.ZipFile(path) as archive:
                headers = _headers(archive)
                self._member = _choose(headers, path)
                self._header = headers[self._member]
                size = archive.getinfo(f"{self._member}.npy").file_size
                self._header.check(f"{path}/{self._member}", size)
                self._labels = _labels(archive, headers, len(self), path)
        except _UNREADABLE as error:
            raise _unreadable(path, error) from error
        if self._header.fortran:
            raise SourceError(
                f"{path}/{self._member} is in Fortran order, which cannot be streamed: save "
                "numpy.ascontiguousarray(images)"
            )

    def __len__(self) -> int:
        return self._header.shape[0]

    def __iter__(self) -> Iterator[ImageRef]:
        uri = f"{place(self._path)}/{printable(self._member)}"
        id_ = printable(f"{self._path.name}/{self._member}")
        yield from refs(
            self._blocks(self._member, self._header), id_, uri, "numpy array", self._read_labels()
        )

    def _read_labels(self) -> Iterator[object] | None:
        if self._labels is None:
            return None
        return (label for block in self._blocks(*self._labels) for label in block.reshape(-1).tolist())

    def _blocks(self, member: str, header: _Header) -> Iterator[NDArray[Any]]:
        try:
            with zipfile.ZipFile(self._path) as archive, archive.open(f"{member}.npy") as file:
                file.read(header.start)
                for block in header.blocks():
                    shape = (block.stop - block.start, *header.shape[1:])
                    data = file.read(math.prod(shape) * header.dtype.itemsize)
                    yield np.frombuffer(data, header.dtype).reshape(shape)
                file.read(1)  # the checksum of the member is compared at its end
        except _UNREADABLE as error:
            raise _unreadable(self._path, error) from error


def _read_header(file: IO[bytes]) -> _Header:
    version = np.lib.format.read_magic(file)
    if version not in ((1, 0), (2, 0)):
        raise ValueError(f"npy format {version[0]}.{version[1]} is for structured arrays, not images")
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran, dtype = read(file)
    if any(length < 0 for length in shape):
        raise ValueError(f"its header names the shape {shape}")
    return _Header(tuple(shape), fortran, dtype, file.tell())


def _headers(archive: zipfile.ZipFile) -> dict[str, _Header]:
    found = {}
    for name in archive.namelist():
        if name.endswith(".npy"):
            with archive.open(name) as file:
                found[name.removesuffix(".npy")] = _read_header(file)
    return found


def _choose(headers: dict[str, _Header], path: Path) -> str:
    possible = [name for name, header in headers.items() if len(header.shape) in (3, 4)]
    for name in ("images", "arr_0"):
        if name in possible:
            return name
    if len(possible) == 1:
        return possible[0]
    names = ", ".join(f"{name} {header.shape}" for name, header in headers.items()) or "nothing"
    raise SourceError(f"{path} holds {names}: save the training images alone, or under the name images")


def _labels(
    archive: zipfile.ZipFile, headers: dict[str, _Header], count: int, path: Path
) -> tuple[str, _Header] | None:
    """Find the labels; they are read with the images, a block at a time."""
    for name in ("labels", "arr_1"):
        header = headers.get(name)
        if header is None:
            continue
        if header.shape in ((count,), (count, 1)):
            if header.dtype.hasobject or not 0 < header.dtype.itemsize <= _LABEL:
                raise SourceError(
                    f"{path}/{name} is of type {header.dtype}: save labels as numbers, or as text of at most "
                    f"{_LABEL} bytes"
                )
            header.check_size(f"{path}/{name}", archive.getinfo(f"{name}.npy").file_size)
            return name, header
        if name == "labels":
            raise SourceError(
                f"{path} holds {count} images and labels of shape {header.shape}: write one an image"
            )
    return None


def _unreadable(path: Path, error: Exception) -> SourceError:
    reason = " ".join(str(error).split()).rstrip(".")
    return SourceError(f"{path} cannot be read as an array: {reason}; write it again with numpy")
