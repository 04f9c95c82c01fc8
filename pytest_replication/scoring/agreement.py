"""Do two parts that geometry lays on each other look alike?

Local features agree by chance now and then. The normalised correlation of the pictures around the points that
agree tells.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIDE = 256
"""Longest side of the pictures, in pixels."""
WINDOW = 13
"""Side of the square around a point that is correlated, in pixels."""
FLAT = 4.0
"""Variance of grey levels that noise and compression make: in flat squares nothing correlates."""
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)

Picture = NDArray[np.uint8]
Points = NDArray[np.float64]


def picture_of(image: Image.Image) -> Picture:
    """The picture that is compared: (h, w, 3) uint8, longest side `SIDE`."""
    scale = SIDE / max(image.size)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return np.asarray(image.convert("RGB").resize(size, Image.Resampling.BILINEAR, reducing_gap=3.0))


def correlation(sample: Picture, training: Picture, matrix: Points, points: Points) -> float:
    """How alike two pictures are around points: the median of the normalised cross-correlations of squares.

    Args:
        sample: see `picture_of`.
        training: likewise.
        matrix: (2, 3) transform of places in the sample to places in the training image, in pixels of these
            pictures; places run from 0 at the outer edge of the first pixel on.
        points: (n, 2) in the sample, at least one.

    Returns:
        -1 to 1; of unrelated squares about 0. It does not change with brightness or contrast.
    """
    import cv2

    opencv: Any = cv2
    scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    # The finer of the two is smoothed to the other one.
    mine, theirs = _smoothed(sample @ _LUMA, 1 / scale), _smoothed(training @ _LUMA, scale)
    turn = np.asarray(matrix[:, :2], np.float64)
    to_centres = (
        matrix[:, 2] + 0.5 * turn.sum(axis=1) - 0.5
    )  # OpenCV counts from the middle of the first pixel
    laid = opencv.warpAffine(
        theirs,
        np.column_stack([turn, to_centres]),
        (mine.shape[1], mine.shape[0]),
        flags=opencv.INTER_LINEAR | opencv.WARP_INVERSE_MAP,
        borderMode=opencv.BORDER_REPLICATE,
    )
    one, other = _squares(mine, points), _squares(laid, points)
    one, other = one - one.mean(axis=1, keepdims=True), other - other.mean(axis=1, keepdims=True)
    variances = np.maximum((one**2).mean(axis=1), FLAT) * np.maximum((other**2).mean(axis=1), FLAT)
    return float(np.median((one * other).mean(axis=1) / np.sqrt(variances)))


def _smoothed(grey: NDArray[np.float32], scale: float) -> NDArray[np.float32]:
    """Smooth a picture that is to be shrunk by a factor; others are left as they are."""
    if scale <= 1:
        return np.asarray(grey, np.float32)
    import cv2

    opencv: Any = cv2
    return np.asarray(opencv.GaussianBlur(grey, (0, 0), 0.5 * scale), np.float32)


def _squares(grey: NDArray[np.float32], points: Points) -> NDArray[np.float32]:
    """The pixels around each point: (n, WINDOW * WINDOW)."""
    margin = WINDOW // 2
    padded = np.pad(grey, margin, mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (WINDOW, WINDOW))
    height, width = grey.shape
    places = np.clip(points.astype(np.int64), 0, [width - 1, height - 1])
    found: NDArray[np.float32] = windows[places[:, 1], places[:, 0]].reshape(len(places), -1)
    return found
