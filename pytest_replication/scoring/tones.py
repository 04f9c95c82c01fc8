"""Is a part of two plain tones, as ink on paper is? Such parts are alike everywhere, and tell little.

Photographs of high contrast have two tones as well: a dark coat before a bright sky. They are not flat within
a tone; ink, paper, the stripes of a flag and the squares of a checkerboard are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_replication.scoring.agreement import FLAT, Picture

BARE = 0.95
"""Share of the colours that two tones explain, from which on a part has nothing else."""
PLAIN, SMOOTH = 0.75, 0.05
"""Share from which on a part is plain where both tones are smooth, and roughness up to which they are."""
_AROUND = 5
"""Pixels by which the hull of the points is widened."""
_FEWEST = 16
"""Pixels below which a part tells nothing."""
_SQUARE = 3
"""Side of the square, in pixels, that has to be of one tone around a pixel whose roughness counts (edges
between two tones are drawn with all shades between them), and over which noise is levelled."""
_FEWEST_WITHIN = 30
"""Pixels of a tone, away from edges, below which it counts as smooth: strokes of letters have none."""

Points = NDArray[np.float64]
Pixels = NDArray[np.float64]
Mask = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Tones:
    """The two tones of a part.

    Attributes:
        share: of the variance of the colours that they explain, 0 to 1.
        roughness: by how much colours within a tone differ from it, as a share of the distance between the
            two: the median, away from edges, of the rougher one.
    """

    share: float
    roughness: float

    @property
    def bare(self) -> bool:
        """Whether there is next to nothing but two tones."""
        return self.share >= BARE or (self.share >= PLAIN and self.roughness <= SMOOTH)


_ONE = Tones(1.0, 0.0)


def tones_of(picture: Picture, hull: Points) -> Tones:
    """Part the colours of a part in two (Otsu, 1979, in colour).

    Ink on paper, a checkerboard and the stripes of a flag come to a share of nearly 1, a grey ramp to 0.75,
    most of what is photographed to less.

    Args:
        picture: see `scoring.agreement.picture_of`.
        hull: (n, 2) corners of the part, in pixels of it.

    Returns:
        A share of 1 for a part of one colour, or of next to no pixels.
    """
    window, inside = _cut(picture, hull)
    colours = window[inside > 0]
    if len(colours) < _FEWEST:
        return _ONE
    mean = colours.mean(axis=0)
    colours -= mean
    total = float((colours**2).sum())
    if total < FLAT * len(colours):
        return _ONE
    # Two tones lie on a line, which is that of the largest variance.
    line = np.linalg.eigh(colours.T @ colours)[1][:, -1]
    ordered = np.sort(colours @ line)
    below = np.cumsum(ordered)[:-1]
    counts = np.arange(1, len(ordered))
    between = below**2 / counts + below**2 / counts[::-1]  # the sum of all is 0
    place = int(between.argmax())
    share = min(1.0, float(between[place]) / total)
    apart = float(ordered[place + 1 :].mean() - ordered[: place + 1].mean())
    light = (window - mean) @ line > (ordered[place] + ordered[place + 1]) / 2
    tones = ((light == side).astype(np.uint8) & inside for side in (False, True))
    return Tones(share, max(_rough(window, tone) for tone in tones) / apart)


def _cut(picture: Picture, hull: Points) -> tuple[Pixels, Mask]:
    """The box around a part, and a mask of the part in it, a little widened."""
    import cv2

    opencv: Any = cv2
    mask = np.zeros(picture.shape[:2], np.uint8)
    opencv.fillConvexPoly(mask, np.rint(hull).astype(np.int32), 1)
    mask = opencv.dilate(mask, np.ones((_AROUND, _AROUND), np.uint8))
    left, upper, width, height = opencv.boundingRect(mask)
    box = np.s_[upper : upper + height, left : left + width]
    return picture[box].astype(np.float64), np.asarray(mask[box], np.uint8)


def _rough(window: Pixels, tone: Mask) -> float:
    """Median distance of the colours of a tone from the middle one, away from its edges and without noise."""
    import cv2

    opencv: Any = cv2
    square = np.ones((_SQUARE, _SQUARE), np.uint8)
    core = opencv.erode(tone, square, borderType=opencv.BORDER_CONSTANT, borderValue=0)
    if int(core.sum()) < _FEWEST_WITHIN:
        return 0.0
    sums = opencv.boxFilter(window * core[..., None], -1, (_SQUARE, _SQUARE), normalize=False)
    counts = opencv.boxFilter(core.astype(np.float64), -1, (_SQUARE, _SQUARE), normalize=False)
    within = sums[core > 0] / counts[core > 0][:, None]
    return float(np.median(np.linalg.norm(within - np.median(within, axis=0), axis=1)))
