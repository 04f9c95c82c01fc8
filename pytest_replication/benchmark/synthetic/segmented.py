"""An image whose objects are known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pytest_replication.benchmark.synthetic.geometry import (
    Size,
    bounded_size,
    cover,
    covering_box,
    resize_labels,
)

BACKGROUND, VOID = 0, -1
"""Labels of the pixels that belong to no object, and of those of which nothing is known."""

Labels = NDArray[np.int32]


@dataclass(frozen=True, slots=True, eq=False)
class Segmented:
    """An image with a label for each pixel.

    Attributes:
        image: RGB.
        labels: (h, w) int32: `BACKGROUND`, `VOID`, or the positive number of an object or class.
        classes: names of the numbers, where they have some.
    """

    image: Image.Image
    labels: Labels
    classes: Mapping[int, str] = field(default_factory=dict)

    def bounded(self, longest: int) -> Segmented:
        """Shrink it until no side is longer than this number of pixels."""
        size = bounded_size(self.image.size, longest)
        if size == self.image.size:
            return self
        whole = (0.0, 0.0, float(self.image.width), float(self.image.height))
        image = self.image.resize(size, Image.Resampling.BICUBIC)
        return Segmented(image, resize_labels(self.labels, size, whole), self.classes)

    def covering(self, size: Size) -> Segmented:
        """Resize it so that it covers a size, and cut what is beyond."""
        if size == self.image.size:
            return self
        labels = resize_labels(self.labels, size, covering_box(self.image.size, size))
        return Segmented(cover(self.image, size), labels, self.classes)

    def shares(self) -> dict[int, float]:
        """Share of the pixels of each label but `VOID`, by ascending label."""
        found, counts = np.unique(self.labels, return_counts=True)
        return {
            int(label): int(count) / self.labels.size
            for label, count in zip(found, counts, strict=True)
            if label != VOID
        }

    def name(self, label: int) -> str:
        """What messages and descriptions call a label."""
        return "background" if label == BACKGROUND else self.classes.get(label, str(label))


def unlabelled(image: Image.Image) -> Segmented:
    """An image of whose objects nothing is known."""
    return Segmented(image, np.full((image.height, image.width), VOID, np.int32))
