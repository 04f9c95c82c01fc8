"""One writer at a time: the lock of an index folder."""

from __future__ import annotations

from pathlib import Path

from filelock import FileLock, Timeout

from pytest_replication.errors import BuildError, IndexLocked
from pytest_replication.index.layout import LOCK, SHARDS, refuse_foreign


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
