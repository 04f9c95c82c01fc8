"""What every source has in common: references to images, and the stream that lists them."""

from __future__ import annotations

import hashlib
import os
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from pytest_replication.images.read import read_file
from pytest_replication.tidy import tidied


@dataclass(frozen=True, slots=True)
class FileSlice:
    """Bytes inside a larger file, read when they are wanted.

    Attributes:
        path: the file.
        offset: where the bytes begin.
        size: how many they are.
    """

    path: Path
    offset: int
    size: int

    def read_bytes(self) -> bytes:
        """Read them.

        Raises:
            OSError: the file cannot be read, or ends before they do.
        """
        with self.path.open("rb") as file:
            file.seek(self.offset)
            data = file.read(self.size)
        if len(data) != self.size:
            raise OSError(f"{self.path} ends {self.size - len(data)} bytes too early")
        return data


@dataclass(frozen=True, slots=True)
class ImageRef:
    """One image of a source, not read yet.

    Attributes:
        id: names the image within its source, the same in every run.
        uri: where a person finds it.
        content: its path, its place in a larger file, or its encoded bytes where the source had to
            read them anyway.
        version: changes when the content does: size and time of last change of a file, digest of
            bytes.
        caption: text that belongs to it.
        label: class that it belongs to.
        fault: why it cannot be read, where the source knows that already; it becomes a rejected row.
    """

    id: str
    uri: str
    content: Path | FileSlice | bytes
    version: str
    caption: str | None = None
    label: str | None = None
    fault: str | None = None

    def read(self) -> bytes:
        """Read the encoded bytes.

        Raises:
            OSError: the file cannot be read, ends too early, is none, or is too large for an image.
        """
        if isinstance(self.content, bytes):
            return self.content
        return read_file(self.content) if isinstance(self.content, Path) else self.content.read_bytes()


class Source(ABC):
    """A training set: iterate over it for its images."""

    name: str
    """What the manifest and messages call it."""

    counted: bool = True
    """Whether the length is exact; else it is an estimate, for the progress bar."""

    @abstractmethod
    def __len__(self) -> int:
        """Number of images that are listed, readable or not."""

    @abstractmethod
    def __iter__(self) -> Iterator[ImageRef]:
        """List the images, in the same order every time."""


class Listing:
    """Digest of the ids and versions of images as they are listed: is a source still the same?

    Attributes:
        count: images so far.
        first: id of the first, empty while there is none.
        last: id of the last.
    """

    def __init__(self) -> None:
        self.count, self.first, self.last = 0, "", ""
        self._digest = hashlib.sha256()

    def watch(self, refs: Iterable[ImageRef]) -> Iterator[ImageRef]:
        """Pass images on and take note of them."""
        for ref in refs:
            self.first = self.first or ref.id
            self.last = ref.id
            self.count += 1
            self._digest.update(f"{ref.id}\0{ref.version}\0".encode())
            yield ref

    @property
    def digest(self) -> str:
        """Digest of all images so far."""
        return self._digest.hexdigest()


def faulty(id_: str, uri: str, fault: str, version: str = "", caption: str | None = None) -> ImageRef:
    """List an image of which no byte can be read, with the reason."""
    return ImageRef(id_, uri, b"", f"{version} {fault}".strip(), caption=caption, fault=fault)


def file_version(path: Path) -> str:
    """Size and time of last change of a file; ``missing`` when there is none."""
    try:
        stat = path.stat()
    except (OSError, ValueError):  # ValueError: a name with a zero byte
        return "missing"
    return f"{stat.st_size} {stat.st_mtime_ns}"


def lies_in(path: str | os.PathLike[str], folder: str | os.PathLike[str]) -> bool:
    """Whether a path lies in a folder when all links are followed; False for text that cannot be a path."""
    try:
        real, home = Path(os.path.realpath(path)), Path(os.path.realpath(folder))
    except (OSError, ValueError):
        return False
    return real != home and real.is_relative_to(home)


def exists(name: str) -> bool:
    """Whether a path exists; False for text that cannot be a path."""
    try:
        return Path(name).exists()
    except OSError:  # too long
        return False


def digest(data: bytes) -> str:
    """Digest of the bytes of an image."""
    return hashlib.sha256(data).hexdigest()


def place(path: Path) -> str:
    """Where a file is, as text, in one spelling: absolute and without ``..``, so that no image has two."""
    whole = path.absolute()
    if whole.name == "..":
        whole = _straight(whole)
    elif ".." in whole.parts:
        whole = _straight(whole.parent) / whole.name
    return printable(whole)


@lru_cache(maxsize=256)
def _straight(folder: Path) -> Path:
    return Path(tidied(str(folder)))


def printable(path: object) -> str:
    """A path as text that can be stored, also where its name is not valid in any encoding."""
    return os.fsencode(str(path)).decode("utf-8", "backslashreplace")


def storable(value: object) -> str | None:
    """A caption or label as text that can be stored; None stays None."""
    return None if value is None else str(value).encode("utf-8", "backslashreplace").decode("utf-8")
