"""probe.npz: the probe images of an index with their embeddings."""

from __future__ import annotations

import hashlib
import io
import math
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pytest_replication.durable import replace_file
from pytest_replication.embedders import Embedder
from pytest_replication.embedders.probe import drift_between, embed_images, probe_images
from pytest_replication.errors import BuildError, IndexCorrupt, IndexMismatch
from pytest_replication.index.entries import FileEntry
from pytest_replication.index.shard import describe_file
from pytest_replication.index.sound import RESTORE

NAME = "probe.npz"
_MOST_BYTES = 64 << 20
"""Far more than a few small images and their vectors take, unpacked."""


@dataclass(frozen=True, slots=True)
class Probe:
    """What is stored in the file.

    Attributes:
        images: pixels of the probe images, (height, width, 3) uint8 each.
        embeddings: one vector each, (n, dim).
    """

    images: tuple[NDArray[np.uint8], ...]
    embeddings: NDArray[np.float32]


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
    content = _sound_content(part, expected)
    _put(folder, content)


def _put(folder: Path, content: bytes) -> FileEntry:
    try:
        replace_file(folder / NAME, content)
    except OSError as error:
        raise BuildError(f"{folder / NAME} cannot be written ({error}): free some space") from error
    return describe_file(folder / NAME)


def read_probe(folder: Path, entry: FileEntry) -> Probe:
    """Read the probe images of an index.

    Args:
        folder: of the index.
        entry: what its manifest says of the file. All probes of an embedder are of one size, so that
            only the checksum tells one from another.

    Raises:
        IndexCorrupt: the file is missing, damaged, or not the one that was written.
    """
    content = _sound_content(folder, entry)
    try:
        stored = _unpacked(content)
        embeddings = stored["embeddings"]
        return Probe(tuple(stored[f"image_{i}"] for i in range(len(embeddings))), embeddings)
    except Exception as error:  # zipfile and numpy raise whatever a damaged archive makes them
        raise IndexCorrupt(
            f"{folder / NAME} is damaged ({error}): build the index again with 'pytest-replication "
            f"build IMAGES --out {folder} --overwrite'"
        ) from error


def check_probe(folder: Path, entry: FileEntry, embedder: Embedder) -> float:
    """Re-embed the probe images of an index on this machine.

    Args:
        folder: of the index.
        entry: what its manifest says of the file.
        embedder: the one at hand.

    Returns:
        The largest 1 - cosine between stored and new vectors.

    Raises:
        IndexCorrupt: the file is missing, damaged, or not the one that was written.
        IndexMismatch: the embedder at hand gives other vectors than the one of the index.
    """
    path, probe = folder / NAME, read_probe(folder, entry)
    found = embed_images(embedder, [Image.fromarray(image) for image in probe.images])
    if found.shape != probe.embeddings.shape:
        raise IndexMismatch(
            f"{path} holds vectors of shape {probe.embeddings.shape}, the embedder gives {found.shape}"
        )
    drift = drift_between(found, probe.embeddings)
    if not drift <= embedder.drift:
        raise IndexMismatch(
            f"{embedder.spec.name} on this machine gives other vectors than those of {path} (1 - cosine "
            f"{drift:.2g}, at most {embedder.drift:.0e} is allowed): use the same runtime as the build, "
            f"or build the index again here"
        )
    return drift


def _unpacked(content: bytes) -> dict[str, NDArray[Any]]:
    """The arrays of an npz file, none of which is unpacked unless all fit into memory.

    Raises:
        Exception: of any kind that a damaged archive brings about.
    """
    found: dict[str, NDArray[Any]] = {}
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        entries = archive.infolist()
        if (size := sum(entry.file_size for entry in entries)) > _MOST_BYTES:
            raise ValueError(f"it unpacks to {size:,} bytes, at most {_MOST_BYTES:,} are expected")
        for entry in entries:
            file = io.BytesIO(archive.read(entry))  # reads no more than the size that was looked at
            if np.lib.format.read_magic(file) != (1, 0):
                raise ValueError(f"{entry.filename} is not in version 1.0 of the format")
            shape, by_columns, dtype = np.lib.format.read_array_header_1_0(file)
            pixels = file.read()
            if by_columns or dtype.hasobject or len(pixels) != math.prod(shape) * dtype.itemsize:
                raise ValueError(f"{entry.filename} does not hold {shape} of {dtype}")
            found[entry.filename.removesuffix(".npy")] = np.frombuffer(pixels, dtype).reshape(shape)
    return found


def _sound_content(folder: Path, entry: FileEntry) -> bytes:
    path = folder / NAME
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise IndexCorrupt(f"{path} has more than the {_MOST_BYTES:,} bytes of a probe: {RESTORE}")
        content = path.read_bytes()
    except OSError as error:
        raise IndexCorrupt(f"{path} cannot be read ({error.strerror}): {RESTORE}") from error
    if len(content) != entry.bytes or hashlib.sha256(content).hexdigest() != entry.sha256:
        raise IndexCorrupt(f"{path} has changed since it was written (its checksum differs): {RESTORE}")
    return content
