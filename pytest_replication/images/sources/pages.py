"""What the pages of a parquet file unpack to, from their headers alone: before anything is unpacked.

The library allocates as many bytes as the header of a page names, and a few hundred bytes may stand for
gigabytes. It does not show these headers, and the sizes in the footer are not the ones that it goes by.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any, TypeGuard

_HEADER = 1 << 10
_LARGEST = 16 << 20
"""Most bytes of a header: statistics may hold values. The library reads no larger one."""

_PADDING = 100
"""Bytes that early writers forgot in the size of a column."""

_DEPTH = 8


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a column.

    Attributes:
        stored: bytes in the file.
        unpacked: bytes in memory.
        values: how many it holds, nulls included; 0 for a dictionary.
    """

    stored: int
    unpacked: int
    values: int


def pages(file: IO[bytes], start: int, size: int, values: int) -> Iterator[Page]:
    """Walk through the pages of one column of a row group.

    Args:
        file: the parquet file.
        start: where the first page begins.
        size: bytes of all pages, as the footer has it.
        values: of all pages; the library reads no page behind the last of them.

    Raises:
        ValueError: a header cannot be understood, or a page leads out of the column.
        OSError: the file cannot be read.
    """
    at, seen = start, 0
    while seen < values:
        header, length = _header(file, at)
        page = _page(header)
        at += length + page.stored
        if at > start + size + _PADDING:
            raise ValueError(f"a page ends at byte {at}, behind its column")
        yield page
        seen += page.values


def _header(file: IO[bytes], at: int) -> tuple[dict[int, Any], int]:
    """Read a header: its fields by number, and its length."""
    length = _HEADER
    while length <= _LARGEST:
        file.seek(at)
        reader = _Reader(file.read(length))
        try:
            return reader.struct(), reader.at
        except IndexError:
            if len(reader.data) < length:
                break
            length *= 4
    raise ValueError(f"the page at byte {at} has no whole header")


def _page(header: dict[int, Any]) -> Page:
    data = header.get(5) or header.get(8)  # of the first or second version; else a dictionary
    stored, unpacked, values = header.get(3), header.get(2), data.get(1) if isinstance(data, dict) else 0
    if not (_is_count(stored) and _is_count(unpacked) and _is_count(values)):
        raise ValueError(f"the header of a page holds the sizes {stored}, {unpacked}, {values}")
    return Page(stored, unpacked, values)


def _is_count(value: object) -> TypeGuard[int]:
    return type(value) is int and value >= 0


class _Reader:
    """Reads the compact protocol of Thrift. Raises IndexError where there are too few bytes."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def struct(self, depth: int = 0) -> dict[int, Any]:
        """Read fields up to the mark that ends them: numbers, truth values and structs, None for text."""
        if depth == _DEPTH:
            raise ValueError("the header of a page is nested too deeply")
        fields: dict[int, Any] = {}
        number = 0
        while head := self._byte():
            number = number + (head >> 4) if head >> 4 else self._signed()
            fields[number] = self._value(head & 15, depth)
        return fields

    def _value(self, kind: int, depth: int) -> Any:
        if kind in (1, 2):
            return kind == 1
        if kind in (4, 5, 6):
            return self._signed()
        if kind == 12:
            return self.struct(depth + 1)
        if kind not in (3, 7, 8):
            raise ValueError(f"the header of a page holds a field of the unknown kind {kind}")
        length = {3: 1, 7: 8}.get(kind) or self._unsigned()
        self.at += length
        if self.at > len(self.data):
            raise IndexError(self.at)
        return None

    def _byte(self) -> int:
        found = self.data[self.at]
        self.at += 1
        return found

    def _unsigned(self) -> int:
        value = 0
        for shift in range(0, 70, 7):
            byte = self._byte()
            value |= (byte & 127) << shift
            if byte < 128:
                return value
        raise ValueError("the header of a page holds a number of more than 64 bits")

    def _signed(self) -> int:
        value = self._unsigned()
        return (value >> 1) ^ -(value & 1)
