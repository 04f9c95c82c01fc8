"""A few made-up images on which an embedder proves itself.

At build time it shows that it is fit for a gate (`prove`); the vectors it gives are stored with
the index, and whoever opens the index re-embeds them: does this machine's embedder agree?
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from pytest_replication.embedders.base import Embedder
from pytest_replication.errors import EmbedderError

_SHAPES = ((320, 320), (300, 200), (150, 260), (96, 96))


def probe_images() -> list[Image.Image]:
    """Make the probe images: smooth noise with drawn shapes, of several sizes; always the same."""
    return [_probe_image(number, size) for number, size in enumerate(_SHAPES)]


def embed_images(embedder: Embedder, images: Sequence[Image.Image]) -> NDArray[np.float32]:
    """Prepare and embed a handful of images as one batch: (n, dim)."""
    return embedder.embed([embedder.prepare(image) for image in images])


def prove(embedder: Embedder) -> NDArray[np.float32]:
    """Check that an embedder is fit to be the judge of a gate.

    The same image must get the same vector again, alone or in a batch; a vector must not depend
    on the others beside it; different images must not all get the same vector.

    Returns:
        Embeddings of the probe images: (n, dim).

    Raises:
        EmbedderError: it is not fit; says what was found.
    """
    images = probe_images()
    together = embed_images(embedder, images)
    alone = np.concatenate([embed_images(embedder, [image]) for image in images])
    drift = drift_between(together, alone)
    if drift > embedder.drift:
        raise EmbedderError(
            f"{embedder.spec.name} gives an image another vector alone than in a batch (1 - cosine "
            f"{drift:.2g}, at most {embedder.drift:.0e} is allowed): it is random, still in training "
            "mode, or mixes the images of a batch"
        )
    if drift_between(together[:1].repeat(len(images), axis=0), together) < 1e-6:
        raise EmbedderError(
            f"{embedder.spec.name} gives every image the same vector; its weights are damaged"
        )
    return together


def drift_between(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Largest 1 - cosine between rows of two arrays of unit vectors."""
    cosines = np.einsum("ij,ij->i", one.astype(np.float64), other.astype(np.float64))
    return float((1 - cosines).max())


def _probe_image(number: int, size: tuple[int, int]) -> Image.Image:
    # Integer noise from a fixed linear congruence: numpy's generators may change their streams.
    values = np.empty(8 * 6 * 3, dtype=np.uint8)
    state = 12345 + number
    for i in range(values.size):
        state = (state * 1103515245 + 12345) % 2**31
        values[i] = state >> 16 & 255
    image = Image.fromarray(values.reshape(6, 8, 3)).resize(size, Image.Resampling.BICUBIC)
    draw = ImageDraw.Draw(image)
    width, height = size
    colour = tuple(int(v) for v in values[:3])
    draw.ellipse((width // 8, height // 6, width // 2, height // 2 + 10 * number), fill=colour)
    draw.line((0, height - 1, width - 1, height // 3), fill=(255, 255, 255), width=3 + number)
    draw.rectangle((width // 2, height // 2, width - 12, height - 20), outline=(0, 0, 0), width=4)
    return image
