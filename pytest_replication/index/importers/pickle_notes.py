"""What a pickle may ask of numpy, as notes: shape, type and bytes, checked before they become an array."""

from __future__ import annotations

import math
import re
import sys
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_DTYPE = re.compile(r"[<>](f[248]|[iu][248]|U[1-9][0-9]{0,4})|\|([iu]1|S[1-9][0-9]{0,5})")
_CORES = ("numpy.core", "numpy._core")  # before and since numpy 2
_NAMES = {
    "numpy ndarray": "ndarray",
    "numpy dtype": "dtype",
    "_codecs encode": "encode",
    "__builtin__ bytes": "bytes",  # protocols before 3 write b"" so, and with it arrays without rows
    **{f"{core}.multiarray _reconstruct": "reconstruct" for core in _CORES},
    **{f"{core}.multiarray scalar": "scalar" for core in _CORES},
    **{f"{core}.numeric _frombuffer": "frombuffer" for core in _CORES},
}


class Refused(Exception):
    """The pickle holds something that is no part of an array; the text says what."""


@dataclass(frozen=True, slots=True)
class Name:
    """The note that a pickle asked for one of numpy's functions or types."""

    what: str


@dataclass(slots=True)
class Dtype:
    """The note of a type: its code, and its byte order once that is known."""

    code: str
    order: str = ""

    def real(self) -> np.dtype[Any]:
        """The type, if it is one of plain numbers or of text of fixed length."""
        if not _DTYPE.fullmatch(self.order + self.code):
            raise Refused(f"an array of type {self.order + self.code!r}")
        return np.dtype(self.order + self.code)

    def complete(self, state: tuple[Any, ...]) -> None:
        """Take the byte order from the state that numpy saves of a type."""
        plain = len(state) == 8 and state[0] in (3, 4) and all(part is None for part in state[2:5])
        if self.order or not plain or type(state[1]) is not str:
            raise Refused("an array of records or of arrays")
        self.order = state[1]


@dataclass(slots=True)
class Array:
    """The note of an array: filled once."""

    values: NDArray[Any] | None = None

    def complete(self, state: tuple[Any, ...]) -> None:
        """Take shape, type and bytes from the state that numpy saves of an array."""
        if len(state) != 5 or state[0] != 1:
            raise Refused("an array saved in another format")
        self.fill(state[1], state[2], "F" if state[3] else "C", state[4])

    def fill(self, shape: object, dtype: object, order: object, data: object) -> None:
        """Check that shape, type and bytes agree, and make the array: a view of the bytes."""
        if self.values is not None or type(dtype) is not Dtype or not isinstance(data, bytes | bytearray):
            raise Refused("an array whose values are not plain bytes")
        real = dtype.real()
        if not isinstance(shape, tuple) or len(shape) > 2 or any(type(n) is not int or n < 0 for n in shape):
            raise Refused("an array with a shape that is none, or with more than two dimensions")
        if math.prod(shape) * real.itemsize != len(data):
            raise Refused(f"an array of shape {shape} and type {real.str} in {len(data)} bytes")
        if real.kind == "U" and (np.frombuffer(data, f"{real.byteorder}u4") > sys.maxunicode).any():
            raise Refused("a text with characters that there are not")
        if order == "C":
            self.values = np.frombuffer(data, real).reshape(shape)
        elif order == "F":
            self.values = np.frombuffer(data, real).reshape(shape[::-1]).T
        else:
            raise Refused("an array in an order that is neither C nor Fortran")


def known(module: str, name: str) -> Name:
    """The note of a name.

    Raises:
        Refused: it is none of those that arrays are saved with.
    """
    found = _NAMES.get(f"{module} {name}")
    if found is None:
        raise Refused(f"{module}.{name}")
    return Name(found)


def noted(name: Name, arguments: tuple[Any, ...]) -> Any:
    """The note of a call, or the bytes or plain scalar that it stands for.

    Raises:
        Refused: numpy does not save anything with such a call.
    """
    match name.what, arguments:
        case "encode", (str(text), "latin1"):
            return text.encode("latin-1")
        case "bytes", ():
            return b""
        case "dtype", (str(code), False, True):
            return Dtype(code)
        case "reconstruct", (Name("ndarray"), (0,), b"b"):
            return Array()
        case "scalar", (dtype, bytes(data)):
            scalar = Array()
            scalar.fill((), dtype, "C", data)
            return scalar.values.item() if scalar.values is not None else None
        case "frombuffer", (data, dtype, shape, order):
            array = Array()
            array.fill(shape, dtype, order, data)
            return array
    raise Refused(f"a call of {name.what} with other arguments than numpy's")
