"""How many points parts of innocent images have alike with training images: a side of a calibration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_MOST_POINTS = 100_000


@dataclass(frozen=True, slots=True)
class ClosestPart:
    """An image of the null and the training image that a part of it comes nearest to.

    Attributes:
        uri: where the image of the null lies.
        training_id: names the training image.
        training_uri: where that lies.
        points: that they have alike.
    """

    uri: str
    training_id: str
    training_uri: str
    points: int


@dataclass(frozen=True, slots=True)
class ObjectCalibration:
    """From how many points on a part of an innocent image seldom passes for a copy.

    Attributes:
        counts: images of the null by the most points that they have with a training image: place n has the
            number of those with n points. No zeros at its end.
        points: from which on a part counts as a copy.
        rate: wanted false-positive rate of one sample.
        bound: upper bound of the share of such images that have as many points.
        confidence: of the bound, one-sided.
        grid: of parts, by which samples were searched.
        candidates: training images of each that were looked at.
        detector: what found the local features and how.
        evidence: what a point is.
        planted: copies of parts of training images that were looked for.
        planted_found: of them, those that had enough points.
        closest: the images with most points, most first.
    """

    counts: tuple[int, ...]
    points: int
    rate: float
    bound: float
    confidence: float
    grid: str
    candidates: int
    detector: str
    evidence: str
    planted: int = 0
    planted_found: int = 0
    closest: tuple[ClosestPart, ...] = ()

    def __len__(self) -> int:
        return sum(self.counts)

    @property
    def proved(self) -> bool:
        """Whether there are enough images to prove the wanted rate."""
        return self.bound <= self.rate

    @property
    def null(self) -> list[int]:
        """Most points of each image of the null, fewest first."""
        return [points for points, images in enumerate(self.counts) for _ in range(images)]

    @property
    def way(self) -> tuple[str, int, str, str]:
        """How parts were looked for, as `search.object_ways` tells it."""
        return self.grid, self.candidates, self.detector, self.evidence


def parse_objects(values: Mapping[str, Any] | None) -> ObjectCalibration | None:
    """Read what a calibration says of parts; None where nothing.

    Raises:
        ValueError: it says what no calibration does.
        TypeError: it has other keys.
        KeyError: it has not all of them.
    """
    if values is None:
        return None
    closest = tuple(ClosestPart(**one) for one in values["closest"])
    found = ObjectCalibration(**{**values, "counts": tuple(values["counts"]), "closest": closest})
    counts = found.counts
    if not counts or not all(type(n) is int and n >= 0 for n in counts) or not counts[-1]:
        raise ValueError("its points of parts are none")
    if type(found.points) is not int or not 0 < found.points <= _MOST_POINTS or len(counts) > _MOST_POINTS:
        raise ValueError(f"parts count as copies from {found.points!r} points on")
    if not all(0 < share < 1 for share in (found.rate, found.confidence)) or not 0 < found.bound <= 1:
        raise ValueError("a rate of its parts is no share")
    if not 0 <= found.planted_found <= found.planted:
        raise ValueError(f"{found.planted_found} of {found.planted} planted copies of parts were found")
    return found
