"""How much two pictures have in common, however light, contrast, place, size and side were changed.

For pictures with next to nothing in them, of which a distance of pixels as they are says too little: one that
is dimmed, mirrored or moved is far from itself. The measure is the normalised cross-correlation (Lewis
1995, Fast Normalized Cross-Correlation) of one picture with all windows of the other.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pytest_replication.images.square import square

SIDE = 32
"""Side at which pictures are compared."""
FAINT = 4.0
"""Standard deviation in grey levels below which contrast is no more than noise and rounding."""
_PARTS = (16, 20, 24, 28, SIDE)
"""Sides of a window that may hold all of the other picture: one may be cut from the other, down to a half."""
_MARGIN = 4
"""How far the middle of one picture may have moved in the other."""
_FLAT = 1.0
"""Standard deviation in grey levels below which a window is empty."""
_INK = 0.25
"""Share of the largest deviation from the ground from which on a pixel is no ground."""
_LUMA = (0.299, 0.587, 0.114)
_BANDS = (slice(0, 3), slice(0, 1), slice(1, 2), slice(2, 3), slice(3, 4))
"""What is correlated: all colours together, each, and grey."""
_TRIMMED = 0.02
"""Share of the ink that may lie beyond each edge of a box, so that specks do not make it larger."""

Pixels = NDArray[np.uint8]
Values = NDArray[np.float32]


def alike(a: Pixels, b: Pixels) -> float:
    """Highest absolute correlation of two pictures, over what an edit may have changed.

    Over: brightness and contrast (each window is normalised), negative, the eight mirrors and quarter turns,
    either picture a part of the other down to half its side, and shifts of an eighth. In all colours together
    and each alone, and in grey; of the whole squares, and of the boxes around what is no ground.

    Args:
        a: (side, side, 3) uint8.
        b: (side, side, 3) uint8, of any side.

    Returns:
        0 to 1; 1 as well where one of them has too little contrast to be told from any other.
    """
    if min(_contrast(_small(a)), _contrast(_small(b))) < FAINT:
        return 1.0
    pairs = zip(_looks(a), _looks(b), strict=True)
    return max(max(_within(one, other), _within(other, one)) for one, other in pairs)


def _looks(pixels: Pixels) -> list[Values]:
    """A picture, the box around all that is no ground, and that around nearly all, each (SIDE, SIDE, 4)."""
    ground = np.median(pixels, axis=(0, 1))
    ink = np.abs(pixels - ground).max(axis=2)
    ink[ink < _INK * ink.max()] = 0
    boxes = [_box(ink.sum(axis=axis), trimmed) for trimmed in (0.0, _TRIMMED) for axis in (1, 0)]
    cut = [pixels, pixels[boxes[0], boxes[1]], pixels[boxes[2], boxes[3]]]
    return [_small(part) for part in cut]


def _box(ink: NDArray[np.float64], trimmed: float) -> slice:
    """Where the ink lies along an axis."""
    share = np.cumsum(ink) / max(float(ink.sum()), 1e-9)
    inside = np.flatnonzero((share > trimmed) & (np.concatenate([[0.0], share[:-1]]) < 1 - trimmed))
    return slice(int(inside[0]), int(inside[-1]) + 1) if len(inside) else slice(None)


def _small(pixels: Pixels) -> Values:
    """Shrink to (SIDE, SIDE, 4) float32: three colours, and grey."""
    small = square(Image.fromarray(np.ascontiguousarray(pixels)), SIDE).astype(np.float32)
    return np.concatenate([small, small @ np.array(_LUMA, np.float32)[:, None]], axis=2)


def _contrast(small: Values) -> float:
    return float(small.std(axis=(0, 1)).max())


def _within(a: Values, b: Values) -> float:
    """Highest absolute correlation of `a`, all of it or its middle, with a window of `b`."""
    whole = [a if side == SIDE else _resized(a, side) for side in _PARTS]
    middle = a[_MARGIN:-_MARGIN, _MARGIN:-_MARGIN]
    return max(_slid(part, b) for part in (*whole, middle))


def _resized(values: Values, side: int) -> Values:
    bands = [Image.fromarray(values[..., band]) for band in range(values.shape[2])]
    return np.stack([np.asarray(band.resize((side, side), Image.Resampling.BILINEAR)) for band in bands], 2)


def _slid(part: Values, image: Values) -> float:
    """Highest absolute correlation of a part, in eight orientations, with all windows of an image."""
    side, bands = len(part), part.shape[2]
    turned = [np.rot90(flipped, turns) for flipped in (part, part[:, ::-1]) for turns in range(4)]
    mine = np.stack(turned).transpose(3, 1, 2, 0).reshape(bands, side * side, len(turned))
    seen = np.lib.stride_tricks.sliding_window_view(image, (side, side), axis=(0, 1))
    theirs = seen.transpose(2, 0, 1, 3, 4).reshape(bands, -1, side * side)
    mine = mine - mine.mean(axis=1, keepdims=True)
    theirs = theirs - theirs.mean(axis=2, keepdims=True)
    products = theirs @ mine
    own, other = (mine**2).sum(axis=1), (theirs**2).sum(axis=2)
    empty = side * side * _FLAT**2
    found = 0.0
    for chosen in _BANDS:
        x, y = own[chosen].sum(axis=0), other[chosen].sum(axis=0)
        counts = (y[:, None] >= empty) & (x >= empty)
        scale = np.sqrt(np.maximum(x * y[:, None], 1e-6))
        values = np.where(counts, np.abs(products[chosen].sum(axis=0)) / scale, 0.0)
        found = max(found, float(values.max()))
    return min(1.0, found)
