"""The state of an index folder while one writer holds its lock: taken up, begun, put in force."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from types import TracebackType
from typing import Self

from pytest_replication.errors import BuildError, IndexIncomplete, IndexUnavailable
from pytest_replication.index import layout
from pytest_replication.index.attachments import drop_attachments
from pytest_replication.index.entries import ShardEntry
from pytest_replication.index.foreign import is_left_behind
from pytest_replication.index.layout import ENGINES, SHARDS
from pytest_replication.index.lock import WriterLock, engines_locked
from pytest_replication.index.manifest import NAME as MANIFEST
from pytest_replication.index.manifest import Manifest
from pytest_replication.index.manifest_file import read_manifest, write_manifest
from pytest_replication.index.present import check_sizes
from pytest_replication.index.sound import is_sound, require_sound
from pytest_replication.index.unfinished import describe_unfinished, restore


class IndexState:
    """Holds the lock of an index folder and the manifest in force; use it as a context manager.

    Work that is refused before its first shard leaves no folder behind that was made for it.

    Args:
        folder: the index; made if it does not exist.

    Raises:
        IndexLocked: another process holds the lock.
        BuildError: the folder cannot be made or written.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._manifest: Manifest | None = None
        self._lock = WriterLock(folder)

    def __enter__(self) -> Self:
        self._lock.acquire()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        refused = isinstance(error, (BuildError, IndexUnavailable))
        if refused and (self._manifest is None or not self._manifest.shards):
            self._lock.undo()
        self._lock.release()

    @property
    def manifest(self) -> Manifest:
        """The state as it is on disk."""
        if self._manifest is None:
            raise BuildError(f"{self._folder}: start() or resume() comes before the first shard")
        return self._manifest

    @property
    def folder(self) -> Path:
        """The index."""
        return self._folder

    def clear(self) -> None:
        """Delete the index in the folder, and nothing that is not part of one.

        Raises:
            IndexLocked: another process builds an engine of it.
            BuildError: something cannot be removed.
        """
        held = engines_locked(self._folder) if (self._folder / ENGINES).is_dir() else nullcontext()
        with held:
            layout.clear(self._folder)

    def resume(self) -> Manifest | None:
        """Take up what is in the folder, None if that is nothing.

        Finished shards are compared with their checksums, and all of them are kept.

        Raises:
            IndexCorrupt: a shard is damaged, or there are shards and no manifest.
            IndexUnavailable: a file of one cannot be read.
        """
        if (found := self._found()) is None:
            return None
        for shard in found.shards:
            require_sound(self._folder_of(shard), shard, remedy=restore(self._folder, found))
        return self._take_up(found)

    def resume_build(self) -> tuple[Manifest, frozenset[str]] | None:
        """Take up a build, None if there is none, and tell which of its shards are damaged.

        Where some are, nothing is deleted yet: `remake_shard` has to be given what they held.

        Returns:
            The manifest, and the names of the damaged shards.

        Raises:
            IndexCorrupt: a shard is damaged that the source of the build does not give as it was, or there
                are shards and no manifest.
            IndexUnavailable: a file of one cannot be read.
        """
        if (found := self._found()) is None:
            return None
        if len(found.sources) > 1 or found.opted_out or found.sources[0].imported:
            self.resume()
            return found, frozenset()
        damaged = [shard.name for shard in found.shards if not is_sound(self._folder_of(shard), shard)]
        if damaged:
            self._manifest = found
        else:
            self._take_up(found)
        return found, frozenset(damaged)

    def edit(self) -> Manifest:
        """Take up a complete index, to change it.

        Raises:
            IndexNotFound: there is none.
            IndexCorrupt: its manifest is damaged, or a file that it names is not there, or of another size.
            IndexIncomplete: its build has not finished.
        """
        found = read_manifest(self._folder)
        if not found.complete:
            raise IndexIncomplete(describe_unfinished(self._folder, found))
        check_sizes(self._folder, found)
        return self._take_up(found)

    def take_up(self) -> Manifest:
        """Take up an index as it is, complete or not; no file is looked at, and none deleted.

        Raises:
            IndexNotFound: there is none.
            IndexCorrupt: its manifest is damaged.
        """
        self._manifest = read_manifest(self._folder)
        return self._manifest

    def _found(self) -> Manifest | None:
        # Shards without a manifest may be all that is left of an index: only --overwrite deletes those.
        there = (self._folder / MANIFEST).exists() or is_left_behind(self._folder)
        return read_manifest(self._folder) if there else None

    def _folder_of(self, shard: ShardEntry) -> Path:
        return self._folder / SHARDS / shard.name

    def _take_up(self, found: Manifest) -> Manifest:
        """Go on with an index whose files are all there: what is not named is left of a killed writer."""
        self._manifest = found
        self._drop_unnamed()
        return found

    def start(self, manifest: Manifest) -> None:
        """Begin an empty index; what a killed `clear` has left goes first."""
        layout.clear(self._folder)
        self._commit(manifest)
        self._drop_unnamed()

    def commit(self, manifest: Manifest) -> None:
        """Put a manifest in force and delete what it does not name any more.

        Raises:
            IndexCorrupt: a file that it names is not there, or of another size: nothing is changed.
        """
        check_sizes(self._folder, manifest)
        self._commit(manifest)
        self._drop_unnamed()

    def _commit(self, manifest: Manifest) -> None:
        write_manifest(self._folder, manifest)
        self._manifest = manifest

    def _drop_unnamed(self) -> None:
        """Remove what the manifest in force does not name, and what is left of the one before."""
        manifest = self.manifest
        layout.forget_cleared(self._folder)
        layout.drop_shards(self._folder, keep={shard.name for shard in manifest.shards})
        drop_attachments(self._folder, manifest)
