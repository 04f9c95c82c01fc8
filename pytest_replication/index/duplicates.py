"""How often each training image stands in the index, as it is stored beside the shards."""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pytest_replication.errors import IndexCorrupt
from pytest_replication.index.manifest import Manifest
from pytest_replication.index.shard import describe_file, header_of
from pytest_replication.index.writer import IndexWriter

if TYPE_CHECKING:
    from pytest_replication.index.reader import Index

COLUMNS = ("row", "leader", "copies", "exact")


@dataclass(frozen=True, slots=True)
class Duplicates:
    """Training images that stand in the index more than once.

    Two images are duplicates when their score reaches the threshold. Images are told in groups:
    every image of a group is a duplicate of its leader, the first of them; two others of a group
    need not be duplicates of each other.

    Attributes:
        threshold: score from which on two images are duplicates.
        rows: (m,) int64 row numbers, sorted; only rows that have a duplicate.
        leaders: (m,) int64 row number of the leader of each.
        copies: (m,) int64 images that are duplicates of each, itself included.
        exact: (m,) int64 those of them with the same vector.
    """

    threshold: float
    rows: NDArray[np.int64]
    leaders: NDArray[np.int64]
    copies: NDArray[np.int64]
    exact: NDArray[np.int64]

    @property
    def groups(self) -> int:
        """Number of groups."""
        return len(np.unique(self.leaders))

    def copies_of(self, row: int) -> int:
        """Images of the index that are duplicates of one, itself included."""
        return self._counted(self.copies, row)

    def exact_of(self, row: int) -> int:
        """Those of them with the same vector, itself included."""
        return self._counted(self.exact, row)

    def leader_of(self, row: int) -> int:
        """Row that stands for all duplicates of one: its own, if it has none."""
        return self._counted(self.leaders, row, row)

    def _counted(self, counts: NDArray[np.int64], row: int, alone: int = 1) -> int:
        place = int(np.searchsorted(self.rows, row))
        found = place < len(self.rows) and self.rows[place] == row
        return int(counts[place]) if found else alone


def store_duplicates(index: Index, found: Duplicates) -> None:
    """Put the duplicates of an index beside its shards.

    Args:
        index: the index as it was opened to count them.
        found: its duplicates.

    Raises:
        IndexCorrupt: the index has changed since.
        IndexUnavailable: it is not there, not complete, or being written.
    """
    generation = index.manifest.generation
    with IndexWriter(index.path) as writer:
        manifest = writer.edit()
        if manifest.generation != generation:
            raise IndexCorrupt(
                f"{index.path} has changed while its duplicates were counted: count them again"
            )
        table = np.stack([found.rows, found.leaders, found.copies, found.exact], axis=1).astype("<i8")
        content = io.BytesIO()
        np.save(content, table, allow_pickle=False)
        entry = writer.attach("duplicates", ".npy", content.getvalue(), len(found.rows))
        entry = replace(entry, of=generation, threshold=found.threshold, clusters=found.groups)
        writer.commit(replace(manifest, duplicates=entry))


def read_duplicates(folder: Path, manifest: Manifest) -> Duplicates | None:
    """Read the duplicates of an index; None if they were not counted, before it changed, or again since.

    No verdict rests on them. A file that was there when the index was opened and is gone was
    replaced by another count, which must not break who has the index open.

    Raises:
        IndexCorrupt: the file is not the one that was written.
    """
    entry = manifest.duplicates
    if entry is None or entry.of != manifest.generation or entry.threshold is None:
        return None
    path = folder / entry.name
    try:
        if describe_file(path) != entry.file:
            raise ValueError("its checksum differs")
        header = header_of((entry.rows, len(COLUMNS)), "<i8")
        content = path.read_bytes()
        if not content.startswith(header):
            raise ValueError(f"it does not hold {entry.rows} rows of {len(COLUMNS)} numbers")
        table = np.frombuffer(content, "<i8", offset=len(header)).reshape(entry.rows, len(COLUMNS))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise IndexCorrupt(
            f"{path} is damaged ({error}): run 'pytest-replication duplicates {folder}' again"
        ) from error
    return Duplicates(entry.threshold, *(np.ascontiguousarray(column) for column in table.T))
