"""Who is who: the records that belong to rows of vectors, from lists, tables or row numbers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_replication.errors import SettingsError, SourceError
from pytest_replication.images.sources.base import printable
from pytest_replication.index.shard import Record

if TYPE_CHECKING:
    import pyarrow as pa

_CAPTIONS = ("caption", "text", "TEXT")
_LABELS = ("label",)
_IDS = ("id", "path", "image_path", "filename")
_URIS = ("path", "image_path", "filename", "id")


class Names(ABC):
    """Records of rows.

    Attributes:
        files: what they are read from.
        rows: how many there are, None where there is one for any row.
    """

    files: tuple[Path, ...] = ()
    rows: int | None = None

    @abstractmethod
    def records(self, start: int, stop: int) -> list[Record]:
        """Records of the rows from ``start`` up to ``stop``.

        Raises:
            SourceError: a file is damaged, or a name is no text.
        """


class Numbered(Names):
    """Rows of a file that nobody named: ``FILE#ROW``."""

    def __init__(self, path: Path) -> None:
        self._id, self._uri = printable(path.name), printable(path.absolute())

    def records(self, start: int, stop: int) -> list[Record]:
        """Make the records."""
        return [Record(f"{self._id}#{row}", f"{self._uri}#{row}") for row in range(start, stop)]


class TextNames(Names):
    """One name a line, in UTF-8. An empty line is a row without a name, which is an error when read.

    Raises:
        SourceError: the file cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.files = (path,)
        try:
            self._text = path.read_bytes()
        except OSError as error:
            raise SourceError(f"{path} cannot be read as a list of names: {error.strerror}") from error
        ends = np.flatnonzero(np.frombuffer(self._text, np.uint8) == ord("\n"))
        if self._text and not self._text.endswith(b"\n"):
            ends = np.append(ends, len(self._text))
        self._ends = ends
        self.rows = len(ends)

    def records(self, start: int, stop: int) -> list[Record]:
        """Make the records."""
        names = [self._line(row) for row in range(start, stop)]
        return [Record(name, name) for name in names]

    def _line(self, row: int) -> str:
        first = int(self._ends[row - 1]) + 1 if row else 0
        try:
            return self._text[first : int(self._ends[row])].decode("utf-8").strip()
        except UnicodeDecodeError as error:
            raise SourceError(
                f"{self.files[0]}, line {row + 1}, is not UTF-8: write the list anew"
            ) from error


class ParquetNames(Names):
    """Names in a parquet file; the row group in use stays in memory.

    Args:
        path: the file.
        ids: columns to take the id of a row from: the first of them that has one.
        uris: the same for the place where a person finds the image.
        spare: name of rows that have no id in any column, as ``SPARE#ROW``; None if there must be one.

    Raises:
        SourceError: the file cannot be read, or has none of the columns.
    """

    def __init__(
        self, path: Path, ids: Sequence[str] = _IDS, uris: Sequence[str] = _URIS, spare: str | None = None
    ) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        self.files = (path,)
        try:
            with pq.ParquetFile(path) as file:
                columns = set(file.schema_arrow.names)
                groups = [file.metadata.row_group(i).num_rows for i in range(file.metadata.num_row_groups)]
        except (OSError, ValueError, pa.ArrowException) as error:
            raise SourceError(f"{path} cannot be read as parquet: {error}") from error
        self._ids = [name for name in ids if name in columns]
        self._uris = [name for name in uris if name in columns]
        if not self._ids and spare is None:
            raise SourceError(f"{path} has none of the columns {', '.join(ids)}: name one of its columns so")
        self._spare = spare
        others = [name for name in (*_CAPTIONS, *_LABELS) if name in columns]
        self._columns = list(dict.fromkeys([*self._ids, *self._uris, *others]))
        self._starts = np.cumsum([0, *groups])
        self.rows = int(self._starts[-1])
        self._held: tuple[int, pa.Table] | None = None

    def records(self, start: int, stop: int) -> list[Record]:
        """Read the records."""
        import pyarrow as pa

        found: list[Record] = []
        try:
            while start < stop:
                group = int(np.searchsorted(self._starts, start, side="right")) - 1
                end = min(stop, int(self._starts[group + 1]))
                table = self._group(group).slice(start - int(self._starts[group]), end - start)
                found += [self._record(start + i, row) for i, row in enumerate(table.to_pylist())]
                start = end
        except (OSError, ValueError, IndexError, pa.ArrowException) as error:
            raise SourceError(f"{self.files[0]} is damaged ({error}): fetch or write it again") from error
        return found

    def _group(self, group: int) -> pa.Table:
        import pyarrow.parquet as pq

        if self._held is None or self._held[0] != group:
            self._held = None  # first: two groups need not be in memory at once
            with pq.ParquetFile(self.files[0]) as file:
                if self._columns:
                    self._held = (group, file.read_row_group(group, columns=self._columns))
                else:  # a table without columns has no rows
                    self._held = (group, file.read_row_group(group))
        return self._held[1]

    def _record(self, row: int, values: dict[str, Any]) -> Record:
        id_ = self._name(row, values, self._ids)
        if not id_ and self._spare is not None:
            id_ = f"{self._spare}#{row}"
        uri = self._name(row, values, self._uris) or id_
        return Record(id_, uri, caption=_text(values, _CAPTIONS), label=_text(values, _LABELS))

    def _name(self, row: int, values: dict[str, Any], columns: Sequence[str]) -> str:
        for column in columns:
            value = values[column]
            if value is not None and (not isinstance(value, str | int) or isinstance(value, bool)):
                raise SourceError(
                    f"{self.files[0]}: {column} of row {row} is a {type(value).__name__}, expected text or a "
                    "whole number: write the column anew"
                )
            if value is not None and value != "":
                return str(value)
        return ""


def open_names(names: Path | None, vectors: Path, rows: int) -> Names:
    """Open the names of a file of vectors that has none of its own.

    Args:
        names: a ``.txt`` list or a ``.parquet`` table; None for row numbers.
        vectors: the file that they belong to.
        rows: how many it has.

    Raises:
        SettingsError: names in another form.
        SourceError: the names cannot be read, or are not as many as the vectors.
    """
    if names is None:
        return Numbered(vectors)
    if names.suffix not in (".txt", ".parquet"):
        raise SettingsError(f"{names} cannot be read as names: give a .txt list or a .parquet table")
    found = TextNames(names) if names.suffix == ".txt" else ParquetNames(names)
    if found.rows != rows:
        raise SourceError(
            f"{names} names {found.rows} rows, and {vectors} has {rows} vectors: give the names that were "
            "written with these vectors"
        )
    return found


def _text(values: dict[str, Any], columns: Sequence[str]) -> str | None:
    found = (values.get(column) for column in columns)
    return next((str(value) for value in found if value is not None), None)
