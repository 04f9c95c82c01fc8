"""Members of a tar one by one, without ever ending early in silence.

`tarfile` takes a damaged header, and a file that is cut off between two members, for the end of the
archive. Here only blocks of zeros up to the end of the file are the end.
"""

from __future__ import annotations

import gzip
import os
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from pytest_replication.errors import SourceError

_GZIP = b"\x1f\x8b"
_PADDING = tarfile.RECORDSIZE + tarfile.BLOCKSIZE
"""Most zero bytes that a writer leaves behind the last member; more of them were never written."""

_HEADERS = 1 << 20
"""Most bytes of headers (long names, attributes, maps of sparse files) that belong to one member."""

_UNREADABLE = (tarfile.TarError, EOFError, zlib.error, OSError, ValueError, OverflowError, RecursionError)
"""What the standard library raises over a damaged archive."""


class DamagedTar(Exception):
    """The rest of a tar cannot be read; the text says why, in a few words."""


@dataclass(frozen=True, slots=True)
class Member:
    """One member of a tar.

    Attributes:
        name: its name, as text that can be stored; never to be used as a path.
        offset: where its bytes begin, in the tar without compression.
        size: number of its bytes.
        fault: why its bytes are not there in one piece; None for a regular file.
    """

    name: str
    offset: int
    size: int
    fault: str | None


class TarReader:
    """A tar that is read from front to back; use it as a context manager.

    Args:
        path: the file; gzip is told by its content, not its name.

    Raises:
        SourceError: it cannot be read, or does not begin as a tar does.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            with path.open("rb") as file:
                self.compressed = file.read(2) == _GZIP
            self._size = path.stat().st_size
            self._stream = _open(path, self.compressed)
        except OSError as error:
            raise SourceError(f"{path} cannot be read: {error.strerror or error}") from error
        try:
            self._headers, self._begun = _Headers(self._stream), False
            self._tar = tarfile.TarFile(fileobj=cast(IO[bytes], self._headers))
        except _UNREADABLE as error:
            self._stream.close()
            raise SourceError(f"{path} is not a tar, plain or gzipped: {error}; fetch it again") from error

    def __enter__(self) -> TarReader:
        return self

    def __exit__(self, *_: object) -> None:
        self._tar.close()
        self._stream.close()

    def __iter__(self) -> Iterator[Member]:
        """List the members that may hold bytes: folders are passed over.

        Raises:
            DamagedTar: there is more that cannot be read; what came before is whole.
        """
        with self._reasons():
            while (found := self._next()) is not None:
                if found.isdir():
                    continue
                member = Member(_shown(found.name), found.offset_data, found.size, _fault(found))
                if not self.compressed and member.fault is None and member.offset + member.size > self._size:
                    raise DamagedTar(f"it is cut off inside {member.name}")
                yield member
            self._check_end()

    def read(self, member: Member, most: int | None = None) -> bytes:
        """Read the bytes of a member, or the first of them, before the next one is asked for.

        Raises:
            DamagedTar: they are not all there.
        """
        with self._reasons():
            wanted = member.size if most is None else min(member.size, most)
            self._stream.seek(member.offset)
            data = self._stream.read(wanted)
        if len(data) != wanted:
            raise DamagedTar(f"it is cut off inside {member.name}")
        return data

    def _next(self) -> tarfile.TarInfo | None:
        before = self._tar.offset if self._begun else -1  # the first one was read when it was opened
        self._begun = True
        self._headers.left = _HEADERS
        found = self._tar.next()
        if sum(len(key) + len(value) for key, value in self._tar.pax_headers.items()) > _HEADERS:
            raise DamagedTar(_TOO_MANY)
        self._tar.members.clear()  # type: ignore[attr-defined]  # tarfile keeps all it ever saw
        if found is not None and (found.size < 0 or (self._tar.offset <= before and found.offset > 0)):
            raise DamagedTar(f"the size of {_shown(found.name)} is damaged")
        return found

    def _check_end(self) -> None:
        at = self._tar.offset
        self._stream.seek(at)
        end = self._stream.read(tarfile.BLOCKSIZE)
        if len(end) < tarfile.BLOCKSIZE:
            raise DamagedTar(f"it is cut off after {at} bytes: there is no end mark")
        if any(end):
            raise DamagedTar(f"the header at byte {at} is damaged")
        zeros = len(end)
        while more := self._stream.read(1 << 16):
            zeros += len(more)
            if more.count(0) != len(more):
                raise DamagedTar(f"data follows its end mark at byte {at}")
            if zeros > _PADDING:
                raise DamagedTar(
                    f"more than {_PADDING} zero bytes follow byte {at}: something was never written there"
                )

    @contextmanager
    def _reasons(self) -> Iterator[None]:
        try:
            yield
        except _UNREADABLE as error:
            raise DamagedTar(str(error) or type(error).__name__) from error


class _Headers:
    """What `tarfile` reads of a stream: headers only, and of these no more than fits into memory.

    It takes the size of a long name, or the number of holes of a sparse file, from the archive and reads as
    much at once; a few bytes of gzip may stand for all of it.
    """

    def __init__(self, stream: IO[bytes]) -> None:
        self.left = _HEADERS
        self._stream = stream
        self.tell, self.seek = stream.tell, stream.seek

    def read(self, size: int) -> bytes:
        """Read bytes of a header.

        Raises:
            tarfile.ReadError: there are too many before one member.
        """
        self.left -= size
        if self.left < 0:
            raise tarfile.ReadError(_TOO_MANY)
        return self._stream.read(size)


_TOO_MANY = f"more than {_HEADERS:,} bytes of headers belong to one member"


def check_tar(path: Path) -> None:
    """Look at the first member of a tar and, where it is not compressed, at its end mark.

    Raises:
        SourceError: it does not exist, cannot be read, does not begin as a tar does, or was cut off.
    """
    with TarReader(path) as tar:
        if not tar.compressed and not _ends(path):
            raise SourceError(f"{path} was cut off: it does not end in a block of zeros; fetch it again")


def _ends(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-tarfile.BLOCKSIZE, os.SEEK_END)
        return not any(file.read())


def _open(path: Path, compressed: bool) -> IO[bytes]:
    return cast(IO[bytes], gzip.open(path)) if compressed else path.open("rb")


def _fault(member: tarfile.TarInfo) -> str | None:
    if member.issym() or member.islnk():
        return f"a link to {_shown(member.linkname)}, not an image: write the tar with its content"
    if member.issparse():
        return "stored as a sparse file: write the tar without sparse members"
    return None if member.isreg() else "neither a file nor a link: its bytes are not in the tar"


def _shown(name: str) -> str:
    """A name as text that can be stored, and shown on one line of a terminal."""
    text = os.fsencode(name).decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
