"""One-step edge agreement: memorised prompts give sharp edges after a single step, in the same places.

Webster, "A Reproducible Extraction of Training Images from Diffusion Models" (arXiv 2305.08694), the
black-box score. Each generation is one step from pure noise to clean latents, decoded and resized to 256 x
256 (Lanczos), in [0, 1]:

    E = [sum over channels of hypot(sobel_x, sobel_y) > 1.5]
    score = share of pixels at which more than half of the generations have an edge

High for memorised prompts. A Heun step of the author's sampler that ends without noise is the step that is
taken here. Sobel kernels are the unnormalised 3 x 3 ones, edges of the picture mirrored: the author's are
not documented.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIDE = 256
STRONG = 1.5
"""Strength of an edge, summed over the channels of a picture in [0, 1]."""


def edge_agreement(pictures: NDArray[np.uint8]) -> float:
    """Share of pixels at which more than half of the pictures have an edge.

    Args:
        pictures: (generations, height, width, 3).

    Returns:
        In [0, 1].
    """
    maps = np.stack([edges(_resized(picture)) for picture in pictures])
    return float((maps.mean(axis=0) > 0.5).mean())


def edges(picture: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Where a picture has an edge.

    Args:
        picture: (height, width, channels) in [0, 1].

    Returns:
        (height, width).
    """
    from scipy.ndimage import sobel

    # Of each channel by itself: a kernel over the whole array would smooth over channels, too.
    channels = np.moveaxis(picture, -1, 0)
    strength = [np.hypot(*(sobel(one, axis=axis, mode="reflect") for axis in (0, 1))) for one in channels]
    return np.asarray(np.sum(strength, axis=0) > STRONG)


def _resized(picture: NDArray[np.uint8]) -> NDArray[np.float64]:
    image = Image.fromarray(picture).resize((SIDE, SIDE), Image.Resampling.LANCZOS)
    return np.asarray(image, np.float64) / 255
