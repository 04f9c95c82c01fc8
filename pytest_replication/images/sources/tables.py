"""Rows of parquet files, a batch at a time, with every way of being damaged turned into one sentence.

Memory is bounded before anything is unpacked: by the headers of the pages (`pages`), and because only
columns of one plain value a row are read. No value is larger than its page, so that these sizes say how
many rows fit into a batch, also where a dictionary holds one value for all of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from pytest_replication.errors import SourceError
from pytest_replication.images.sources.base import storable
from pytest_replication.images.sources.pages import Page, pages

_BATCH = 64
"""Most rows that are held at a time; each may carry an image."""

_HELD = 32 << 20
"""Bytes that the rows of a batch may take; a single row may be larger."""

_PAGE, _RATIO = 64 << 20, 100
"""A page that unpacks to more bytes than this, and to so many times its own, is there to fill the memory."""

CAPTIONS = ("text", "caption", "TEXT")
"""Columns that hold captions, the first one that exists is taken."""


@dataclass(frozen=True, slots=True)
class Table:
    """A parquet file, as its footer describes it.

    Attributes:
        path: the file.
        schema: its arrow schema.
        count: number of its rows.
    """

    path: Path
    schema: Any
    count: int

    @classmethod
    def open(cls, path: Path) -> Table:
        """Read the footer.

        Raises:
            SourceError: it is not parquet, cut off, or cannot be read.
        """
        with _damage(path, "cannot be read as parquet"), _open(path) as parquet:
            return cls(path, parquet.schema_arrow, parquet.metadata.num_rows)

    @property
    def plain(self) -> frozenset[str]:
        """Names of the columns of one plain value a row: text, numbers, bytes; no lists."""
        return frozenset(str(field.name) for field in self.schema if is_plain(field.type))

    def first_of(self, names: Sequence[str]) -> str | None:
        """The first of some plain columns that exists."""
        plain = self.plain
        return next((name for name in names if name in plain), None)

    def rows(self, leaves: Sequence[str]) -> Iterator[dict[str, Any]]:
        """Read some columns of all rows, in order.

        Args:
            leaves: plain columns by name, and plain fields of structs as ``COLUMN.FIELD``.

        Raises:
            SourceError: the file is damaged, gives another number of rows than its footer names, or is made
                to fill the memory.
        """
        given = 0
        with _damage(self.path, "is damaged"):
            try:
                with _open(self.path) as parquet, self.path.open("rb") as file:
                    for group in range(parquet.num_row_groups):
                        for batch in batches_of(parquet, group, file, leaves, _BATCH):
                            given += batch.num_rows
                            yield from batch.to_pylist()
            except Unbounded as error:
                raise SourceError(f"{self.path} {error}{error.remedy}") from error
        if given != self.count:
            raise SourceError(f"{self.path} is damaged: it gave {given} of {self.count} rows; fetch it again")


class Unbounded(Exception):
    """What is asked for would take more memory than it may, or cannot be told to take less.

    Attributes:
        remedy: what its writer can do.
    """

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(what)
        self.remedy = remedy


def batches_of(parquet: Any, group: int, file: IO[bytes], leaves: Sequence[str], most: int) -> Iterator[Any]:
    """Read some columns of a row group, as record batches of arrow that fit into memory.

    Args:
        parquet: the file as pyarrow has it open.
        group: number of the row group.
        file: the same file.
        leaves: plain columns, and fields of structs as ``COLUMN.FIELD``.
        most: rows of a batch.

    Raises:
        Unbounded: they do not fit, or a column stands there twice or holds lists.
        ValueError, OSError, pyarrow.ArrowException: the file is damaged.
    """
    size = _rows_a_batch(parquet, group, file, leaves, most)
    # Threads would read ahead through the whole file, however slow the network is.
    yield from parquet.iter_batches(size, [group], columns=list(leaves), use_threads=False)


def _rows_a_batch(parquet: Any, group: int, file: IO[bytes], leaves: Sequence[str], most: int) -> int:
    """Rows of a row group that fit into memory, from the largest page of each column."""
    columns = parquet.metadata.row_group(group)
    wanted, largest = set(leaves), 0
    for number in range(columns.num_columns):
        column = columns.column(number)
        name = column.path_in_schema
        if name not in leaves:
            continue
        if name not in wanted or parquet.schema.column(number).max_repetition_level:
            raise Unbounded(f"has several columns {name}, or lists in it", ": rename all but one")
        wanted.remove(name)
        start = column.data_page_offset
        if column.has_dictionary_page and 0 < column.dictionary_page_offset < start:
            start = column.dictionary_page_offset
        walk = pages(file, start, column.total_compressed_size, column.num_values)
        largest += max((_unpacked(page, name) for page in walk), default=0)
    return max(1, min(most, _HELD // max(1, largest)))


def _unpacked(page: Page, column: str) -> int:
    if page.unpacked > max(_PAGE, _RATIO * page.stored):
        raise Unbounded(
            f"cannot be read into memory: {page.stored:,} bytes of its column {column} unpack to "
            f"{page.unpacked:,}",
            "; write it again with fewer rows a page",
        )
    return page.unpacked


def is_plain(kind: Any) -> bool:
    """Whether an arrow type is that of one value whose size its bytes in the file bound."""
    from pyarrow import types

    if types.is_dictionary(kind):
        return is_plain(kind.value_type)
    tests = (is_text, types.is_primitive, types.is_decimal, types.is_null)
    return any(test(kind) for test in tests)


def is_text(kind: Any) -> bool:
    """Whether an arrow type is text or bytes, of any length."""
    from pyarrow import types

    return bool(types.is_string(kind) or types.is_large_string(kind)) or is_binary(kind)


def is_binary(kind: Any) -> bool:
    """Whether an arrow type is bytes, of any length."""
    from pyarrow import types

    return bool(types.is_binary(kind) or types.is_large_binary(kind))


def text_of(row: dict[str, Any], column: str | None) -> str | None:
    """Value of a column as text; None without a column or a value."""
    return storable(row.get(column)) if column else None


def _open(path: Path) -> Any:
    import pyarrow.parquet as pq

    return pq.ParquetFile(path, page_checksum_verification=True)


@contextmanager
def _damage(path: Path, what: str) -> Iterator[None]:
    import pyarrow as pa

    try:
        yield
    except (OSError, ValueError, pa.ArrowException) as error:
        reason = " ".join(str(error).split()).rstrip(".")
        raise SourceError(f"{path} {what}: {reason}; fetch it again") from error
