"""Preprocessing presets: how an image is resized, cropped and normalised before the network.

Scores from different presets cannot be compared, so an index pins its preset. The four differ
in the literature although all are called "SSCD at 0.5": the two ``dcr`` ones are those of the
code released with Somepalli et al., CVPR 2023 (its retrieval script and its LAION search); the
two ``sscd`` ones are those that the authors of SSCD (Pizzi et al., CVPR 2022) advise. Pixels are
those of torchvision's ``Resize`` and ``CenterCrop``, which all of them use, and timm as well.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pytest_replication.errors import UnknownName, meant

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
HALF = (0.5, 0.5, 0.5)

LONGEST = 8
"""Longest side kept, in short sides: a sliver of 1 x 10,000 pixels must not become gigabytes."""

Triple = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Preset:
    """One way to bring an image to a network.

    Attributes:
        name: what users and manifests call it.
        square: resize to this width and height, changing the aspect; 0 to keep the aspect.
        short_side: resize so that the short side has this length, the long side at most `LONGEST`
            times as much; 0 if `square` is used.
        crop: then cut this many pixels square from the centre; 0 for none.
        mean: subtracted from pixels in [0, 1], for each of red, green, blue.
        std: divides what is left.
        interpolation: ``bilinear`` or ``bicubic``, both Pillow's, which smooth what they shrink.
    """

    name: str
    square: int
    short_side: int
    crop: int
    mean: Triple
    std: Triple
    interpolation: str = "bilinear"

    @property
    def side(self) -> int | None:
        """Width and height of what the network gets; None if they differ from image to image."""
        return self.crop or self.square or None

    def pixels(self, image: Image.Image) -> NDArray[np.uint8]:
        """Resize and crop: (height, width, 3) uint8."""
        filter_ = Image.Resampling[self.interpolation.upper()]
        image = image.resize(self._target(*image.size), filter_)
        if self.crop:
            left, top = _offset(image.width - self.crop), _offset(image.height - self.crop)
            image = image.crop((left, top, left + self.crop, top + self.crop))
        return np.asarray(image)

    def normalised(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Normalise resized pixels: (3, height, width) float32."""
        scaled = pixels.astype(np.float32) / 255
        mean, std = np.asarray(self.mean, np.float32), np.asarray(self.std, np.float32)
        scaled = (scaled - mean) / std
        return np.ascontiguousarray(scaled.transpose(2, 0, 1), dtype=np.float32)

    def describe(self) -> str:
        """Everything that changes pixels, in one line: part of the identity of an index."""
        size = f"{self.square} x {self.square}"
        if not self.square:
            size = f"short side {self.short_side} (long side cut off, at most {LONGEST}-fold)"
        crop = f", centre crop {self.crop} (offset rounded)" if self.crop else ""
        return f"{self.name}: {self.interpolation} to {size}{crop}, mean {self.mean}, std {self.std}"

    def _target(self, width: int, height: int) -> tuple[int, int]:
        if self.square:
            return self.square, self.square
        short, long = sorted((width, height))
        longer = min(LONGEST * self.short_side, int(self.short_side * long / short))
        return (self.short_side, longer) if width <= height else (longer, self.short_side)


def _offset(margin: int) -> int:
    return round(margin / 2)  # halves to the even side, as torchvision does


PRESETS = {
    preset.name: preset
    for preset in (
        Preset("sscd-320", 320, 0, 0, IMAGENET_MEAN, IMAGENET_STD),
        Preset("sscd-288", 0, 288, 0, IMAGENET_MEAN, IMAGENET_STD),
        Preset("dcr-laion", 0, 256, 224, IMAGENET_MEAN, IMAGENET_STD),
        Preset("dcr-metrics", 0, 256, 224, HALF, HALF),
    )
}


def preset_named(name: str) -> Preset:
    """Look a preset up.

    Raises:
        UnknownName: there is none of that name.
    """
    try:
        return PRESETS[name]
    except KeyError:
        raise UnknownName(
            f"there is no preset {name!r}{meant(name, PRESETS)}; known are {', '.join(PRESETS)}: name one, "
            "or leave the preset away for the own one of the embedder"
        ) from None
