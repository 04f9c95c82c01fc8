"""probe.npz: the probe images of an index with their embeddings."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pytest_replication.embedders import Embedder
from pytest_replication.embedders.probe import drift_between, embed_images, probe_images
from pytest_replication.errors import BuildError, IndexCorrupt, IndexMismatch
from pytest_replication.index.manifest import FileEntry, replace_file
from pytest_replication.index.shard import describe_file
from pytest_replication.index.sound import RESTORE

NAME = "probe.npz"


def write_probe(folder: Path, embeddings: NDArray[np.float32]) -> FileEntry:
    """Store the probe images and their embeddings by one rename, after the bytes are on disk.

    Raises:
        BuildError: the disk cannot be written.
    """
    arrays: dict[str, Any] = {f"image_{i}": np.asarray(x) for i, x in enumerate(probe_images())}
    content = io.BytesIO()
    np.savez(content, embeddings=embeddings, **arrays)
    return _put(folder, content.getvalue())


def copy_probe(part: Path, expected: FileEntry, folder: Path) -> None:
    """Copy the probe images of another index.

    Args:
        part: folder of the other index.
        expected: what its manifest says of them.
        folder: of the new index.

    Raises:
        IndexCorrupt: the file is not the one that was written.
        BuildError: the disk cannot be written.
    """
    try:
        content = (part / NAME).read_bytes()
    except OSError as error:
        raise IndexCorrupt(f"{part / NAME} cannot be read ({error.strerror}): restore it") from error
    if len(content) != expected.bytes or hashlib.sha256(content).hexdigest() != expected.sha256:
        raise IndexCorrupt(
            f"{part / NAME} has changed since it was written (its checksum differs): {RESTORE}"
        )
    _put(folder, content)


def _put(folder: Path, content: bytes) -> FileEntry:
    try:
        replace_file(folder / NAME, content)
    except OSError as error:
        raise BuildError(f"{folder / NAME} cannot be written ({error}): free some space") from error
    return describe_file(folder / NAME)


def check_probe(folder: Path, embedder: Embedder) -> float:
    """Re-embed the probe images of an index on this machine.

    Returns:
        The largest 1 - cosine between stored and new vectors.

    Raises:
        IndexCorrupt: the file is missing or damaged.
        IndexMismatch: the embedder at hand gives other vectors than the one of the index.
    """
    path = folder / NAME
    try:
        with np.load(path, allow_pickle=False) as stored:
            expected = stored["embeddings"]
            images = [Image.fromarray(stored[f"image_{i}"]) for i in range(len(expected))]
    except Exception as error:  # zipfile and numpy raise whatever a damaged archive makes them
        raise IndexCorrupt(
            f"{path} is missing or damaged ({error}): build the index again with 'pytest-replication "
            f"build IMAGES --out {folder} --overwrite'"
        ) from error
    found = embed_images(embedder, images)
    if found.shape != expected.shape:
        raise IndexMismatch(
            f"{path} holds vectors of shape {expected.shape}, the embedder gives {found.shape}"
        )
    drift = drift_between(found, expected)
    if not drift <= embedder.drift:
        raise IndexMismatch(
            f"{embedder.spec.name} on this machine gives other vectors than those of {path} (1 - cosine "
            f"{drift:.2g}, at most {embedder.drift:.0e} is allowed): use the same runtime as the build, "
            f"or build the index again here"
        )
    return drift
