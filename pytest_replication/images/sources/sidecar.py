"""The parquet file that img2dataset writes beside each shard: what became of every URL."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pytest_replication.images.sources.base import ImageRef, faulty, printable
from pytest_replication.images.sources.parquet import failure, holds_images
from pytest_replication.images.sources.tables import CAPTIONS, Table, text_of


@dataclass(frozen=True, slots=True)
class _Row:
    key: str
    caption: str | None
    failure: str | None


def is_sidecar(table: Table) -> bool:
    """Whether a parquet file says what became of URLs, and holds no images itself."""
    return {"key", "status"} <= table.plain and not holds_images(table)


def sidecar_of(path: Path, suffixes: Sequence[str]) -> Table | None:
    """Find the sidecar of a tar: ``00000.parquet`` beside ``00000.tar``.

    Raises:
        SourceError: there is a parquet file of that name, and it is damaged.
    """
    stem = next((path.name.removesuffix(s) for s in suffixes if path.name.endswith(s)), path.stem)
    beside = path.with_name(f"{stem}.parquet")
    if not beside.is_file():
        return None
    table = Table.open(beside)
    return table if is_sidecar(table) else None


class Sidecar:
    """What is known about the images of one shard, while they are listed.

    Rows of downloads that failed are listed in their place, as rejected rows; rows that say
    ``success`` without an image in the shard follow at its end. One shard's rows are in memory.

    Args:
        table: the sidecar, None for a shard without one.
        id: id of the shard, which begins those of its images.
        uri: where the shard is.

    Attributes:
        count: number of its rows.
    """

    def __init__(self, table: Table | None, id: str, uri: str) -> None:
        self.id, self.uri = id, uri
        self._rows = list(_rows(table)) if table else []
        self._at: dict[str, int] = {}
        for number, row in enumerate(self._rows):
            self._at.setdefault(row.key, number)
        self._next = 0
        self._seen: set[int] = set()
        self.count = len(self._rows)

    def caption(self, key: str) -> str | None:
        """Caption of a key, None where there is none."""
        return self._rows[self._at[key]].caption if key in self._at else None

    def failed_before(self, key: str) -> Iterator[ImageRef]:
        """Take note of a key of the shard, and list the failures between it and the last one."""
        at = self._at.get(key)
        if at is None:
            return
        self._seen.add(at)
        while self._next < at:
            row = self._rows[self._next]
            if row.failure and self._next not in self._seen:
                self._seen.add(self._next)
                yield self._missing(row, row.failure)
            self._next += 1

    def rest(self, where: str) -> Iterator[ImageRef]:
        """List all rows that are left: failures, and images that ought to be in the shard."""
        for number, row in enumerate(self._rows):
            if number not in self._seen:
                yield self._missing(row, row.failure or f"img2dataset: success, but no such key in {where}")

    def _missing(self, row: _Row, fault: str) -> ImageRef:
        return faulty(f"{self.id}/{row.key}", f"{self.uri}/{row.key}", fault, caption=row.caption)


def _rows(table: Table) -> Iterator[_Row]:
    caption = table.first_of(CAPTIONS)
    columns = [c for c in ("key", "status", "error_message", caption) if c in table.plain]
    for row in table.rows(columns):
        yield _Row(printable(row["key"]), text_of(row, caption), failure(row))
