"""Images as squares of pixels: what is stored of them, and compared pixel by pixel."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def square(image: Image.Image, side: int) -> NDArray[np.uint8]:
    """Resize an upright RGB image to side x side, whatever its aspect.

    Bilinear, over all pixels that fall into one when it shrinks. An image of that size is left as it is, so
    that its pixels are compared exactly.

    Returns:
        (side, side, 3) uint8.
    """
    if image.size != (side, side):
        image = image.resize((side, side), Image.Resampling.BILINEAR)
    return np.asarray(image, np.uint8)
