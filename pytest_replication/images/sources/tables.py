"""Rows of parquet files, a batch at a time, with every way of being damaged turned into one sentence."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_replication.errors import SourceError
from pytest_replication.images.sources.base import storable

_BATCH = 64
"""Rows held at a time; each may carry an image."""

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

    def first_of(self, names: Sequence[str]) -> str | None:
        """The first of some columns that exists."""
        return next((name for name in names if name in self.schema.names), None)

    def rows(self, columns: Sequence[str]) -> Iterator[dict[str, Any]]:
        """Read some columns of all rows, in order.

        Raises:
            SourceError: the file is damaged, or gives another number of rows than its footer names.
        """
        given = 0
        with _damage(self.path, "is damaged"):
            # Threads would read ahead through the whole file, however slow the network is.
            with _open(self.path) as parquet:
                for batch in parquet.iter_batches(_BATCH, columns=list(columns), use_threads=False):
                    given += batch.num_rows
                    yield from batch.to_pylist()
        if given != self.count:
            raise SourceError(f"{self.path} is damaged: it gave {given} of {self.count} rows; fetch it again")


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
