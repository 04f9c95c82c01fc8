"""What is stored beside the vectors: the room that it takes, and how tokens become numbers of 16 bits."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pytest_replication.embedders import Embedder
from pytest_replication.errors import BuildError, IndexMismatch, SettingsError
from pytest_replication.index.manifest import Manifest
from pytest_replication.index.objects import bytes_of_objects, times_the_work

TokenShape = tuple[int, int]
_EXPONENT = 15


def to_half(tokens: NDArray[np.float32]) -> NDArray[np.float16]:
    """Make tokens numbers of 16 bits.

    Those of one view are multiplied by a power of two, so that the largest lies in [2^14, 2^15): none
    overflows and as few as can be vanish. No score depends on the scale of a view.

    Args:
        tokens: (n, chunks, length), finite.
    """
    largest = np.abs(tokens).max(axis=(1, 2), keepdims=True, initial=0)
    _, exponents = np.frexp(largest)
    half: NDArray[np.float16] = np.ldexp(tokens, _EXPONENT - exponents).astype(np.float16)
    return half


def token_shape(embedder: Embedder) -> TokenShape:
    """Chunks of an image and length of a chunk.

    Raises:
        SettingsError: the embedder has no tokens.
    """
    if embedder.token_shape is None:
        raise SettingsError(
            f"the embedder {embedder.spec.name} describes an image by one vector and has no tokens: build "
            "without --tokens, or with a transformer or a convolution map"
        )
    return embedder.token_shape


def shown(shape: TokenShape | None) -> str:
    """A shape in words."""
    return "none" if shape is None else f"{shape[0]} x {shape[1]}"


def bytes_of(shape: TokenShape, views: int = 1) -> int:
    """Bytes that the tokens of one image take."""
    return 2 * shape[0] * shape[1] * views


def make_room(folder: Path, manifest: Manifest, images: int, *, say: bool) -> None:
    """Say what is stored beside the vectors, and refuse to begin where there is no room for it.

    Args:
        folder: of the index; exists.
        manifest: of the index; what it lists already takes no more room.
        images: images of the source, exact or estimated.
        say: print it on standard error.

    Raises:
        BuildError: there is not enough room.
    """
    kinds = _kinds(manifest)
    if not kinds or manifest.complete:
        return
    text = "; ".join(
        f"{name}: {shape}, {_size(each)} an image, {_size(each * images)} for {images:,} images{work}"
        for name, (shape, each, work) in kinds.items()
    )
    if say:
        print(text, file=sys.stderr)
    each = bytes_beside(manifest)
    needed, free = each * max(0, images - manifest.listed), shutil.disk_usage(folder).free
    if needed > free:
        without = " and ".join(f"--{name}" for name in kinds)
        raise BuildError(
            f"{folder} has room for {_size(free)} and {_size(needed)} are needed "
            f"({text}): free some space, name another folder, or build without {without}"
        )


def bytes_beside(manifest: Manifest) -> int:
    """Bytes that one image takes beside its vectors, at most."""
    return sum(bytes_ for _, bytes_, _ in _kinds(manifest).values())


def _kinds(manifest: Manifest) -> dict[str, tuple[str, int, str]]:
    """What an index stores beside the vectors: how it is laid out, bytes an image, and what else it costs."""
    found = {}
    if manifest.tokens is not None:
        each = bytes_of(manifest.tokens, len(manifest.views))
        found["tokens"] = (f"{shown(manifest.tokens)} float16", each, "")
    if (side := manifest.pixels) is not None:
        found["pixels"] = (f"{side} x {side} x 3 bytes", 3 * side * side, "")
    if (objects := manifest.objects) is not None:
        numbers = f"{manifest.embedder.dim} {np.dtype(manifest.dtype).name}"
        laid = (
            f"{len(objects.parts)} parts ({objects.grid}) x {numbers}, up to {objects.features} "
            f"local features and a picture of {manifest.thumbnails} pixels"
        )
        work = f", {times_the_work(manifest, objects)} times the embedding work"
        found["objects"] = (laid, bytes_of_objects(manifest, objects), work)
    return found


def check_tokens_alike(manifest: Manifest, embedder: Embedder, folder: Path) -> None:
    """Compare the tokens that an embedder gives with those of an index that stores them.

    Raises:
        IndexMismatch: they differ in shape.
    """
    if manifest.tokens is not None and embedder.token_shape != manifest.tokens:
        raise IndexMismatch(
            f"{folder} stores tokens of {shown(manifest.tokens)}, and {embedder.spec.name} at hand gives "
            f"{shown(embedder.token_shape)}: name the embedder that made the index with --embedder"
        )


def _size(number: int) -> str:
    for unit, name in ((10**9, "GB"), (10**6, "MB"), (1024, "KiB")):
        if number >= unit:
            return f"{number / unit:.1f} {name}" if number < 10 * unit else f"{number // unit:,} {name}"
    return f"{number} bytes"
