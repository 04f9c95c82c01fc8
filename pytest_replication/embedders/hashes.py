"""``phash`` and ``pdq``: perceptual hashes, whose bits make a vector.

A bit is 1/sqrt(n) or -1/sqrt(n), so that the cosine of two images is 1 - 2 * distance / n: a Hamming
distance of 31 of the 256 bits of PDQ is the score 0.7578, one of 10 of 64 bits is 0.6875.

The bits of an image without features (one colour, a faint gradient) are those of its noise, and any
two such images may share them. Such images are described by their colours instead, in components that
are zero for all others. Between the two lies no cliff that a copy could fall from: `weight` goes from
0, colours only, to 1, bits only, with PDQ's quality from 0 to 50, and with the contrast for phash.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pytest_replication.embedders.base import (
    Embedder,
    EmbedderOptions,
    EmbedderSpec,
    Prepared,
    Threshold,
    require_cpu,
)
from pytest_replication.errors import EmbedderUnavailable, SettingsError

Hash = Callable[[Image.Image], tuple[NDArray[Any], float]]
"""From an image to its bits, and to the weight from 0 to 1 that they have."""

QUALITY = 50
"""PDQ's quality from which on its authors advise to use a hash."""

CONTRAST = 2.0
"""Standard deviation, in grey levels, from which on an image counts as one with features for phash."""

PDQ_SIDE = 512
"""PDQ's authors advise to resize to this before it is computed; what is smaller is left alone."""

PDQ_THRESHOLD = Threshold(0.7578, "default of pdq: its authors' distance of 31 of 256 bits or less")

_TURNS = np.array([1.0, 3.0])
COLOURS = 2 * 2 * 3 * 2 * len(_TURNS)
"""Number of components for colours."""


class HashEmbedder(Embedder):
    """A perceptual hash as a vector.

    Args:
        spec: its identity.
        hashed: computes the hash.
        threshold: a documented threshold, None for none.
    """

    batch_size = 64
    bits = True

    def __init__(self, spec: EmbedderSpec, hashed: Hash, threshold: Threshold | None) -> None:
        self.spec, self._hashed, self.default_threshold = spec, hashed, threshold
        # Another build of the library may round one bit the other way.
        self.drift = 2.5 / (spec.dim - COLOURS)

    def prepare(self, image: Image.Image) -> Prepared:
        """Compute the hash: (dim,) float64, of unit length."""
        bits, weight = self._hashed(image)
        signs = np.where(np.asarray(bits, dtype=bool).ravel(), 1.0, -1.0) / np.sqrt(self.spec.dim - COLOURS)
        return np.concatenate([np.sqrt(weight) * signs, np.sqrt(1 - weight) * _colours(image)])

    def forward(self, batch: Sequence[Prepared]) -> NDArray[np.float32]:
        """Stack the vectors."""
        return np.stack(batch).astype(np.float32)


def _colours(image: Image.Image) -> NDArray[np.float64]:
    """Unit vector of the mean colours of four quarters; a tenth of the range apart is a score of 0.77."""
    levels = np.asarray(image.resize((2, 2), Image.Resampling.BOX), dtype=np.float64).ravel() / 255
    angles = np.pi * levels[:, None] * _TURNS
    both = np.concatenate([np.cos(angles), np.sin(angles)], axis=None)
    unit: NDArray[np.float64] = both / np.sqrt(angles.size)
    return unit


def load(options: EmbedderOptions) -> Embedder:
    """Entry point of ``phash`` and ``pdq``."""
    if options.argument or options.preset:
        raise SettingsError(f"the embedder {options.name} takes neither an argument nor a preset")
    require_cpu(options.device, f"the embedder {options.name}")
    try:
        return _pdq(options) if options.name == "pdq" else _phash(options)
    except ImportError as error:
        raise EmbedderUnavailable(
            f"{options.name} needs a library that is not installed ({error}): install the extra [hashes] of "
            "pytest-replication"
        ) from error


def _phash(options: EmbedderOptions) -> HashEmbedder:
    import imagehash

    bits = options.parameters.get("bits", "64")
    if set(options.parameters) - {"bits"} or bits not in ("64", "256"):
        raise SettingsError(
            f"phash takes the parameter bits=64 or bits=256, not {', '.join(options.parameters)} = {bits}"
        )
    side = 8 if bits == "64" else 16
    name = "phash" if bits == "64" else "phash?bits=256"

    def hashed(image: Image.Image) -> tuple[NDArray[Any], float]:
        grey = np.asarray(image.convert("L").resize((4 * side, 4 * side), Image.Resampling.LANCZOS))
        return imagehash.phash(image, hash_size=side).hash, min(1.0, float(grey.std()) / CONTRAST)

    text = f"ImageHash phash, hash_size {side}; colours below a contrast of {CONTRAST}"
    return HashEmbedder(EmbedderSpec(name, side * side + COLOURS, None, text, name), hashed, None)


def _pdq(options: EmbedderOptions) -> HashEmbedder:
    import pdqhash

    options.refuse_parameters()

    def hashed(image: Image.Image) -> tuple[NDArray[Any], float]:
        size = min(image.width, PDQ_SIDE), min(image.height, PDQ_SIDE)
        bits, quality = pdqhash.compute(np.asarray(image.resize(size, Image.Resampling.BILINEAR)))
        return bits, min(1.0, quality / QUALITY)

    text = f"bilinear to at most {PDQ_SIDE} x {PDQ_SIDE}, PDQ; colours below a quality of {QUALITY}"
    return HashEmbedder(EmbedderSpec("pdq", 256 + COLOURS, None, text, "pdq"), hashed, PDQ_THRESHOLD)
