"""One writer at a time puts whole shards into an index folder.

A shard becomes part of the index by two renames: its folder into place, then the manifest that
names it. Whatever happens in between leaves the last manifest in force.
"""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from pytest_replication.errors import BuildError, IndexLocked
from pytest_replication.index.manifest import NAME as MANIFEST
from pytest_replication.index.manifest import (
    Manifest,
    ShardEntry,
    read_manifest,
    sync_folder,
    write_manifest,
)
from pytest_replication.index.probe import NAME as PROBE
from pytest_replication.index.shard import Record, Rejected, describe_file, write_shard

LOCK = ".lock"
SHARDS = "shards"


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

    def resume(self) -> Manifest | None:
        """Take up the build that is in the folder, None if there is none.

        Finished shards are compared with their sha256; the first damaged one and those after it are
        dropped, to be made again.
        """
        if not (self._folder / MANIFEST).exists():
            return None
        found = read_manifest(self._folder)
        sound = tuple(itertools.takewhile(self._is_sound, found.shards))
        if len(sound) < len(found.shards):  # damaged since: made again from there on
            found = replace(found, shards=sound, complete=False)
            write_manifest(self._folder, found)
        self._manifest = found
        self._drop_shards(keep={shard.name for shard in sound})
        return found

    def start(self, manifest: Manifest) -> None:
        """Begin an empty index."""
        self._commit(manifest)
        self._drop_shards(keep=set())

    def add_shard(
        self,
        embeddings: NDArray[np.float32],
        records: Sequence[Record],
        rejected: Sequence[Rejected],
        listing: str,
    ) -> None:
        """Write a shard and make it part of the index.

        Args:
            embeddings: (rows, views, dim) float32, unit rows.
            records: one a row.
            rejected: the listed images that are not rows.
            listing: digest of all images that were listed for it.

        Raises:
            BuildError: shapes that do not agree, vectors that are not of unit length, or a disk
                that cannot be written.
        """
        self._check(embeddings, records)
        name = f"{len(self.manifest.shards):06d}"
        temporary = self._folder / SHARDS / f".new-{name}"
        try:
            shutil.rmtree(temporary, ignore_errors=True)
            temporary.mkdir()
            files = write_shard(temporary, embeddings, records, rejected, self.manifest.dtype)
            temporary.rename(self._folder / SHARDS / name)
            sync_folder(self._folder / SHARDS)
            entry = ShardEntry(name, len(records), len(rejected), listing, files)
            self._commit(self.manifest.with_shard(entry))
        except OSError as error:
            raise BuildError(
                f"{self._folder} cannot be written ({error}): free some space or name another --out; "
                "what is finished is kept"
            ) from error

    def finish(self, max_rejected: int) -> None:
        """Mark the index as complete.

        Raises:
            BuildError: listed images are unaccounted for.
        """
        found = self.manifest.rows + self.manifest.rejected
        if found != self.manifest.listed:
            raise BuildError(
                f"{self._folder}: {self.manifest.listed} images were listed but {found} are accounted "
                "for; build it again with --overwrite"
            )
        self._commit(replace(self.manifest, complete=True, max_rejected=max_rejected))

    def _refuse_foreign(self) -> None:
        """A folder with other files in it is somebody's, not ours to fill."""
        if not self._folder.is_dir() or (self._folder / MANIFEST).exists():
            return
        foreign = {p.name for p in self._folder.iterdir()} - {LOCK, SHARDS, PROBE}
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
        lengths = np.linalg.norm(embeddings.astype(np.float64), axis=-1)
        if not (np.abs(lengths - 1) < 1e-3).all():  # also false for NaN
            raise BuildError(f"{self.manifest.embedder.name} gave vectors that are not of unit length")

    def _drop_shards(self, keep: set[str]) -> None:
        """Remove shards that no manifest names, such as those of a killed writer."""
        for path in (self._folder / SHARDS).iterdir():
            if path.is_dir() and path.name not in keep:
                try:
                    shutil.rmtree(path)
                except OSError as error:
                    raise BuildError(f"{path} cannot be removed ({error}): close what uses it") from error
