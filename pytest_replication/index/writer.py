"""One writer at a time puts whole shards into an index folder.

A shard becomes part of the index by two renames: its folder into place, then the manifest that
names it. Whatever happens in between leaves the last manifest in force.
"""

from __future__ import annotations

import hashlib
import itertools
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from pytest_replication.errors import BuildError, IndexCorrupt, IndexIncomplete, IndexLocked
from pytest_replication.index.manifest import NAME as MANIFEST
from pytest_replication.index.manifest import (
    Attachment,
    FileEntry,
    Manifest,
    ShardEntry,
    SourceEntry,
    read_manifest,
    replace_file,
    sync_folder,
    write_manifest,
)
from pytest_replication.index.probe import NAME as PROBE
from pytest_replication.index.shard import FILES, Record, Rejected, describe_file, write_shard

LOCK = ".lock"
SHARDS = "shards"
ENGINES = "engines"


class IndexWriter:
    """Holds the lock of an index folder and adds shards to it; use it as a context manager.

    Args:
        folder: the index; made if it does not exist.

    Raises:
        IndexLocked: another process holds the lock.
        BuildError: the folder cannot be made or written.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._manifest: Manifest | None = None
        self._names = 0
        self._lock = FileLock(folder / LOCK)

    def __enter__(self) -> Self:
        self._refuse_foreign()
        try:
            (self._folder / SHARDS).mkdir(parents=True, exist_ok=True)
            self._lock.acquire(blocking=False)
        except Timeout as error:
            raise IndexLocked(
                f"another process is building {self._folder} (it holds {self._folder / LOCK}): wait "
                "for it, or choose another --out"
            ) from error
        except OSError as error:
            raise BuildError(f"{self._folder} cannot be written: {error}; choose another --out") from error
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._lock.release()

    @property
    def manifest(self) -> Manifest:
        """The state as it is on disk."""
        if self._manifest is None:
            raise BuildError(f"{self._folder}: start() or resume() comes before the first shard")
        return self._manifest

    def clear(self) -> None:
        """Delete the index in the folder, and nothing that is not part of one."""
        if (self._folder / MANIFEST).exists():
            (self._folder / MANIFEST).unlink()  # first: what is left is no index any more
            self._drop_shards(keep=set())
            self._drop_attachments()
            shutil.rmtree(self._folder / ENGINES, ignore_errors=True)

    def resume(self) -> Manifest | None:
        """Take up the build that is in the folder, None if there is none.

        Finished shards are compared with their sha256. In an index of one source the first damaged
        one and those after it are dropped, to be made again.

        Raises:
            IndexCorrupt: a shard is damaged, and it is not known how to make it again.
        """
        if not (self._folder / MANIFEST).exists():
            return None
        found = read_manifest(self._folder)
        sound = tuple(itertools.takewhile(self._is_sound, found.shards))
        if len(sound) < len(found.shards):
            if len(found.sources) > 1 or found.opted_out or found.sources[0].imported:
                raise IndexCorrupt(
                    f"{self._folder}: shard {found.shards[len(sound)].name} is damaged: restore it, or build "
                    "the index again with --overwrite"
                )
            found = replace(found, shards=sound, complete=False, duplicates=None)
            write_manifest(self._folder, found)
        return self._take_up(found)

    def edit(self) -> Manifest:
        """Take up a complete index, to change it.

        Raises:
            IndexNotFound: there is none.
            IndexCorrupt: its manifest is damaged.
            IndexIncomplete: its build has not finished.
        """
        found = read_manifest(self._folder)
        if not found.complete:
            raise IndexIncomplete(
                f"the build of {self._folder} has not finished: give the command that was interrupted again"
            )
        return self._take_up(found)

    def _take_up(self, found: Manifest) -> Manifest:
        self._manifest = found
        self._drop_shards(keep={shard.name for shard in found.shards})
        self._drop_attachments()
        return found

    def start(self, manifest: Manifest) -> None:
        """Begin an empty index."""
        self._commit(manifest)
        self._drop_shards(keep=set())

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
    ) -> None:
        """Write a shard and make it part of the last source.

        Args:
            embeddings: (rows, views, dim) float32, unit rows.
            records: one a row.
            rejected: the listed images that are not rows.
            listing: digest of all images that were listed for it.
            dropped: listed images that are neither, because they were removed from the index.

        Raises:
            BuildError: shapes that do not agree, vectors that are not of unit length, or a disk
                that cannot be written.
        """
        self._check(embeddings, records)
        entry = ShardEntry("", len(records), len(rejected), listing, {}, self._last_source, dropped)
        with self._new_shard(entry) as folder:
            write_shard(folder, embeddings, records, rejected, self.manifest.dtype)

    def take_shard(self, entry: ShardEntry, folder: Path) -> None:
        """Copy a shard of another index; its entry says of which source of this index it is.

        Raises:
            IndexCorrupt: a file of it is not the one that its manifest describes.
            BuildError: a disk that cannot be written.
        """
        with self._new_shard(entry) as new:
            for name in FILES:
                shutil.copyfile(folder / name, new / name)

    def rewrite_shard(
        self,
        old: ShardEntry,
        embeddings: NDArray[Any],
        records: Sequence[Record],
        rejected: Sequence[Rejected],
    ) -> ShardEntry:
        """Write what is left of a shard beside it; `commit` has to put it in its place."""
        name = self._next_name
        dropped = old.dropped + old.rows - len(records)
        entry = replace(old, name=name, rows=len(records), dropped=dropped)
        with self._folder_for(name) as folder:
            write_shard(folder, embeddings, records, rejected, self.manifest.dtype)
        return replace(entry, files=_describe(self._folder / SHARDS / name))

    def attach(self, stem: str, suffix: str, content: bytes, rows: int) -> Attachment:
        """Write a file beside the shards, named by its content; `commit` has to name it."""
        digest = hashlib.sha256(content).hexdigest()
        path = self._folder / f"{stem}-{digest[:16]}{suffix}"
        try:
            replace_file(path, content)
        except OSError as error:
            raise BuildError(f"{path} cannot be written ({error}): free some space") from error
        return Attachment(path.name, rows, describe_file(path))

    def commit(self, manifest: Manifest) -> None:
        """Put a manifest in force and delete what it does not name any more."""
        self._commit(manifest)
        self._drop_shards(keep={shard.name for shard in manifest.shards})
        self._drop_attachments()

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
    def _folder_for(self, name: str) -> Iterator[Path]:
        """A folder to fill, which then becomes that of a shard by one rename."""
        temporary = self._folder / SHARDS / f".new-{name}"
        try:
            shutil.rmtree(temporary, ignore_errors=True)
            temporary.mkdir()
            yield temporary
            sync_folder(temporary)
            temporary.rename(self._folder / SHARDS / name)
            sync_folder(self._folder / SHARDS)
        except OSError as error:
            raise BuildError(
                f"{self._folder} cannot be written ({error}): free some space or name another folder; "
                "what is finished is kept"
            ) from error

    @contextmanager
    def _new_shard(self, entry: ShardEntry) -> Iterator[Path]:
        name = self._next_name
        with self._folder_for(name) as folder:
            yield folder
            files = _describe(folder)
            if entry.files and files != entry.files:
                raise IndexCorrupt(
                    f"shard {entry.name} is not the one that its manifest describes: run 'pytest-replication "
                    "verify' on the index that it comes from"
                )
        self._commit(self.manifest.with_shard(replace(entry, name=name, files=files)))

    def _refuse_foreign(self) -> None:
        """A folder with other files in it is somebody's, not ours to fill."""
        if not self._folder.is_dir() or (self._folder / MANIFEST).exists():
            return
        foreign = {p.name for p in self._folder.iterdir()} - {LOCK, SHARDS, PROBE, ENGINES}
        foreign = {name for name in foreign if not name.startswith((f".{MANIFEST}", f".{PROBE}"))}
        if foreign:
            raise BuildError(
                f"{self._folder} holds {min(foreign)} and no index: name a new or empty folder with --out"
            )

    def _commit(self, manifest: Manifest) -> None:
        write_manifest(self._folder, manifest)
        self._manifest = manifest

    def _is_sound(self, shard: ShardEntry) -> bool:
        """Whether every file of a shard is the one that was written."""
        folder = self._folder / SHARDS / shard.name
        try:
            return all(describe_file(folder / name) == entry for name, entry in shard.files.items())
        except OSError:
            return False

    def _check(self, embeddings: NDArray[np.float32], records: Sequence[Record]) -> None:
        expected = (len(records), len(self.manifest.views), self.manifest.embedder.dim)
        if embeddings.shape != expected:
            raise BuildError(f"vectors of shape {embeddings.shape} were to be stored, expected {expected}")
        # In float64 without a copy in float64, which a shard of many rows is too large for.
        lengths = np.sqrt(np.einsum("ijk,ijk->ij", embeddings, embeddings, dtype=np.float64))
        if not (np.abs(lengths - 1) < 1e-3).all():  # also false for NaN
            raise BuildError(f"{self.manifest.embedder.name} gave vectors that are not of unit length")

    def _drop_attachments(self) -> None:
        """Remove files beside the shards that the manifest does not name any more."""
        entries = (self.manifest.removed, self.manifest.duplicates) if self._manifest else ()
        named = {entry.name for entry in entries if entry is not None}
        for path in self._folder.glob("*-????????????????.*"):
            if path.name.startswith(("removed-", "duplicates-")) and path.name not in named:
                path.unlink(missing_ok=True)

    def _drop_shards(self, keep: set[str]) -> None:
        """Remove shards that no manifest names, such as those of a killed writer."""
        for path in (self._folder / SHARDS).iterdir():
            if path.is_dir() and path.name not in keep:
                try:
                    shutil.rmtree(path)
                except OSError as error:
                    raise BuildError(f"{path} cannot be removed ({error}): close what uses it") from error


def _describe(folder: Path) -> dict[str, FileEntry]:
    return {name: describe_file(folder / name) for name in FILES}
