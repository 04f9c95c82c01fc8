"""One writer at a time: the lock of an index folder, and that of the engines in it.

Whoever needs both takes that of the index first. Nobody waits for a lock, so that none can be waited
for in a circle.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from pytest_replication.errors import BuildError, IndexLocked
from pytest_replication.index.foreign import refuse_foreign, refuse_foreign_engines
from pytest_replication.index.layout import (
    ENGINES,
    LOCK,
    SHARDS,
    drop_handed,
    drop_unfinished,
    remove_beginning,
)


class WriterLock:
    """The lock that a writer holds on an index folder. The system releases it when its process dies.

    Args:
        folder: the index; made when the lock is taken, if it does not exist.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = FileLock(folder / LOCK)
        self._made: list[Path] = []

    def acquire(self) -> None:
        """Take the lock, or fail at once.

        Raises:
            IndexLocked: another process holds it.
            BuildError: the folder belongs to something else, holds a link or something else where the
                index deletes, or cannot be made or written.
        """
        refuse_foreign(self._folder)
        places = (self._folder, *self._folder.parents)
        self._made = list(itertools.takewhile(lambda place: not place.exists(), places))
        try:
            (self._folder / SHARDS).mkdir(parents=True, exist_ok=True)
            self._lock.acquire(blocking=False)
            drop_handed(self._folder)  # of a writer that was killed
            drop_unfinished(self._folder)
        except Timeout as error:
            raise IndexLocked(
                f"another process is writing {self._folder} (it holds {self._folder / LOCK}): wait for it"
            ) from error
        except OSError as error:
            raise BuildError(f"{self._folder} cannot be written: {error}; name a folder that can") from error

    def release(self) -> None:
        """Give it back."""
        self._lock.release()

    def undo(self) -> None:
        """Take back the folders that `acquire` made, with what an index without a shard leaves in them."""
        if self._made:
            remove_beginning(self._folder)
        for place in self._made:
            with suppress(OSError):  # somebody else has put something there
                place.rmdir()


@contextmanager
def engines_locked(folder: Path) -> Iterator[None]:
    """Hold the lock of all engines of an index; their folder is made if need be.

    A build of an engine holds it for as long as it takes, without that of the index. So does whoever
    deletes what engines hold of the vectors: no build may put it back.

    Args:
        folder: the index.

    Raises:
        IndexLocked: another process holds it.
        BuildError: the folder cannot be written, is a link, or holds something else than engines.
    """
    refuse_foreign_engines(folder)
    engines = folder / ENGINES
    lock = FileLock(engines / LOCK)
    try:
        engines.mkdir(exist_ok=True)
        lock.acquire(blocking=False)
    except Timeout as error:
        raise IndexLocked(
            f"another process works on the engines in {engines} (it holds {engines / LOCK}): wait for it"
        ) from error
    except OSError as error:
        raise BuildError(f"{engines} cannot be written ({error}): engines lie beside their index") from error
    try:
        yield
    finally:
        lock.release()
