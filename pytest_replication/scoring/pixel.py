"""Distances of pixels: what tells an exact or nearly exact copy of a small image from another image.

Images are floats in [0, 1], (..., height, width, channels); distances lie in [0, 1] as well (0 equal, 1
black against white), and smaller is closer. Crops, mirrors and edits are not found this way.

Sources: Carlini et al. 2023, Extracting Training Data from Diffusion Models, for `rmse`, `tiled` and
`relative`; Yoon et al. 2023, Diffusion Probabilistic Models Generalize when They Fail to Memorize, for
`nearest_ratio`.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_replication.errors import SearchError, SettingsError

Images = NDArray[Any]
Distances = NDArray[np.float64]

TILES = 16
"""Tiles of an image in `tiled`: those of Carlini et al., 128 x 128 pixels of 512 x 512."""
NEIGHBOURS = 50
"""Training images whose mean distance `relative` compares with (Carlini et al.)."""
ALPHA = 0.5
"""Factor of that mean (Carlini et al.)."""


def unit_range(pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Bring bytes to floats in [0, 1]."""
    return pixels.astype(np.float64) / 255


def rmse(a: Images, b: Images) -> Distances:
    """Root mean square difference over all pixels and channels: the l2 of Carlini et al., section 4.

    ``l2(a, b) = sqrt(mean over all i of (a_i - b_i)^2)``. An image is (l2, d)-extracted where it is at most
    d; the paper takes d from 0.05 to 0.15.

    Args:
        a: (..., height, width, channels) floats in [0, 1].
        b: as `a`; the leading axes are broadcast.

    Returns:
        Distances in [0, 1], of the shape of the leading axes.

    Raises:
        SearchError: images of different sizes, outside [0, 1], or not finite.
    """
    _check(a, b)
    found: Distances = np.sqrt(_squares(a, b).mean(axis=(-3, -2, -1)))
    return found


def tiled(a: Images, b: Images, tiles: int = TILES) -> Distances:
    """Largest `rmse` among tiles that do not overlap: two pictures on the same flat ground are apart.

    Carlini et al., section 5.1. Never below the `rmse` of the whole image when all tiles are of one size.

    Args:
        a: (..., height, width, channels) floats in [0, 1].
        b: as `a`; the leading axes are broadcast.
        tiles: a square number; sides that it does not divide are cut as evenly as pixels allow.

    Returns:
        Distances in [0, 1], of the shape of the leading axes.

    Raises:
        SettingsError: `tiles` is no square number, or there are fewer pixels than tiles.
        SearchError: as `rmse`.
    """
    _check(a, b)
    side = math.isqrt(max(0, tiles))
    if side < 1 or side * side != tiles or min(a.shape[-3:-1]) < side:
        raise SettingsError(
            f"an image of {a.shape[-3]} x {a.shape[-2]} pixels cannot be cut in {tiles} tiles"
        )
    squares = _squares(a, b).mean(axis=-1)
    # Sums over rows of tiles, then over columns; a cut is the same on both sides of a tile.
    (rows, heights), (columns, widths) = (_cuts(length, side) for length in squares.shape[-2:])
    sums = np.add.reduceat(np.add.reduceat(squares, rows, axis=-2), columns, axis=-1)
    found: Distances = np.sqrt((sums / np.outer(heights, widths)).max(axis=(-2, -1)))
    return found


def relative(distances: Distances, neighbours: int = NEIGHBOURS, alpha: float = ALPHA) -> Distances:
    """Distance of the nearest training image, relative to those around it: at most 1 for an extracted one.

    Carlini et al., section 5.2 (for CIFAR-10): ``l2(x, nearest) / (alpha * mean of l2(x, y) over the 50
    nearest y, the nearest included)``. An exact copy has 0, also where there are 50 of it.

    Args:
        distances: (n, k) `rmse` of each image and its nearest training images, sorted, without copies of the
            nearest (`collapse`); NaN where there is none.
        neighbours: training images of the mean, at most k.
        alpha: factor of the mean, above 0.

    Returns:
        (n,) at least 0; NaN where fewer neighbours are known and the nearest is no exact copy.

    Raises:
        SettingsError: fewer than `neighbours` columns, or a factor that is not above 0.
    """
    if not 1 <= neighbours <= distances.shape[1] or not alpha > 0:
        raise SettingsError(
            f"the mean of {neighbours} of {distances.shape[1]} distances, times {alpha}, is no measure"
        )
    around = alpha * distances[:, :neighbours].mean(axis=1)
    return _ratio(distances[:, 0], around)


def nearest_ratio(distances: Distances) -> Distances:
    """Distance of the nearest training image over that of the second nearest: below 1/3 for a copy.

    Yoon et al., section 4. Two copies of one training image would make it about 1 for a copy of both, so that
    copies of the nearest have to be left out (`collapse`).

    Args:
        distances: (n, 2 or more) as for `relative`.

    Returns:
        (n,) in [0, 1]; NaN where no second one is known and the nearest is no exact copy.

    Raises:
        SettingsError: fewer than two columns.
    """
    if distances.shape[1] < 2:
        raise SettingsError("the ratio of the nearest and the second nearest needs two distances")
    return _ratio(distances[:, 0], distances[:, 1])


def collapse(distances: Distances, same: NDArray[np.bool_]) -> Distances:
    """Leave out the copies of the nearest training image, and move up what lies behind them.

    Args:
        distances: (n, k) sorted.
        same: (n, k) whether each is a copy of the nearest; the nearest itself is one.

    Returns:
        (n, k) sorted, the nearest first, NaN where there are no more.
    """
    kept = ~same
    kept[:, 0] = True
    order = np.argsort(~kept, axis=1, kind="stable")
    moved = np.where(kept, distances, np.nan)
    return np.take_along_axis(moved, order, axis=1)


def _ratio(near: Distances, far: Distances) -> Distances:
    """A quotient that is 0 for an exact copy, whatever it is compared with."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(near == 0, 0.0, near / far)


def _squares(a: Images, b: Images) -> Distances:
    squares: Distances = (np.asarray(a, np.float64) - np.asarray(b, np.float64)) ** 2
    return squares


def _cuts(length: int, parts: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where the parts of a side begin, and how long they are."""
    edges = np.arange(parts + 1) * length // parts
    return edges[:-1], np.diff(edges)


def _check(a: Images, b: Images) -> None:
    if a.ndim < 3 or b.ndim < 3 or a.shape[-3:] != b.shape[-3:] or 0 in a.shape[-3:]:
        raise SearchError(
            f"images of shape {a.shape} and {b.shape} cannot be compared pixel by pixel: resize them alike"
        )
    _check_range(a)
    _check_range(b)


def _check_range(values: Images) -> None:
    if not (values.size == 0 or (values.min() >= 0 and values.max() <= 1)):  # also so for NaN
        raise SearchError(
            "pixels are compared as floats in [0, 1]; found others, or some that are not finite"
        )
