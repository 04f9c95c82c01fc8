"""probe.npz: the probe images of an index with their embeddings."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pytest_replication.embedders import Embedder
from pytest_replication.embedders.probe import drift_between, embed_images, probe_images
from pytest_replication.errors import IndexCorrupt, IndexMismatch
from pytest_replication.index.manifest import FileEntry
from pytest_replication.index.shard import describe_file

NAME = "probe.npz"


def write_probe(folder: Path, embeddings: NDArray[np.float32]) -> FileEntry:
    """Store the probe images and their embeddings by one rename."""
    arrays: dict[str, Any] = {f"image_{i}": np.asarray(x) for i, x in enumerate(probe_images())}
    content = io.BytesIO()
    np.savez(content, embeddings=embeddings, **arrays)
    temporary = folder / f".{NAME}.new"
    temporary.write_bytes(content.getvalue())
    os.replace(temporary, folder / NAME)
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
