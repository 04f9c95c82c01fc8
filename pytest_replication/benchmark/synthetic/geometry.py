"""Sizes, boxes and placing: what all recipes need of geometry."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Size = tuple[int, int]
Box = tuple[int, int, int, int]
"""Left, upper, right, lower edge, in pixels; right and lower are outside."""


def random_box(size: Size, kept: float, rng: np.random.Generator) -> Box:
    """Draw the box of CutMix: its centre anywhere in the image, clipped at the edges.

    Args:
        size: width and height of the image.
        kept: share of the image that an unclipped box leaves, between 0 and 1 (CutMix calls it lambda).
        rng: where the centre comes from.
    """
    root = math.sqrt(1 - kept)
    edges = []
    for side in size:
        length = int(side * root)
        start = int(rng.integers(side)) - length // 2
        edges.append((max(0, start), min(side, start + length)))
    (left, right), (upper, lower) = edges
    return left, upper, right, lower


def bounded_size(size: Size, longest: int) -> Size:
    """The size of an image whose longest side may not exceed a number of pixels."""
    scale = min(1.0, longest / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def covering_box(size: Size, target: Size) -> tuple[float, float, float, float]:
    """The largest central part of an image of one size that has the proportions of another."""
    scale = max(target[0] / size[0], target[1] / size[1])
    width, height = min(float(size[0]), target[0] / scale), min(float(size[1]), target[1] / scale)
    left, upper = (size[0] - width) / 2, (size[1] - height) / 2
    return left, upper, min(float(size[0]), left + width), min(float(size[1]), upper + height)


def cover(image: Image.Image, target: Size) -> Image.Image:
    """Resize an image so that it covers a size, and cut what is beyond it on both sides."""
    if image.size == target:
        return image
    return image.resize(target, Image.Resampling.BICUBIC, box=covering_box(image.size, target))


def resize_labels(
    labels: NDArray[np.int32], target: Size, box: tuple[float, float, float, float]
) -> NDArray[np.int32]:
    """Resize a part of a label map to a size; each pixel takes the label nearest to its centre.

    Args:
        labels: (h, w) int32.
        target: width and height.
        box: the part, in pixels of the map.
    """
    left, upper, right, lower = box
    columns = _nearest(left, right, target[0], labels.shape[1])
    rows = _nearest(upper, lower, target[1], labels.shape[0])
    return labels[rows[:, None], columns]


def _nearest(start: float, end: float, count: int, limit: int) -> NDArray[np.int64]:
    centres = start + (np.arange(count) + 0.5) * (end - start) / count
    return np.clip(np.floor(centres), 0, limit - 1).astype(np.int64)


def paste(
    host: Image.Image, piece: Image.Image, mask: NDArray[np.bool_], at: tuple[int, int]
) -> tuple[Image.Image, int]:
    """Paste the masked pixels of a piece into a copy of an image, clipped at its edges.

    Args:
        host: what is pasted into.
        piece: the pixels.
        mask: (h, w) of the piece: which of them.
        at: where its upper left pixel goes; may lie outside.

    Returns:
        The picture, and how many of its pixels were pasted.
    """
    pixels = np.array(host)
    left, upper = max(0, at[0]), max(0, at[1])
    right, lower = min(host.width, at[0] + piece.width), min(host.height, at[1] + piece.height)
    if right <= left or lower <= upper:
        return host.copy(), 0
    inside = np.s_[upper - at[1] : lower - at[1], left - at[0] : right - at[0]]
    chosen = mask[inside]
    pixels[upper:lower, left:right][chosen] = np.asarray(piece)[inside][chosen]
    return Image.fromarray(pixels), int(chosen.sum())
