"""Masks as COCO stores them: run lengths, plain or packed into text, and polygons.

The format is that of the COCO API (Lin et al., ECCV 2014). Runs go down the columns, the first one
counts zeros. Packed runs are numbers of five bits a character, lowest first: bit 5 says that more
follow, bit 4 of the last is the sign; from the fourth run on, differences to the run two before.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]


def unpack(text: str) -> list[int]:
    """Decode packed run lengths.

    Raises:
        ValueError: a character that cannot occur, or a number that does not end.
    """
    runs: list[int] = []
    value = shift = 0
    for character in text:
        bits = ord(character) - 48
        if not 0 <= bits < 64:
            raise ValueError(f"{character!r} is no part of packed run lengths")
        value |= (bits & 31) << shift
        shift += 5
        if bits & 32:
            continue
        if bits & 16:
            value -= 1 << shift
        runs.append(value + runs[-2] if len(runs) > 2 else value)
        value = shift = 0
    if shift:
        raise ValueError("the packed run lengths end in the middle of a number")
    return runs


def from_runs(runs: Sequence[int], height: int, width: int) -> Mask:
    """Turn run lengths into a mask (h, w).

    Raises:
        ValueError: a negative run, or runs that do not fill the mask exactly.
    """
    whole = all(isinstance(run, int) and run >= 0 for run in runs)
    if not whole or sum(runs) != height * width:
        raise ValueError(f"the run lengths do not add up to {height} x {width} pixels")
    values = np.arange(len(runs)) % 2 == 1
    return np.repeat(values, np.asarray(runs, dtype=np.int64)).reshape(width, height).T


def from_polygon(points: Sequence[float], height: int, width: int) -> Mask:
    """Fill a polygon: see `add_polygon`."""
    mask = np.zeros((height, width), np.bool_)
    add_polygon(mask, points)
    return mask


def add_polygon(mask: Mask, points: Sequence[float]) -> None:
    """Add a polygon to a mask: the pixels whose centre lies inside, by the even-odd rule.

    Args:
        mask: (h, w), changed within the bounds of the polygon alone.
        points: x and y of each corner in turn, in pixels; a pixel reaches from its number to the next.

    Raises:
        ValueError: less than three corners, half a corner, or numbers that are not finite.
    """
    corners = np.asarray(points, dtype=np.float64)
    if corners.ndim != 1 or len(corners) < 6 or len(corners) % 2 or not np.isfinite(corners).all():
        raise ValueError(f"a polygon of {corners.size} numbers; expected x and y of 3 corners or more")
    x, y = corners[::2], corners[1::2]
    next_x, next_y = np.roll(x, -1), np.roll(y, -1)
    height, width = mask.shape
    left = max(0, int(np.floor(x.min())))
    right = max(left, min(width, int(np.ceil(x.max()))))
    columns = np.arange(left, right) + 0.5
    first, last = max(0, int(np.floor(y.min()))), min(height, int(np.ceil(y.max())))
    for row in range(first, last):
        middle = row + 0.5
        crossing = (y <= middle) != (next_y <= middle)
        along = (middle - y[crossing]) / (next_y[crossing] - y[crossing])
        at = np.sort(x[crossing] + along * (next_x[crossing] - x[crossing]))
        mask[row, left:right] |= np.searchsorted(at, columns, side="right") % 2 == 1
