"""What is stored of training images beside their vectors: an array and a file of each kind."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_replication.index.manifest import FEATURES, PARTS, PIXELS, TOKENS, Manifest

FILE_OF = {"tokens": TOKENS, "pixels": PIXELS, "parts": PARTS, "features": FEATURES}
"""The file of each kind, in the order in which shards name them."""


@dataclass(frozen=True, slots=True)
class Beside:
    """What is stored of the rows of a shard beside their vectors; None for what is not.

    Attributes:
        tokens: (rows * views, chunks, length) float16, finite.
        pixels: (rows, side, side, 3) uint8.
        parts: (rows, parts, dim) float32 or float16, unit rows.
        features: (n,) of `index.features.STORED`, row by row.
    """

    tokens: NDArray[np.float16] | None = None
    pixels: NDArray[np.uint8] | None = None
    parts: NDArray[Any] | None = None
    features: NDArray[np.void] | None = None

    def __iter__(self) -> Iterator[tuple[str, NDArray[Any]]]:
        """What there is: its kind, and the array."""
        for kind in FILE_OF:
            if (found := getattr(self, kind)) is not None:
                yield kind, found


def kinds_of(manifest: Manifest) -> tuple[str, ...]:
    """The kinds that an index stores."""
    objects = manifest.objects is not None
    return stored_kinds(manifest.tokens is not None, manifest.pixels is not None, objects)


def stored_kinds(tokens: bool, pixels: bool, objects: bool) -> tuple[str, ...]:
    """The kinds that are stored where these are wanted."""
    wanted = {"tokens": tokens, "pixels": pixels, "parts": objects, "features": objects}
    return tuple(kind for kind in FILE_OF if wanted[kind])
