"""Files that are there whole or not at all, after a crash, and where several processes write one."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

_LONGEST = 220
"""Bytes of a name from which on a temporary one has a part of it: file systems take 255."""
_TEMPORARY = re.compile(r"\.(?P<name>.+?)(\.[0-9a-f]{16})?\.new", re.DOTALL)


def replace_file(path: Path, content: bytes, *, sync: bool = True) -> None:
    """Write a file by one rename, after its bytes are on disk.

    Args:
        path: the file.
        content: what it is to hold.
        sync: wait until disks have it; where not, a power cut may leave a file that has to be checked.

    Raises:
        OSError: it cannot be written; what was there before still is, and nothing is left beside it.
    """
    with replacing(path, sync=sync) as file:
        file.write(content)


@contextmanager
def replacing(path: Path, *, sync: bool = True) -> Iterator[BinaryIO]:
    """Write a file bit by bit: it takes its place by one rename at the end, and not if anything is raised.

    Args:
        path: the file.
        sync: as in `replace_file`.

    Yields:
        An open file of a name of its own beside it, so that others may write the same file at the same time.

    Raises:
        OSError: as `replace_file`.
    """
    name = path.name if len(os.fsencode(path.name)) <= _LONGEST else path.name[: _LONGEST // 4]
    temporary = path.with_name(f".{name}.{secrets.token_hex(8)}.new")
    try:
        with temporary.open("xb") as file:
            yield file
            file.flush()
            if sync:
                os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with suppress(OSError):  # what was raised says more
            temporary.unlink(missing_ok=True)
        raise
    if sync:
        sync_folder(path.parent)


def meant_for(name: str) -> str | None:
    """Name of the file that a file was on the way to be when its writer was killed; None for any other."""
    found = _TEMPORARY.fullmatch(name)
    return None if found is None else found["name"]


def is_link(path: Path) -> bool:
    """Whether something else may lie behind a path: a symbolic link, or a junction of Windows."""
    return path.is_symlink() or bool(getattr(os.path, "isjunction", lambda _: False)(path))


def sync_folder(folder: Path) -> None:
    """Make a rename inside a folder durable, where the system can."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock of a file, for who reads it and writes it again; whoever else wants to waits.

    The lock is a file beside it, ``.lock-`` and its name, which stays; the system gives it back when its
    holder dies.

    Raises:
        OSError: there is no folder for it, or it cannot be written, or knows no locks.
    """
    from filelock import FileLock

    if not path.parent.is_dir():  # a lock would make one
        raise FileNotFoundError(f"there is no folder {path.parent}")
    # Whoever may write into the folder may take it, after somebody else, too.
    lock = FileLock(path.with_name(f".lock-{path.name}"), mode=0o666)
    try:
        lock.acquire()
    except NotImplementedError as error:
        raise OSError(f"no files can be locked there: {error}") from error
    try:
        yield
    finally:
        lock.release()
