"""Image files that were made before, with what their ``samples.jsonl`` tells of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_replication.errors import SampleError, SourceError
from pytest_replication.images import sources
from pytest_replication.images.memory import FORMS

if TYPE_CHECKING:
    from pytest_replication.images.sources.base import FileSlice

_IMAGES = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".ppm", ".jp2", ".avif", ".tga")


@dataclass(frozen=True, slots=True)
class Ready:
    """Image files in their order.

    Attributes:
        files: paths, or places in a tar.
        names: of each, as reports show it.
        prompts: one a file, or none.
        seeds: one a file, or none.
        labels: one a file, or none.
    """

    files: Sequence[Path | FileSlice]
    names: tuple[str, ...]
    prompts: tuple[str, ...] = ()
    seeds: tuple[int, ...] = ()
    labels: tuple[int | str, ...] = ()


def read_ready(path: Path) -> Ready:
    """Find the samples in a folder or a tar, or take one image file.

    Raises:
        SampleError: there is none, it cannot be listed, or its ``samples.jsonl`` does not fit its files.
    """
    from pytest_replication.models.listing import NAME

    if is_image(path):
        return Ready((path,), (str(path),))
    if path.suffix == ".tar" and path.is_file():
        from pytest_replication.models.archive import read_tar

        parts, listing = read_tar(path)
        files: dict[str, Path | FileSlice] = dict(parts)
        names = {name: f"{path}:{name}" for name in parts}
    else:
        found = _list_folder(path)
        files = dict(found)
        names = {name: str(file) for name, file in found.items()}
        listing = _content(path / NAME)
    if listing is None:
        return Ready(tuple(files.values()), tuple(names.values()))
    return _listed(listing, f"{path / NAME}", files, names)


def is_image(path: Path) -> bool:
    """Whether a file is named as an image; whether it is one is found out when it is read."""
    return path.suffix.lower() in _IMAGES and path.is_file()


def _listed(listing: bytes, where: str, files: dict[str, Path | FileSlice], names: dict[str, str]) -> Ready:
    from pytest_replication.models.listing import read_listing

    entries = read_listing(listing, where, list(files))
    return Ready(
        tuple(files[entry.file] for entry in entries),
        tuple(names[entry.file] for entry in entries),
        tuple(entry.prompt for entry in entries if entry.prompt is not None),
        tuple(entry.seed for entry in entries if entry.seed is not None),
        tuple(entry.label for entry in entries if entry.label is not None),
    )


def _content(path: Path) -> bytes | None:
    from pytest_replication.models.listing import LARGEST

    if not path.exists():
        return None
    try:
        if not path.is_file() or path.stat().st_size > LARGEST:
            raise SampleError(f"{path} is no regular file of up to {LARGEST:,} bytes")
        return path.read_bytes()
    except OSError as error:
        raise SampleError(f"{path} cannot be read: {error.strerror or error}") from error


def _list_folder(path: Path) -> dict[str, Path]:
    if not path.is_dir():
        state = "is a file" if path.exists() else "does not exist"
        load = " (load an array first, with numpy.load)" if path.suffix in (".npy", ".npz") else ""
        raise SampleError(f"{path} {state}{load}; expected {FORMS}")
    try:
        return dict(sources.folder(path).listed)
    except SourceError as error:
        raise SampleError(str(error)) from error
