"""Canaries: edited copies of training images, as they are stored beside the shards.

A gate puts some of them among its samples and has to find the training images that they copy.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from PIL import Image

from pytest_replication.images.decode import decode


@dataclass(frozen=True, slots=True)
class Canary:
    """An edited copy of a training image.

    Attributes:
        row: of the training image.
        edit: name of the edit, one of `images.edits.ALL_EDITS`.
        score: with the training image or a duplicate of it when it was planted.
        image: PNG, RGB.
    """

    row: int
    edit: str
    score: float
    image: bytes

    def picture(self) -> Image.Image:
        """Decode it as every sample and training image is decoded: RGB.

        Raises:
            UndecodableImage: it is damaged.
        """
        return decode(self.image)


@dataclass(frozen=True, slots=True)
class PartCanary:
    """A part of a training image, pasted on another training image.

    Attributes:
        row: of the training image that the part is of.
        points: that it had with it, or a duplicate of it, when it was planted.
        image: PNG, RGB.
    """

    row: int
    points: int
    image: bytes

    def picture(self) -> Image.Image:
        """Decode it as every sample and training image is decoded: RGB.

        Raises:
            UndecodableImage: it is damaged.
        """
        return decode(self.image)


@dataclass(frozen=True, slots=True)
class PartCanaries:
    """Copies of parts that are kept of an index, and how many were tried to have them.

    Attributes:
        kept: some of those that were found.
        tried: copies that were planted.
        found: of them, those that were found.
    """

    kept: tuple[PartCanary, ...] = ()
    tried: int = 0
    found: int = 0


@dataclass(frozen=True, slots=True)
class Canaries:
    """Those of an index, and how many were tried to have them.

    Attributes:
        threshold: score that each had to reach when it was planted.
        recall: for each edit how many copies were found at it, and how many were tried.
        kept: some of those that were found, spread over training images and edits.
        parts: copies of parts; none were tried where the index is not calibrated for parts.
    """

    threshold: float
    recall: Mapping[str, tuple[int, int]]
    kept: tuple[Canary, ...]
    parts: PartCanaries = PartCanaries()

    @property
    def tried(self) -> int:
        """Copies that were planted."""
        return sum(tried for _, tried in self.recall.values())

    @property
    def found(self) -> int:
        """Copies of them that were found."""
        return sum(found for found, _ in self.recall.values())


def png(image: Image.Image) -> bytes:
    """Encode an image without loss."""
    encoded = io.BytesIO()
    Image.fromarray(np.asarray(image.convert("RGB"))).save(encoded, "PNG")  # the pixels alone
    return encoded.getvalue()
