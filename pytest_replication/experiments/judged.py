"""What experiments share: samples judged as the gate judges them, numbers with two-sided intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pytest_replication.check import check_replication
from pytest_replication.errors import SettingsError
from pytest_replication.index.reader import Index
from pytest_replication.models.samples import Samples
from pytest_replication.search.match import Match
from pytest_replication.stats.bootstrap import bca, clustered_bounds
from pytest_replication.verdicts import Verdict

Scores = NDArray[np.float64]
_MILLIONTHS = 1_000_000
"""Scores have six decimals: as whole numbers of these the bootstrap draws them."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of every model of an experiment.

    Attributes:
        threshold: a sample is replicated from this score on; None for that of the calibration of the index,
            else that of its embedder.
        confidence: of every interval, two-sided, in (0, 1).
        training: training images that are drawn to be compared with the rest.
        seed: of these draws.

    Raises:
        SettingsError: a number outside its range.
    """

    threshold: float | None = None
    confidence: float = 0.95
    training: int = 1000
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.confidence < 1:
            raise SettingsError(
                f"confidence is {self.confidence}: give a number between 0 and 1, such as 0.95"
            )
        if self.training < 1:
            raise SettingsError(f"{self.training} training images are to be drawn: give 1 or more")

    @property
    def one_sided(self) -> float:
        """Confidence of each of the two bounds of an interval."""
        return (1 + self.confidence) / 2


@dataclass(frozen=True, slots=True)
class Interval:
    """A number with its interval.

    Attributes:
        value: what was measured.
        lower: of the interval; None where so few observations give none.
        upper: of the same.
    """

    value: float
    lower: float | None
    upper: float | None


def judged(samples: Samples, index: Index, asked: Asked, *, complexity: bool = False) -> Verdict:
    """Judge samples as the gate does, canaries among them where the index has some.

    Raises:
        ReplicationError: the samples, the index or the settings do not allow a verdict.
    """
    return check_replication(
        samples, asked.threshold, index=index, confidence=asked.one_sided, complexity=complexity
    )


def best_scores(matches: Sequence[Match]) -> Scores:
    """The scores of matches: (n,)."""
    return np.array([match.score for match in matches], np.float64)


def rate_of(verdict: Verdict) -> Interval:
    """Share of replicated samples; its upper bound counts samples of which it cannot be told."""
    return Interval(verdict.rate, verdict.rate_lower, verdict.rate_upper)


def clustered_rate(hits: Sequence[bool], clusters: Sequence[str], asked: Asked) -> Interval | None:
    """Share of hits among samples that share prompts, its interval over whole prompts; None of no samples.

    Args:
        hits: (n,) one a sample.
        clusters: (n,) prompt of each.
        asked: for the confidence.
    """
    if not len(hits):
        return None
    sums, sizes = _by_cluster(np.asarray(hits, np.int64), clusters)
    bounds = clustered_bounds(sums.tolist(), sizes.tolist(), asked.one_sided, seed=asked.seed)
    return Interval(float(sums.sum() / sizes.sum()), bounds.lower, bounds.upper)


def clustered_mean(
    values: Sequence[float] | Scores, clusters: Sequence[str], asked: Asked
) -> Interval | None:
    """Mean over samples that share prompts, its BCa interval by drawing whole prompts; None of no samples.

    Args:
        values: (n,) with at most six decimals, as scores and counts have.
        clusters: (n,) prompt of each.
        asked: for confidence and seed.
    """
    if not len(values):
        return None
    whole = np.rint(np.asarray(values, np.float64) * _MILLIONTHS).astype(np.int64)
    sums, sizes = _by_cluster(whole, clusters)
    mean = float(sums.sum() / sizes.sum()) / _MILLIONTHS
    if len(sizes) < 2:
        return Interval(mean, None, None)
    low, high = bca(sums, sizes, asked.one_sided, seed=asked.seed)
    return Interval(mean, min(mean, low / _MILLIONTHS), max(mean, high / _MILLIONTHS))


def _by_cluster(
    values: NDArray[np.int64], clusters: Sequence[str]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Sum and number of the values of each cluster."""
    _, place = np.unique(np.asarray(clusters, object).astype(str), return_inverse=True)
    sizes = np.bincount(place)
    sums = np.zeros(len(sizes), np.int64)
    np.add.at(sums, place, values)
    return sums, sizes.astype(np.int64)
