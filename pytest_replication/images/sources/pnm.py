"""Pixels → bytes of an image file that are the same on every machine.

PNG would be smaller, but its bytes depend on the zlib at hand, and the sha256 of a record must not.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def header(width: int, height: int, channels: int) -> bytes:
    """Header of a binary PGM (one channel) or PPM (three channels) file with 8 bits a value."""
    return b"P%d\n%d %d\n255\n" % ({1: 5, 3: 6}[channels], width, height)


def encode_image(image: Image.Image) -> bytes:
    """Encode an 8-bit RGB image as PPM."""
    return header(*image.size, 3) + image.tobytes()


def encode_block(block: NDArray[np.uint8]) -> Iterator[bytes]:
    """Encode images (n, h, w) or (n, h, w, 1 | 3), each as PGM or PPM."""
    height, width = block.shape[1:3]
    start = header(width, height, block.shape[3] if block.ndim == 4 else 1)
    for image in block:
        yield start + image.tobytes()  # in C order, whatever the order in memory
