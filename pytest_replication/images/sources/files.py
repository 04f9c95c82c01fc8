"""Image files on disk: a folder, a list in a text file, a list of paths."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from pytest_replication.errors import SourceError
from pytest_replication.escape import one_line
from pytest_replication.images.sources.base import ImageRef, Source, file_version, place, printable

COMPANIONS = frozenset(
    {".txt", ".json", ".jsonl", ".csv", ".tsv", ".md", ".xml", ".yaml", ".yml", ".db", ".html", ".py"}
)
"""Files that stand beside images without being images. Every other file has to be readable."""


class FileSource(Source):
    """Image files on disk: those of a folder, or those of a list.

    Args:
        files: id and path of each image, in order.
        name: what messages call the source.
    """

    def __init__(self, files: Sequence[tuple[str, Path]], name: str) -> None:
        self.listed = files
        self.name = name

    def __len__(self) -> int:
        return len(self.listed)

    def __iter__(self) -> Iterator[ImageRef]:
        for id_, path in self.listed:
            # One that is missing is listed all the same: it becomes a rejected row with its reason.
            yield file_ref(id_, path)


def file_ref(id_: str, path: Path, caption: str | None = None, label: str | None = None) -> ImageRef:
    """Refer to one image file."""
    return ImageRef(printable(id_), place(path), path, file_version(path), caption, label)


def folder(path: Path) -> FileSource:
    """List a folder and all folders below it, sorted by relative path.

    Dot files and text companions (captions, metadata) are passed over; every other file counts
    as a training image, so that a format that cannot be read is reported, not silently absent.

    Raises:
        SourceError: the folder cannot be listed.
    """

    def fail(error: OSError) -> None:
        raise SourceError(f"{error.filename} cannot be listed: {error.strerror}") from error

    found: list[tuple[str, Path]] = []
    walked: set[str] = set()
    for parent, directories, names in os.walk(path, onerror=fail, followlinks=True):
        if (real := os.path.realpath(parent)) in walked:  # a link back up the tree
            directories.clear()
            continue
        walked.add(real)
        directories[:] = sorted(d for d in directories if not d.startswith("."))
        for name in names:
            if not name.startswith(".") and Path(name).suffix.lower() not in COMPANIONS:
                file = Path(parent, name)
                found.append((file.relative_to(path).as_posix(), file))
    return FileSource(sorted(found), name=f"folder {path}")


def file_list(path: Path) -> FileSource:
    """Read a text file that names one image a line, relative to the text file's own folder.

    Raises:
        SourceError: the file cannot be read, or names an image twice.
    """
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"{path} cannot be read as a list of files: {error}") from error
    files = [(line, path.parent / line) for line in lines if line]
    return FileSource(distinct(files, path), name=f"list {path}")


def paths(given: Sequence[str | os.PathLike[str]]) -> FileSource:
    """Take a list of paths as they are.

    Raises:
        SourceError: a path is listed twice.
    """
    files = [(Path(path).as_posix(), Path(path)) for path in given]
    return FileSource(distinct(files, "the list of paths"), name=f"{len(files)} paths")


def distinct(files: list[tuple[str, Path]], where: object) -> list[tuple[str, Path]]:
    """Pass files on whose ids differ.

    Raises:
        SourceError: an id is there twice.
    """
    seen: set[str] = set()
    for id_, _ in files:
        if id_ in seen:
            raise SourceError(f"{where} names {one_line(id_)} twice: remove one of the two")
        seen.add(id_)
    return files
