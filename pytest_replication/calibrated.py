"""A calibration at work: thresholds and p-values of samples.

With groups, an image belongs to that of its nearest training image, images of the hold-out as well as
samples. What group it is in is then a function of the image, and each group is calibrated for itself
(Mondrian conformal prediction; Vovk, Gammerman and Shafer 2005, section 4.5): a threshold of a group keeps
its false-positive rate within the group. Groups that are too small for one are one group together, the
rest; where even that is too small, it has the threshold of all images.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from pytest_replication.errors import IndexCorrupt
from pytest_replication.index.calibration import HOLDOUT, Calibration
from pytest_replication.index.reader import Index
from pytest_replication.search.match import Match
from pytest_replication.search.matches import Lower
from pytest_replication.stats.null import Null, needed
from pytest_replication.stats.twosample import mann_whitney

_LOWER = 1e-6
"""P-value from which on samples score lower than a hold-out by more than luck."""
_LOWEST = 0.1
"""Share of the hold-out below which the median of such samples lies."""
_ENOUGH = 9
"""Samples from which on that can be told."""


@dataclass(frozen=True, slots=True)
class Calibrated:
    """The null of an index, as a whole and in groups.

    Attributes:
        calibration: what is stored.
        null: all scores.
        groups: the scores of each group that has enough.
        rest: the scores of all others, or all scores where these are too few.
    """

    calibration: Calibration
    null: Null
    groups: Mapping[str, Null]
    rest: Null

    @classmethod
    def of(cls, found: Calibration) -> Self:
        """Take what is stored."""
        null = Null.of(found.scores)
        groups = {
            name: Null.of(found.scores[found.group_of == number]) for number, name in enumerate(found.names)
        }
        others = found.scores[found.group_of == -1]
        rest = Null.of(others) if groups and len(others) >= needed(found.rate) else null
        return cls(found, null, groups, rest)

    @classmethod
    def of_index(cls, index: Index) -> Self | None:
        """Take the calibration of an index; None if it has none, or one from before it changed.

        Raises:
            IndexCorrupt: its file is damaged, or its threshold does not follow from its scores.
        """
        if index.calibration is None:
            return None
        found = cls.of(index.calibration)
        if found.null.threshold(found.calibration.rate) != found.calibration.threshold:
            raise IndexCorrupt(
                f"the threshold {found.calibration.threshold} of the calibration of {index.path} does not "
                "follow from its scores: calibrate it again"
            )
        return found

    def threshold_of(self, group: str | None) -> float:
        """Threshold for images of a group, at the false-positive rate of the calibration.

        Args:
            group: label or caption of their nearest training image.

        Raises:
            ValueError: the group has too few images for this rate.
        """
        return self.null_of(group).threshold(self.calibration.rate)

    def null_of(self, group: str | None) -> Null:
        """The null for images of a group."""
        return self.groups.get(group or "", self.rest) if self.groups else self.null

    def group_of(self, match: Match) -> str | None:
        """The group that a sample belongs to, by its nearest training image."""
        by = self.calibration.by
        return getattr(match.record, by) if by else None

    def p_values(self, matches: Sequence[Match]) -> NDArray[np.float64]:
        """Conformal p-value of each of the matches, as if it were the best of its sample: (n,).

        Raises:
            ValueError: a score is NaN.
        """
        if not self.groups:
            return self.null.p_values([match.score for match in matches])
        found = [self.null_of(self.group_of(match)).p_values(match.score) for match in matches]
        return np.array(found, np.float64)

    def lower(self, matches: Sequence[Match]) -> Lower | None:
        """Tell samples that score so low that this may not be the index of the model's training images.

        Images of the hold-out are such as the training images, and the model never saw them: samples of a
        model that learnt from these images should come about as near to them. Both have to hold: the
        one-sided test of Mann and Whitney, which alone finds any difference among thousands of samples, and
        a median below what nine in ten images of the hold-out reach, which says that it is large.

        Args:
            matches: best match of each sample.

        Returns:
            The figures; None where one of the two does not hold, or where there is no hold-out.
        """
        null, scores = self.null.scores, np.array([match.score for match in matches], np.float64)
        if self.calibration.origin != HOLDOUT or min(len(scores), len(null)) < _ENOUGH:
            return None
        median, quantile = float(np.median(scores)), float(np.quantile(null, _LOWEST))
        if not median < quantile:
            return None
        p = mann_whitney(null, scores).p
        return Lower(p, median, quantile) if p < _LOWER else None


def enough(groups: Sequence[str | None], rate: float) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """Which groups have enough images for a threshold of their own.

    Args:
        groups: that of each image of the null, None for none.
        rate: false-positive rate of one sample.

    Returns:
        Their names, sorted, and the number of the group of each image, -1 for none of them.
    """
    counts = Counter(group for group in groups if group)
    names = tuple(sorted(name for name, count in counts.items() if count >= needed(rate)))
    number = {name: place for place, name in enumerate(names)}
    return names, np.array([number.get(group or "", -1) for group in groups], np.int64)
