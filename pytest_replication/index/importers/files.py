"""Vectors in flat files: rows of one length behind a header, mapped a block at a time."""

from __future__ import annotations

import ast
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from pytest_replication.errors import SourceError

_LENGTHS = {b"\x01\x00": "<H", b"\x02\x00": "<I"}
_LONGEST_HEADER = 4096
_NOT_NPY = (ValueError, TypeError, SyntaxError, RecursionError, MemoryError, struct.error)


@dataclass(frozen=True, slots=True)
class RowFile:
    """Rows of one length in a file.

    Attributes:
        path: the file.
        layout: of one row: a structure with a field ``vector``.
        offset: byte at which the first row starts.
        rows: how many there are.
    """

    path: Path
    layout: np.dtype[Any]
    offset: int
    rows: int

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return int(self.layout["vector"].shape[0])

    @property
    def dtype(self) -> str:
        """Type of a number, such as ``<f2``."""
        return self.layout["vector"].base.str

    def map(self, start: int, stop: int) -> NDArray[Any]:
        """Map some rows, as structures.

        A map of its own for each block is given back to the system with the block, and is an error,
        not a crash, where the file has become shorter.

        Raises:
            SourceError: the file cannot be read or is too short.
        """
        if start == stop:
            return np.empty(0, self.layout)
        try:
            first = self.offset + start * self.layout.itemsize
            return np.memmap(self.path, self.layout, "r", offset=first, shape=(stop - start,))
        except (OSError, ValueError) as error:
            raise SourceError(
                f"{self.path} cannot be read ({error}); it changed since it was opened"
            ) from error

    def vectors(self, start: int, stop: int) -> NDArray[np.float32]:
        """Read the vectors of some rows: (stop - start, dim).

        Raises:
            SourceError: the file cannot be read or is too short.
        """
        return np.array(self.map(start, stop)["vector"], dtype=np.float32, order="C")


def layout_of(dim: int, dtype: str = "<f4", before: int = 0, **fields: tuple[str, int]) -> np.dtype[Any]:
    """Layout of a row whose vector comes after ``before`` bytes.

    Args:
        dim: length of the vector.
        dtype: type of its numbers.
        before: bytes of a row in front of the vector.
        **fields: type and offset of other fields by name.
    """
    size = before + dim * np.dtype(dtype).itemsize
    return np.dtype(
        {
            "names": ["vector", *fields],
            "formats": [(dtype, (dim,)), *(kind for kind, _ in fields.values())],
            "offsets": [before, *(offset for _, offset in fields.values())],
            "itemsize": size,
        }
    )


def open_npy(path: Path) -> RowFile:
    """Check the header of an ``.npy`` file of vectors against the file.

    Raises:
        SourceError: anything but a two-dimensional array of little-endian float16 or float32 in C order
            that fills the file to its last byte.
    """
    try:
        with path.open("rb") as file:
            kind, fortran, shape = _npy_header(file)
            offset, size = file.tell(), path.stat().st_size
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror or error}") from error
    except _NOT_NPY as error:
        raise SourceError(f"{path} is no .npy file of numbers ({error}): write it with np.save") from error
    if kind not in ("<f2", "<f4") or fortran or len(shape) != 2 or shape[1] < 1:
        order = "Fortran" if fortran else "C"
        raise SourceError(
            f"{path} holds {kind} of shape {shape} in {order} order, expected (rows, dim) of float16 or "
            "float32 in C order: write it anew with np.save(path, np.ascontiguousarray(vectors, 'float32'))"
        )
    layout = layout_of(shape[1], kind)
    expected = offset + shape[0] * layout.itemsize
    if size != expected:
        raise SourceError(
            f"{path} has {size} bytes, its header asks for {expected} ({shape[0]} x {shape[1]} of {kind}): "
            "it was cut or damaged; fetch or write it again"
        )
    return RowFile(path, layout, offset, shape[0])


def _npy_header(file: BinaryIO) -> tuple[str, bool, tuple[int, ...]]:
    """Type, order and shape; numpy's own reader is more lenient, and guesses at damaged headers."""
    start = file.read(8)
    if start[:6] != b"\x93NUMPY" or start[6:] not in _LENGTHS:
        raise ValueError("it does not start as version 1.0 or 2.0 does")
    (length,) = struct.unpack(_LENGTHS[start[6:]], file.read(struct.calcsize(_LENGTHS[start[6:]])))
    if length > _LONGEST_HEADER:
        raise ValueError(f"its header has {length} bytes")
    fields = ast.literal_eval(file.read(length).decode("ascii").strip())
    if not isinstance(fields, dict) or fields.keys() != {"descr", "fortran_order", "shape"}:
        raise ValueError("its header is another")
    kind, fortran, shape = fields["descr"], fields["fortran_order"], fields["shape"]
    if not isinstance(shape, tuple) or any(type(n) is not int or n < 0 for n in shape):
        raise ValueError("its shape is none")
    if type(fortran) is not bool:
        raise ValueError("its order is none")
    return kind if isinstance(kind, str) else "records", fortran, shape
