"""One writer at a time puts whole shards into an index folder.

A shard becomes part of the index by two renames: its folder into place, then the manifest that
names it. Whatever happens in between leaves the last manifest in force.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_replication.errors import BuildError, IndexCorrupt
from pytest_replication.index import layout
from pytest_replication.index.attachments import write_attachment
from pytest_replication.index.entries import Attachment, ShardEntry, SourceEntry
from pytest_replication.index.shard import Record, Rejected, content_of, files_of, sync_shard, write_shard
from pytest_replication.index.side_arrays import Beside
from pytest_replication.index.staging import check_beside, check_vectors, describe_shard, staged
from pytest_replication.index.state import IndexState

NOTHING = Beside()


class IndexWriter(IndexState):
    """Adds shards to an index whose lock it holds; use it as a context manager.

    Args:
        folder: the index; made if it does not exist.

    Raises:
        IndexLocked: another process holds the lock.
        BuildError: the folder cannot be made or written.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._names = 0

    def add_source(self, source: SourceEntry) -> int:
        """Open a source whose shards follow; until `finish` the index is not complete."""
        self._commit(replace(self.manifest, sources=(*self.manifest.sources, source), complete=False))
        return len(self.manifest.sources) - 1

    def add_shard(
        self,
        embeddings: NDArray[np.float32],
        records: Sequence[Record],
        rejected: Sequence[Rejected],
        listing: str,
        dropped: int = 0,
        beside: Beside = NOTHING,
    ) -> None:
        """Write a shard and make it part of the last source.

        Args:
            embeddings: (rows, views, dim) float32, unit rows.
            records: one a row.
            rejected: the listed images that are not rows.
            listing: digest of all images that were listed for it.
            dropped: listed images that are neither, because they were removed from the index.
            beside: what the index stores of the rows besides.

        Raises:
            BuildError: shapes that do not agree, vectors that are not of unit length, or a disk
                that cannot be written.
        """
        check_vectors(embeddings, len(records), self.manifest)
        check_beside(beside, len(records), self.manifest)
        counts, content = (len(records), len(rejected)), self._content_of(records)
        entry = ShardEntry("", *counts, listing, {}, self._last_source, dropped, content)
        with self._new_shard(entry) as folder:
            write_shard(folder, embeddings, records, rejected, self.manifest.dtype, beside)

    def remake_shard(
        self,
        old: ShardEntry,
        embeddings: NDArray[np.float32],
        records: Sequence[Record],
        rejected: Sequence[Rejected],
        beside: Beside = NOTHING,
    ) -> None:
        """Write a damaged shard anew in its place; until `finish` the index is not complete.

        Args:
            old: its entry. The listed images are those that were listed for it.
            embeddings: as for `add_shard`, as what follows.
            records: one a row.
            rejected: the listed images that are not rows.
            beside: what the index stores of the rows besides.

        Raises:
            BuildError: as for `add_shard`.
        """
        check_vectors(embeddings, len(records), self.manifest)
        check_beside(beside, len(records), self.manifest)
        if self.manifest.complete:
            self._commit(replace(self.manifest, complete=False))
        layout.drop_shards(self._folder, keep={s.name for s in self.manifest.shards if s.name != old.name})
        with staged(self._folder, old.name) as folder:
            write_shard(folder, embeddings, records, rejected, self.manifest.dtype, beside)
        files = describe_shard(self._folder_of(old), files_of(self.manifest))
        content = self._content_of(records)
        entry = replace(old, rows=len(records), rejected=len(rejected), files=files, content=content)
        shards = tuple(entry if shard.name == old.name else shard for shard in self.manifest.shards)
        self._commit(replace(self.manifest, shards=shards))

    def take_shard(self, entry: ShardEntry, folder: Path) -> None:
        """Copy a shard of another index; its entry says of which source of this index it is.

        Raises:
            IndexCorrupt: a file of it is not the one that its manifest describes.
            BuildError: a disk that cannot be written.
        """
        with self._new_shard(entry) as new:
            for name in files_of(self.manifest):
                shutil.copyfile(folder / name, new / name)
            sync_shard(new, files_of(self.manifest))

    def rewrite_shard(
        self,
        old: ShardEntry,
        embeddings: NDArray[Any],
        records: Sequence[Record],
        rejected: Sequence[Rejected],
        beside: Beside = NOTHING,
    ) -> ShardEntry:
        """Write what is left of a shard beside it; `commit` has to put it in its place.

        Raises:
            BuildError: vectors that do not fit, or a disk that cannot be written.
        """
        check_vectors(embeddings, len(records), self.manifest)
        check_beside(beside, len(records), self.manifest)
        name = self._next_name
        dropped = old.dropped + old.rows - len(records)
        content = self._content_of(records)
        entry = replace(old, name=name, rows=len(records), dropped=dropped, content=content)
        with staged(self._folder, name) as folder:
            write_shard(folder, embeddings, records, rejected, self.manifest.dtype, beside)
        return replace(entry, files=describe_shard(self._folder_of(entry), files_of(self.manifest)))

    def _content_of(self, records: Sequence[Record]) -> str:
        return content_of(records, parts=self.manifest.objects is not None)

    def attach(self, stem: str, suffix: str, content: bytes, rows: int) -> Attachment:
        """Write a file beside the shards, named by its content; `commit` has to name it."""
        return write_attachment(self._folder, stem, suffix, content, rows)

    def note_listed(self, listed: int) -> None:
        """Keep how many images the last source listed, now that it was read to its end."""
        self._set_last_source(replace(self.manifest.sources[-1], listed=listed), complete=False)

    def finish(self, listed: int, max_rejected: int) -> None:
        """Mark the last source and with it the index as complete.

        Args:
            listed: images that the source listed.
            max_rejected: unreadable images that may be left out of it.

        Raises:
            BuildError: listed images are unaccounted for.
        """
        source = self._last_source
        found = sum(shard.listed for shard in self.manifest.shards_of(source))
        if found != listed:
            raise BuildError(
                f"{self._folder}: {listed} images were listed but {found} are accounted "
                "for; build it again with --overwrite"
            )
        entry = replace(self.manifest.sources[source], listed=listed, max_rejected=max_rejected)
        self._set_last_source(entry, complete=True)

    def _set_last_source(self, entry: SourceEntry, complete: bool) -> None:
        sources = (*self.manifest.sources[:-1], entry)
        self._commit(replace(self.manifest, sources=sources, complete=complete))

    @property
    def _last_source(self) -> int:
        return len(self.manifest.sources) - 1

    @property
    def _next_name(self) -> str:
        """A name that no shard has had since the last manifest."""
        self._names = max([self._names, *(int(shard.name) + 1 for shard in self.manifest.shards)])
        self._names += 1
        return f"{self._names - 1:06d}"

    @contextmanager
    def _new_shard(self, entry: ShardEntry) -> Iterator[Path]:
        name = self._next_name
        with staged(self._folder, name) as folder:
            yield folder
            files = describe_shard(folder, files_of(self.manifest))
            if entry.files and files != entry.files:
                raise IndexCorrupt(
                    f"shard {entry.name} is not the one that its manifest describes: run 'pytest-replication "
                    "verify' on the index that it comes from"
                )
        self._commit(self.manifest.with_shard(replace(entry, name=name, files=files)))
