"""The files of a shard are made in a folder beside the others, which comes into place by one rename."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_replication.durable import sync_folder
from pytest_replication.errors import BuildError
from pytest_replication.index.entries import FileEntry
from pytest_replication.index.features import fault_of
from pytest_replication.index.layout import SHARDS, drop_shard
from pytest_replication.index.manifest import Manifest
from pytest_replication.index.shard import describe_file
from pytest_replication.index.side_arrays import Beside


@contextmanager
def staged(index: Path, name: str) -> Iterator[Path]:
    """Give a folder to fill, which then becomes that of a shard.

    Args:
        index: folder of the index.
        name: of the shard; no manifest names one of that name. What a killed writer has left of it goes.

    Raises:
        BuildError: the disk cannot be written.
    """
    temporary = index / SHARDS / f".new-{name}"
    try:
        drop_shard(temporary)
        drop_shard(index / SHARDS / name)
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
    _check_lengths(embeddings, manifest)


def _check_lengths(vectors: NDArray[Any], manifest: Manifest) -> None:
    # In float64 without a copy in float64, which a shard of many rows is too large for.
    lengths = np.sqrt(np.einsum("ijk,ijk->ij", vectors, vectors, dtype=np.float64))
    if not (np.abs(lengths - 1) < 1e-3).all():  # also false for NaN
        raise BuildError(f"{manifest.embedder.name} gave vectors that are not of unit length")


def check_beside(beside: Beside, rows: int, manifest: Manifest) -> None:
    """Refuse what does not fit an index, or is missing from it, of what it stores beside its vectors.

    Args:
        beside: what is to be stored.
        rows: of how many images.
        manifest: of the index.

    Raises:
        BuildError: so it is.
    """
    check_tokens(beside.tokens, rows, manifest)
    check_pixels(beside.pixels, rows, manifest)
    check_parts(beside.parts, rows, manifest)
    check_features(beside.features, rows, manifest)


def check_parts(parts: NDArray[Any] | None, rows: int, manifest: Manifest) -> None:
    """Refuse vectors of parts that do not fit an index, or are missing from it.

    Args:
        parts: (rows, parts, dim) float32 or float16, unit rows; None for none.
        rows: how many there have to be.
        manifest: of the index.

    Raises:
        BuildError: another shape, or vectors that are not of unit length.
    """
    entry = manifest.objects
    expected = None if entry is None else (rows, len(entry.parts), manifest.embedder.dim)
    shape = None if parts is None else parts.shape
    if shape != expected:
        raise BuildError(
            f"parts of shape {shape} were to be stored, expected {expected}: an index stores parts of "
            "all its images, or of none"
        )
    if parts is not None:
        _check_lengths(parts, manifest)


def check_features(features: NDArray[np.void] | None, rows: int, manifest: Manifest) -> None:
    """Refuse local features that do not fit an index, or are missing from it.

    Args:
        features: (n,) of `index.features.STORED`; None for none.
        rows: of how many images.
        manifest: of the index.

    Raises:
        BuildError: another type, not in the order of the rows, too many, or not finite.
    """
    entry = manifest.objects
    if features is None or entry is None:
        if (features is None) == (entry is None):
            return
        raise BuildError("an index stores local features of all its images, or of none")
    if fault := fault_of(features, rows, entry.features):
        raise BuildError(f"{fault} were to be stored")


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
