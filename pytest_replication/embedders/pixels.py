"""``pixels``: mean-free, contrast-normalised pixels at a small size. No weights.

For tests, very small images and first runs. It finds re-encoded and resized copies and nothing
else, and has no default threshold.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pytest_replication.embedders.base import Embedder, EmbedderOptions, EmbedderSpec, Prepared, require_cpu
from pytest_replication.errors import SettingsError

SIDE = 16
FLAT = 2.0
"""Contrast, in grey levels, below which an image counts as flat rather than as its noise."""


class PixelEmbedder(Embedder):
    """Unit vector of SIDE x SIDE x 3 pixels minus their mean, and one component for flatness.

    The last component is constant before normalisation: two flat images (black, white, one
    colour) score 1 with each other and next to nothing with anything else, where plain contrast
    normalisation would blow up their noise or divide by zero.
    """

    batch_size = 256
    drift = 1e-5

    def __init__(self) -> None:
        self.spec = EmbedderSpec(
            name="pixels",
            dim=SIDE * SIDE * 3 + 1,
            weights_sha256=None,
            preprocessing=f"bilinear to {SIDE} x {SIDE}, minus mean, flat below {FLAT}",
            location="pixels",
        )

    def prepare(self, image: Image.Image) -> Prepared:
        """Resize: (SIDE, SIDE, 3) uint8."""
        return np.asarray(image.resize((SIDE, SIDE), Image.Resampling.BILINEAR))

    def forward(self, batch: Sequence[Prepared]) -> NDArray[np.float32]:
        """Centre the pixels and append the flatness component."""
        pixels = np.stack(batch).reshape(len(batch), -1).astype(np.float64)
        centred = (pixels - pixels.mean(axis=1, keepdims=True)) / np.sqrt(pixels.shape[1])
        flatness = np.full((len(batch), 1), FLAT)
        return np.concatenate([centred, flatness], axis=1).astype(np.float32)


def load(options: EmbedderOptions) -> Embedder:
    """Entry point of ``pixels``."""
    options.refuse_parameters()
    if options.argument or options.preset:
        raise SettingsError("the embedder pixels takes neither an argument nor a preset")
    require_cpu(options.device, "the embedder pixels")
    return PixelEmbedder()
