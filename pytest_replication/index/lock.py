"""One writer at a time: the lock of an index folder, and that of the engines in it.

Whoever needs both takes that of the index first. Nobody waits for a lock, so that none can be waited
for in a circle.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from pytest_replication.errors import BuildError, IndexLocked
from pytest_replication.index.layout import ENGINES, LOCK, SHARDS, refuse_foreign


class WriterLock:
    """The lock that a writer holds on an index folder. The system releases it when its process dies.

    Args:
        folder: the index; made when the lock is taken, if it does not exist.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = FileLock(folder / LOCK)

    def acquire(self) -> None:
        """Take the lock, or fail at once.

        Raises:
            IndexLocked: another process holds it.
            BuildError: the folder belongs to something else, or cannot be made or written.
        """
        refuse_foreign(self._folder)
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

    def release(self) -> None:
        """Give it back."""
        self._lock.release()


@contextmanager
def engines_locked(folder: Path) -> Iterator[None]:
    """Hold the lock of all engines of an index; their folder is made if need be.

    A build of an engine holds it for as long as it takes, without that of the index. So does whoever
    deletes what engines hold of the vectors: no build may put it back.

    Args:
        folder: the index.

    Raises:
        IndexLocked: another process holds it.
        BuildError: the folder cannot be written.
    """
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
