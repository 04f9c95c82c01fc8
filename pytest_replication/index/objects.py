"""What an index stores so that copies of a part are found: parts and local features, and what they take."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from pytest_replication.errors import IndexMismatch, SettingsError
from pytest_replication.images.local import DETECTOR, MOST, extract
from pytest_replication.images.parts import grid
from pytest_replication.index.entries import ObjectsEntry
from pytest_replication.index.features import STORED
from pytest_replication.index.manifest import Manifest

THUMBNAIL = 256
"""Longest side of the pictures that are kept with parts and features, if no larger ones are wanted."""
THUMBNAIL_BYTES = 20_000
"""What such a picture takes of a photograph, rounded up."""


def objects_entry(name: str | None) -> ObjectsEntry | None:
    """What this version stores for a grid of parts; None for none.

    Raises:
        SettingsError: there is no such grid, or OpenCV is not installed.
    """
    if name is None:
        return None
    entry = ObjectsEntry(name, grid(name), MOST, DETECTOR)
    require_opencv()
    return entry


def require_objects(where: Path, entry: ObjectsEntry | None) -> ObjectsEntry:
    """Parts and local features that an index, or a shard of it, stores.

    Args:
        where: its folder, for the message.
        entry: of its manifest.

    Raises:
        SettingsError: it stores none.
    """
    if entry is None:
        raise SettingsError(
            f"{where} holds no parts and no local features: build the index again with --objects"
        )
    return entry


def check_detector(manifest: Manifest, folder: Path) -> None:
    """Refuse to compare or to add local features that are found otherwise than those of an index.

    Args:
        manifest: of the index.
        folder: of the index.

    Raises:
        IndexMismatch: they are.
        SettingsError: OpenCV is not installed.
    """
    if (entry := manifest.objects) is None:
        return
    if entry.detector != DETECTOR:
        raise IndexMismatch(
            f"the local features of {folder} were found as {entry.detector!r}, this version finds them as "
            f"{DETECTOR!r}: install pytest-replication {manifest.writer}, or build it again with --overwrite"
        )
    require_opencv()


def differences(mine: ObjectsEntry | None, theirs: ObjectsEntry | None) -> list[str]:
    """Name what sets two apart, both sides of each difference."""
    if mine is None or theirs is None:
        return [] if mine is theirs else [f"objects {shown(mine)} against {shown(theirs)}"]
    return [
        f"{what} {one!r} against {other!r}"
        for what, one, other in (
            ("grid of parts", mine.grid, theirs.grid),
            ("parts", *_parts(mine, theirs)),
            ("features an image", mine.features, theirs.features),
            ("local features", mine.detector, theirs.detector),
        )
        if one != other
    ]


def _parts(mine: ObjectsEntry, theirs: ObjectsEntry) -> tuple[list[str], list[str]]:
    """Parts that only one of two has; grids of other names are expected to differ."""
    if mine.grid != theirs.grid:
        return [], []
    only = (set(mine.parts) - set(theirs.parts), set(theirs.parts) - set(mine.parts))
    ordered = mine.parts, theirs.parts
    pick = only if any(only) else ordered
    one, other = ([f"{part.name} {part.box}" for part in parts] for parts in pick)
    return one, other


def shown(entry: ObjectsEntry | None) -> str:
    """In words, short."""
    return "none" if entry is None else f"{len(entry.parts)} parts ({entry.grid}) and local features"


def bytes_of_objects(manifest: Manifest, entry: ObjectsEntry) -> int:
    """Bytes that parts, features and picture of one image take, at most."""
    parts = len(entry.parts) * manifest.embedder.dim * np.dtype(manifest.dtype).itemsize
    # Twice the side, four times the picture.
    picture = int(THUMBNAIL_BYTES * (max(manifest.thumbnails, THUMBNAIL) / THUMBNAIL) ** 2)
    return parts + entry.features * STORED.itemsize + picture


def times_the_work(manifest: Manifest, entry: ObjectsEntry) -> int:
    """How many times as much there is to embed as without parts."""
    return 1 + -(-len(entry.parts) // len(manifest.views))


def require_opencv() -> None:
    """Refuse to go on without OpenCV.

    Raises:
        SettingsError: it is not installed.
    """
    extract(Image.new("RGB", (8, 8)))
