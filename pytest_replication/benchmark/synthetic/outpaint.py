"""Outpainting: a part of an image is kept, the rest is filled (Somepalli et al., CVPR 2023).

The paper does not say how large the parts are; the sizes here are our own.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pytest_replication.benchmark.synthetic.recipe import Ingredients, Kind, Mixed, Parameter
from pytest_replication.errors import BenchmarkError

Mask = NDArray[np.bool_]


def patch_outpaint(parts: Ingredients, *, smallest: float = 0.4, largest: float = 0.6) -> list[Mixed | None]:
    """Keep a square patch at a random place, and fill the rest.

    Args:
        parts: what the copies are made of.
        smallest: side of the smallest patch, as a share of the short side.
        largest: side of the largest.
    """
    if smallest > largest:
        raise BenchmarkError(f"smallest is {smallest}, more than largest, {largest}: swap the two")
    copies: list[Mixed | None] = []
    for _ in range(parts.copies):
        width, height = parts.source.image.size
        side = max(1, round(min(width, height) * float(parts.rng.uniform(smallest, largest))))
        left = int(parts.rng.integers(width - side + 1))
        upper = int(parts.rng.integers(height - side + 1))
        kept = np.zeros((height, width), np.bool_)
        kept[upper : upper + side, left : left + side] = True
        copies.append(_filled(parts, kept, {"patch": [left, upper, left + side, upper + side]}))
    return copies


def diagonal_outpaint(parts: Ingredients) -> list[Mixed | None]:
    """Keep what is on one side of a diagonal, and fill the rest."""
    copies: list[Mixed | None] = []
    for _ in range(parts.copies):
        corner = CORNERS[int(parts.rng.integers(len(CORNERS)))]
        width, height = parts.source.image.size
        copies.append(_filled(parts, triangle(width, height, corner), {"corner": corner}))
    return copies


CORNERS = ("upper left", "upper right", "lower left", "lower right")
"""Corners of an image, as names of the triangle around each."""


def triangle(width: int, height: int, corner: str) -> Mask:
    """The half of an image around one of its `CORNERS`: (h, w) bool, the diagonal left out."""
    across = (np.arange(width) + 0.5) / width
    down = (np.arange(height) + 0.5) / height
    across = 1 - across if corner.endswith("right") else across
    down = 1 - down if corner.startswith("lower") else down
    # Symmetric whatever the rounding: pixels on the diagonal belong to neither half.
    return np.asarray(down[:, None] + across < 1 - 1e-9, np.bool_)


def _filled(parts: Ingredients, kept: Mask, made: dict[str, object]) -> Mixed | None:
    if not kept.any():  # the triangle of an image of one pixel
        return None
    if parts.fill is None:
        raise BenchmarkError("this kind of set fills what it cuts away, and no filler was given")
    picture = parts.fill(parts.source.image, ~kept, int(parts.rng.integers(2**31)))
    return None if picture is None else Mixed(picture, float(kept.mean()), made)


PATCH_OUTPAINT = Kind(
    patch_outpaint,
    fill=True,
    parameters={"smallest": Parameter(0.4, 0.01, 1.0), "largest": Parameter(0.6, 0.01, 1.0)},
)
DIAGONAL_OUTPAINT = Kind(diagonal_outpaint, fill=True)
