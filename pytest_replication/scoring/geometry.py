"""Do the paired features of two images lie alike? A part that was moved, scaled, turned or mirrored does.

A similarity transform (move, scale, turn) is fitted to pairs of points so that as many as possible agree, for
the sample and for its mirror image (`scoring.consensus`); pairs that stand out less join those with which
they agree, and shear is taken out (`scoring.guided`). Points that fall together count once.
`scoring.counting` says what they count.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pytest_replication.images.local import MOST, Features, extract
from pytest_replication.scoring.agreement import SIDE as PICTURE
from pytest_replication.scoring.agreement import Picture, correlation, picture_of
from pytest_replication.scoring.consensus import FEWEST, consensus, repeated
from pytest_replication.scoring.counting import RULE, counted, distinct, kinds, once
from pytest_replication.scoring.guided import SHEAR, guided, stretched_little
from pytest_replication.scoring.local_matching import GUIDED_RATIO, RATIO, Described, Pairs, match
from pytest_replication.scoring.tones import Tones, tones_of
from pytest_replication.scoring.transforms import OCTAVES, TURN, PointPairs, affine, degrees, scale

if TYPE_CHECKING:
    from PIL import Image

SIDE = 512
"""Longest side of both images, in the pixels of this module."""
TOLERANCE = 5.0
"""Pixels by which a point may lie off."""
EVIDENCE = (
    f"6: points of a similarity transform within {TOLERANCE:g} of {SIDE} px, turned by {TURN:g} and sized by "
    f"{OCTAVES:g} alike, of all twos that stand out by {RATIO}, joined by {GUIDED_RATIO}, "
    f"sheared by {SHEAR:g}, {RULE}"
)
"""What points are: a calibration of other ones does not hold."""
_ROUNDS = 3
"""Parts of a pair that are looked at."""
_MOSTLY = 0.75
"""Share of the points of a part that count, from which on no other part is looked at."""
_SHEARED = 8
"""Points from which on a part is taken as sheared, too, when the pictures are laid on each other."""

Points = NDArray[np.float64]
Polygon = tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class LocalImage:
    """An image as its local features.

    Attributes:
        features: (n,) of `images.local.FEATURE`.
        width: of the image, in pixels of any size.
        height: in the same.
        picture: of it, as `scoring.agreement.picture_of` makes it; None where none is at hand.
        prepared: descriptions as they are compared; None until then (`prepare`).
    """

    features: Features
    width: float
    height: float
    picture: Picture | None = field(default=None, repr=False, compare=False)
    prepared: Described | None = field(default=None, repr=False, compare=False)

    @classmethod
    def of(cls, image: Image.Image, most: int = MOST) -> LocalImage:
        """Find the local features of an image, at most so many."""
        return cls(extract(image, most), *image.size, picture_of(image))

    def prepare(self) -> LocalImage:
        """The same, ready to be compared with many: four times the memory."""
        return self if self.prepared is not None else replace(self, prepared=self.described)

    @property
    def described(self) -> Described:
        """Its descriptions as they are compared."""
        return Described.of(self.features["description"]) if self.prepared is None else self.prepared

    def points(self, places: NDArray[np.int64]) -> Points:
        """(n, 2) where these features lie, in pixels of an image whose longest side is `SIDE`."""
        return _fractions(self.features[places]) * self.size

    @property
    def size(self) -> Points:
        """(2,) width and height of it."""
        sides = np.array([self.width, self.height], np.float64)
        return np.asarray(sides * (SIDE / sides.max()), np.float64)


@dataclass(frozen=True, slots=True)
class Alignment:
    """How a part of a sample lies on a part of a training image.

    Attributes:
        points: what counts of them (`scoring.counting`).
        inliers: distinct points that agree.
        kinds: how many of them differ from each other, less those that agree on another place; lower where
            something repeats.
        correlation: of the pictures around them, -1 to 1; None where the training image has no picture.
        tones: of the part in the sample; None where it has no picture.
        spread: share of the sample within their convex hull.
        mirrored: whether the training image shows the part mirrored.
        scale: of the training image's part over that of the sample's, longest sides being equal.
        degrees: by which it is turned.
        sample: convex hull of the points in the sample, as fractions of its width and height.
        training: of the same points in the training image.
    """

    points: int
    inliers: int
    kinds: float
    correlation: float | None
    tones: Tones | None
    spread: float
    mirrored: bool
    scale: float
    degrees: float
    sample: Polygon
    training: Polygon


def align(sample: LocalImage, training: LocalImage) -> Alignment | None:
    """Find the part of a training image that a part of a sample lies on.

    Args:
        sample: the sample.
        training: the training image.

    Returns:
        The one with most points, of the sample and its mirror image; None where nothing agrees.
    """
    plain, mirror = match(sample.described, training.described)
    tried = [_aligned(sample, training, plain, False), _aligned(sample, training, mirror, True)]
    found = (one for one in tried if one is not None)
    return max(found, key=lambda one: (one.points, one.inliers), default=None)


def _aligned(sample: LocalImage, training: LocalImage, pairs: Pairs, flipped: bool) -> Alignment | None:
    """The best of the parts on which pairs agree.

    A caption that both have must not hide a part that was copied beside it: where most points do not
    count, what is left without them is looked at, too.
    """
    best: Alignment | None = None
    for _ in range(_ROUNDS):
        placed = _point_pairs(sample, training, pairs, flipped)
        matrix = consensus(placed.kept(pairs.ratios < RATIO), TOLERANCE)
        if matrix is None:
            break
        matrix, agree = guided(matrix, placed, TOLERANCE)
        elsewhere = repeated(matrix, placed.kept((pairs.ratios < RATIO) & ~agree), TOLERANCE)
        found = _described(sample, training, matrix, pairs.kept(agree), elsewhere, flipped)
        if found is None:
            break
        best = found if best is None else max(best, found, key=_strength)
        if found.inliers < _SHEARED or found.points >= _MOSTLY * found.inliers:
            break
        pairs = pairs.kept(~agree)
    return best


def _places(sample: LocalImage, training: LocalImage, pairs: Pairs, flipped: bool) -> tuple[Points, Points]:
    """Where both points of each pair lie: (n, 2) in the sample, or in its mirror image, and (n, 2)."""
    points = sample.points(pairs.mine)
    if flipped:
        points[:, 0] = sample.size[0] - points[:, 0]
    return points, training.points(pairs.theirs)


def _point_pairs(sample: LocalImage, training: LocalImage, pairs: Pairs, flipped: bool) -> PointPairs:
    """How all pairs lie."""
    mine, theirs = pairs.mine, pairs.theirs
    angles = sample.features["angle"][mine].astype(np.float64)
    return PointPairs(
        *_places(sample, training, pairs, flipped),
        turns=training.features["angle"][theirs]
        - (180 - angles if flipped else angles),  # as `mirrored` does
        octaves=_octaves(training.features["size"][theirs]) - _octaves(sample.features["size"][mine]),
        ratios=pairs.ratios,
    )


def _octaves(sizes: NDArray[np.generic]) -> NDArray[np.float64]:
    return np.asarray(np.log2(np.maximum(sizes.astype(np.float64), 1e-6)))


def _strength(found: Alignment) -> tuple[int, int]:
    return found.points, found.inliers


def _described(
    sample: LocalImage,
    training: LocalImage,
    matrix: Points,
    pairs: Pairs,
    elsewhere: int,
    flipped: bool,
) -> Alignment | None:
    """A part by the pairs that agree on it; None where they are too few."""
    points, others = _places(sample, training, pairs, flipped)
    count = min(distinct(points), distinct(others))
    if count < FEWEST:
        return None
    differing = once(count, kinds(sample.features["description"][pairs.mine]), elsewhere)
    hull = _hull(points)
    laid = _laid(matrix, points, others)
    alike, tones = _agreement(sample, training, laid, points, hull, flipped)
    here, there = points[hull] / sample.size, others[hull] / training.size
    if flipped:
        here[:, 0] = 1 - here[:, 0]
    return Alignment(
        points=counted(differing, alike, tones),
        inliers=count,
        kinds=differing,
        correlation=alike,
        tones=tones,
        spread=_area(points[hull]) / float(sample.size.prod()),
        mirrored=flipped,
        scale=scale(matrix),
        degrees=degrees(matrix),
        sample=_polygon(here),
        training=_polygon(there),
    )


def _agreement(
    sample: LocalImage,
    training: LocalImage,
    matrix: Points,
    points: Points,
    hull: NDArray[np.int64],
    flipped: bool,
) -> tuple[float | None, Tones | None]:
    """Correlation around the points, and tones of the part; None without pictures."""
    if sample.picture is None:
        return None, None
    picture = sample.picture[:, ::-1] if flipped else sample.picture
    smaller = PICTURE / SIDE
    tones = tones_of(picture, points[hull] * smaller)
    if training.picture is None:
        return None, tones
    matrix = np.column_stack([matrix[:, :2], matrix[:, 2] * smaller])
    return correlation(picture, training.picture, matrix, points * smaller), tones


def _laid(matrix: Points, points: Points, others: Points) -> Points:
    """The affine transform that fits best, (2, 3); the one that was found where points do not tell it."""
    if len(points) < _SHEARED:
        return matrix
    fitted = affine(points, others)
    return fitted if stretched_little(fitted) else matrix


def _hull(points: Points) -> NDArray[np.int64]:
    """Places of the corners of the convex hull, in order around it."""
    import cv2

    opencv: Any = cv2
    corners = opencv.convexHull(points.astype(np.float32), returnPoints=False)
    return np.asarray(corners, np.int64).ravel()


def _area(corners: Points) -> float:
    """Area of a polygon, by Gauss's formula."""
    x, y = corners[:, 0], corners[:, 1]
    return float(abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2)


def _fractions(features: Features) -> Points:
    return np.stack([features["x"], features["y"]], axis=1).astype(np.float64)


def _polygon(corners: Points) -> Polygon:
    return tuple((round(float(x), 4), round(float(y), 4)) for x, y in np.clip(corners, 0, 1))
