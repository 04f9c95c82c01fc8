"""How much there is in an image: the complexity figures of the paper, and whether it is next to nothing.

A descriptor says little about an image with next to nothing in it: all blank pages are alike to it, and so
are many gradients. `low_information` names these images; the gate does not judge them by the descriptor.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIDE = 224
"""Side to which an image is resized before its complexity is measured, as the paper does."""
QUALITY = 90

TINY = 8
"""Shorter side in pixels below which an image is tiny."""
SMOOTH = 6.0
"""Grey levels that an image may deviate (root mean square) from a smooth surface and still count as flat.

Measured (benchmarks/pixels.py): the lowest of 531 photographs is 8.6, of 10,000 pictures of Fashion-MNIST
14.8; one colour has 0, gradients up to 0.3, vignettes up to 5, noise of 10 grey levels on a flat ground 1.7.
"""
BLANK = 0.97
"""Share of the pixels that has the middle colour, from which on an image is near-blank.

Measured as above: the highest of the photographs is 0.84, of Fashion-MNIST 0.90; a page with one word on
it has 0.99.
"""
_LOOK = 64
_DEGREE = 4
_LIKE = 8


@dataclass(frozen=True, slots=True)
class Complexity:
    """The complexity figures of an image, resized to 224 x 224 (Somepalli et al., section 7).

    Attributes:
        entropy: of its grey levels, in bits, 0 to 8.
        jpeg_kib: size as JPEG of quality 90, in KiB.
        variation: total variation, 1e-4 times the sum of all absolute differences of neighbours along both
            axes and in all channels, on 0..255.
    """

    entropy: float
    jpeg_kib: float
    variation: float

    @property
    def product(self) -> float:
        """Entropy times the square root of the JPEG size."""
        return self.entropy * float(np.sqrt(self.jpeg_kib))


def measure_complexity(image: Image.Image) -> Complexity:
    """Measure an upright RGB image."""
    small = image.resize((SIDE, SIDE), Image.Resampling.BILINEAR)
    encoded = io.BytesIO()
    small.save(encoded, "JPEG", quality=QUALITY)
    shares = np.bincount(np.asarray(small.convert("L")).ravel(), minlength=256) / SIDE**2
    shares = shares[shares > 0]
    pixels = np.asarray(small, np.int16)
    changes = sum(int(np.abs(np.diff(pixels, axis=axis)).sum(dtype=np.int64)) for axis in (0, 1))
    return Complexity(
        entropy=float(max(0.0, -(shares * np.log2(shares)).sum())),
        jpeg_kib=len(encoded.getvalue()) / 1024,
        variation=1e-4 * changes,
    )


def low_information(image: Image.Image) -> str | None:
    """Why a descriptor says little about an image; None where there is enough in it.

    Returns:
        ``tiny`` (shorter side below 8 pixels), ``flat`` (one colour, or a gradient: within 6 grey levels of a
        smooth surface), ``near-blank`` (97 % or more of it within 8 grey levels of the middle colour), or
        None.
    """
    shorter = min(image.size)
    if shorter < TINY:
        return "tiny"
    side = min(_LOOK, shorter)
    pixels = np.asarray(image.resize((side, side), Image.Resampling.BILINEAR), np.float64)
    if roughness(pixels) < SMOOTH:
        return "flat"
    middle = np.median(pixels, axis=(0, 1))
    like = float((np.abs(pixels - middle).max(axis=2) <= _LIKE).mean())
    return "near-blank" if like >= BLANK else None


def roughness(pixels: NDArray[np.float64]) -> float:
    """What a smooth surface leaves of an image: root mean square, in its own units.

    The surface is the polynomial of degree 4 in both coordinates that fits each channel best.

    Args:
        pixels: (side, side, channels), a side of 8 or more.
    """
    basis = _basis(len(pixels))
    found = np.einsum("ya,xb,yxc->abc", basis, basis, pixels, optimize=True)
    powers = np.arange(_DEGREE + 1)
    found[powers[:, None] + powers > _DEGREE] = 0
    # The basis is orthonormal: what the surface holds of the squares is what is taken off.
    rest = float((pixels**2).sum() - (found**2).sum())
    return float(np.sqrt(max(0.0, rest) / pixels.size))


def _basis(side: int) -> NDArray[np.float64]:
    """Orthonormal polynomials at the pixels of a side, (side, degree + 1)."""
    powers = np.polynomial.legendre.legvander(np.linspace(-1, 1, side), _DEGREE)
    return np.linalg.qr(powers)[0]
