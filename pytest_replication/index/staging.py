"""The files of a shard are made in a folder beside the others, which comes into place by one rename."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_replication.errors import BuildError
from pytest_replication.index.layout import SHARDS
from pytest_replication.index.manifest import FileEntry, Manifest, sync_folder
from pytest_replication.index.shard import describe_file


@contextmanager
def staged(index: Path, name: str) -> Iterator[Path]:
    """Give a folder to fill, which then becomes that of a shard.

    Args:
        index: folder of the index.
        name: of the shard; there is none of that name.

    Raises:
        BuildError: the disk cannot be written.
    """
    temporary = index / SHARDS / f".new-{name}"
    try:
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir()
        yield temporary
        sync_folder(temporary)
        temporary.rename(index / SHARDS / name)
        sync_folder(index / SHARDS)
    except OSError as error:
        raise BuildError(
            f"{index} cannot be written ({error}): free some space or name another folder; "
            "what is finished is kept"
        ) from error


def describe_shard(folder: Path, names: Sequence[str]) -> dict[str, FileEntry]:
    """Size and checksums of every file of a shard."""
    return {name: describe_file(folder / name) for name in names}


def check_vectors(embeddings: NDArray[Any], rows: int, manifest: Manifest) -> None:
    """Refuse vectors that do not fit an index.

    Args:
        embeddings: (rows, views, dim) float32 or float16, unit rows.
        rows: how many there have to be.
        manifest: of the index.

    Raises:
        BuildError: another shape, or vectors that are not of unit length.
    """
    expected = (rows, len(manifest.views), manifest.embedder.dim)
    if embeddings.shape != expected:
        raise BuildError(f"vectors of shape {embeddings.shape} were to be stored, expected {expected}")
    # In float64 without a copy in float64, which a shard of many rows is too large for.
    lengths = np.sqrt(np.einsum("ijk,ijk->ij", embeddings, embeddings, dtype=np.float64))
    if not (np.abs(lengths - 1) < 1e-3).all():  # also false for NaN
        raise BuildError(f"{manifest.embedder.name} gave vectors that are not of unit length")


def check_pixels(pixels: NDArray[np.uint8] | None, rows: int, manifest: Manifest) -> None:
    """Refuse pixels that do not fit an index, or are missing from it.

    Args:
        pixels: (rows, side, side, 3) uint8; None for none.
        rows: how many there have to be.
        manifest: of the index.

    Raises:
        BuildError: another shape or type.
    """
    side = manifest.pixels
    expected = None if side is None else ((rows, side, side, 3), np.dtype(np.uint8))
    found = None if pixels is None else (pixels.shape, pixels.dtype)
    if found != expected:
        raise BuildError(
            f"pixels of {found} were to be stored, expected {expected}: an index stores pixels of all its "
            "images, or of none"
        )


def check_tokens(tokens: NDArray[np.float16] | None, rows: int, manifest: Manifest) -> None:
    """Refuse tokens that do not fit an index, or are missing from it.

    Args:
        tokens: (rows * views, chunks, length) float16, finite; None for none.
        rows: how many there have to be.
        manifest: of the index.

    Raises:
        BuildError: another shape or type, or tokens that are not finite.
    """
    expected = None if manifest.tokens is None else (rows * len(manifest.views), *manifest.tokens)
    shape = None if tokens is None else tokens.shape
    if shape != expected:
        raise BuildError(
            f"tokens of shape {shape} were to be stored, expected {expected}: an index stores tokens of all "
            "its images, or of none"
        )
    if tokens is not None and not (tokens.dtype == np.float16 and np.isfinite(tokens).all()):
        raise BuildError(f"{manifest.embedder.name} gave tokens that are not finite numbers of 16 bits")
