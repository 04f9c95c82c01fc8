"""Local features: distinctive points of an image, described so that moving and turning change little.

Points and descriptions are those of SIFT (Lowe, IJCV 2004) as OpenCV computes them; descriptions are compared
as RootSIFT (Arandjelovic & Zisserman, CVPR 2012): divided by their sum, then the square root of each number,
so that Euclidean distance compares histograms by Hellinger's kernel.

Points are looked for in a smaller image than they are described in, and described without the doubling that
finding them takes. Blurs are those of SIFT at both places, so that a point is what it would be; only pixels
are fewer. It takes a third of the time, and finds as many copies (docs/objects.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from pytest_replication.errors import SettingsError

if TYPE_CHECKING:
    from PIL import Image

FEATURE = np.dtype(
    [
        ("x", "<f2"),
        ("y", "<f2"),
        ("size", "<f2"),
        ("angle", "<f2"),
        ("description", "u1", (128,)),
    ]
)
"""A point: place as fractions of width and height, size as a fraction of the longest side, angle in degrees,
RootSIFT times 255, of which the largest possible value is 255. 136 bytes."""
MOST = 1024
"""Features that an index keeps of an image, spread over it."""
MOST_OF_A_SAMPLE = 1536
"""Features of a sample: they are not stored, and a part that was copied may be a small one of it."""
SIDE = 512
"""Longest side at which they are described, in pixels."""
SIDE_OF_SEARCH = 384
"""Longest side at which they are looked for."""
_BLUR = 1.6
"""Of the first picture of an octave in SIFT, in pixels of an image of twice `SIDE`."""
CONTRAST = 0.005
"""Contrast of SIFT below which points are dropped: an eighth of the usual, since copies are often soft."""
CELLS = 8
"""Cells across and down, each of which gives its strongest features in turn: else a lawn would take all."""
_CENTRE = 0.25
"""Pixels by which a point lies farther from the edge than OpenCV says: it counts from the centre of the first
pixel of the doubled image."""
DETECTOR = (
    f"sift, {SIDE} px, found at {SIDE_OF_SEARCH}, contrast {CONTRAST}, "
    f"{MOST} of {CELLS} x {CELLS} cells in turn, root"
)
"""What an index notes: features that were made otherwise are not compared."""

_EXCHANGED = np.arange(64).reshape(2, 4, 8)[::-1, :, (-np.arange(8)) % 8].reshape(64)

Features = NDArray[np.void]
Number = TypeVar("Number", np.uint8, np.float32)


def extract(image: Image.Image, most: int = MOST) -> Features:
    """Find the local features of an image.

    Args:
        image: upright RGB image.
        most: features that are kept.

    Returns:
        (n,) of `FEATURE`, the strongest of each cell first; none for an image without corners.

    Raises:
        SettingsError: OpenCV is not installed.
    """
    grey = image.convert("L")
    searched, seen = _at(grey, SIDE_OF_SEARCH), _at(grey, SIDE)
    points = _sift(_BLUR * SIDE_OF_SEARCH / SIDE).detect(searched, None)
    if not points:
        return np.empty(0, FEATURE)
    size = np.array(searched.shape[::-1])
    places = (np.array([point.pt for point in points]) + _CENTRE) / size
    kept = _in_turn(places, np.array([point.response for point in points]))[:most]
    chosen, places = [points[place] for place in kept], places[kept]
    _, described = _sift(_BLUR / 2).compute(seen, _without_doubling(chosen, places * seen.shape[::-1] - 0.5))
    found = np.empty(len(chosen), FEATURE)
    found["x"], found["y"] = places.T
    found["size"] = np.array([point.size for point in chosen]) / size.max()
    found["angle"] = [point.angle for point in chosen]
    found["description"] = np.rint(255 * root(described))
    return found


def _without_doubling(points: Sequence[Any], places: NDArray[np.float64]) -> list[Any]:
    """Points as an image of `SIDE` has them: an octave up, where a picture as blurred has half the side."""
    import cv2

    opencv: Any = cv2
    scale = SIDE / SIDE_OF_SEARCH
    return [
        opencv.KeyPoint(x, y, point.size * scale, point.angle, point.response, _octave_up(point.octave))
        for point, (x, y) in zip(points, places.tolist(), strict=True)
    ]


def _octave_up(packed: int) -> int:
    """The next octave, as OpenCV packs it: -1 and up in the first byte, the picture of it in the second."""
    return (packed + 1) & 0xFF | packed & 0xFF00


def _in_turn(places: NDArray[np.float64], strength: NDArray[np.float64]) -> NDArray[np.int64]:
    """Order points: the strongest of each cell, then the second of each, and so on."""
    order = np.argsort(-strength, kind="stable")
    across, down = np.clip(places[order] * CELLS // 1, 0, CELLS - 1).T
    cells = (down * CELLS + across).astype(np.int64)
    by_cell = np.argsort(cells, kind="stable")
    starts = np.searchsorted(cells[by_cell], cells[by_cell], side="left")
    turn = np.empty(len(cells), np.int64)
    turn[by_cell] = np.arange(len(cells)) - starts
    return order[np.argsort(turn, kind="stable")]


def root(described: NDArray[np.float32]) -> NDArray[np.float32]:
    """Make SIFT descriptions RootSIFT: (n, 128), unit rows."""
    sums = np.maximum(np.abs(described).sum(axis=1, keepdims=True), 1e-9)
    rooted: NDArray[np.float32] = np.sqrt(described / sums, dtype=np.float32)
    return rooted


def _at(grey: Image.Image, side: int) -> NDArray[np.uint8]:
    """A grey image of this longest side: (h, w) uint8."""
    from PIL import Image

    scale = side / max(grey.size)
    size = (max(1, round(grey.width * scale)), max(1, round(grey.height * scale)))
    return np.asarray(grey.resize(size, Image.Resampling.BILINEAR, reducing_gap=3.0))


def mirrored(features: Features) -> Features:
    """The features of the mirror image, without looking for them: left and right of each are exchanged.

    A description is 4 x 4 cells of 8 directions, in a frame that is turned with the point: a mirror exchanges
    the rows of cells, and directions run the other way.
    """
    found = features.copy()
    found["x"] = 1 - features["x"].astype(np.float32)
    found["angle"] = (180 - features["angle"].astype(np.float32)) % 360
    ones, others = partners(features["description"])
    halves = found["description"].reshape(-1, 2, 64)
    halves[:, 0], halves[:, 1] = others, _exchanged(ones)
    return found


def partners(descriptions: NDArray[Number]) -> tuple[NDArray[Number], NDArray[Number]]:
    """The numbers of descriptions that a mirror exchanges: (n, 64) of two rows of cells, of the others."""
    return descriptions[:, :64], _exchanged(descriptions[:, 64:])


def _exchanged(halves: NDArray[Number]) -> NDArray[Number]:
    """Two rows of cells, (n, 64), as a mirror turns them: the rows exchanged, directions the other way."""
    return halves[:, _EXCHANGED]


def _sift(blur: float) -> Any:
    try:
        import cv2
    except ImportError as error:
        raise SettingsError(
            "copies of parts are found with OpenCV, which is not installed: "
            "pip install 'pytest-replication[objects]'"
        ) from error
    opencv: Any = cv2  # some versions come with types that leave SIFT out
    return opencv.SIFT_create(nfeatures=0, contrastThreshold=CONTRAST, sigma=blur)
