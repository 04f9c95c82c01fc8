"""Training-set size: models that differ in the number of their training images, each with its own index.

Section 5 of Somepalli et al. A score means little by itself, since it grows with the number of training
images that there are to be near to; so each model's scores are held against how near its training images are
to each other, and replicated is what reaches a threshold that was calibrated against the same index.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

import numpy as np

from pytest_replication.errors import SettingsError
from pytest_replication.experiments.judged import Asked, Interval, Scores, best_scores, judged, rate_of
from pytest_replication.extraction import check_extraction
from pytest_replication.index.reader import Index
from pytest_replication.models.samples import Samples
from pytest_replication.search.within import measure_training
from pytest_replication.stats.percentile import percentile_bounds
from pytest_replication.stats.twosample import mann_whitney
from pytest_replication.verdicts import Verdict

HALF = 0.5
"""The working line of the paper; its code counts what is strictly above."""
RULE = "ratio"
"""Pixel rule of the second opinion: it needs no limit that would depend on the number of training images."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What the paper's code tells of a histogram.

    Attributes:
        mean: of the scores.
        std: their standard deviation, divided by n.
        p75: 75th percentile.
        p90: 90th percentile.
        p95: 95th percentile.
        above_half: share strictly above 0.5.
    """

    mean: float
    std: float
    p75: float
    p90: float
    p95: float
    above_half: float

    @classmethod
    def of(cls, scores: Scores) -> Summary:
        """Summarise (n,) scores."""
        p75, p90, p95 = (float(p) for p in np.percentile(scores, (75, 90, 95)))
        above = float((scores > HALF).mean())
        return cls(float(scores.mean()), float(scores.std()), p75, p90, p95, above)


@dataclass(frozen=True, slots=True)
class SizeResult:
    """One model of the experiment.

    Attributes:
        verdict: of its samples.
        images: training images in its index.
        generated: (n,) score of each sample with its nearest training image.
        training: (m,) score of drawn training images with their nearest other one.
        unseen: (h,) scores of the hold-out that the index is calibrated with; empty without.
        rate: share of replicated samples.
        median: of the scores of samples.
        training_median: of the scores of training images.
        unseen_median: of the scores of the hold-out; None without.
        superiority: probability that a sample scores higher than a training image does with the others; None
            where nothing can be told apart.
        extracted: share of samples that the pixel rule finds; None where the index stores no pixels.
    """

    verdict: Verdict
    images: int
    generated: Scores
    training: Scores
    unseen: Scores
    rate: Interval
    median: Interval
    training_median: Interval
    unseen_median: Interval | None
    superiority: Interval | None
    extracted: Interval | None

    @property
    def model(self) -> str:
        """Where the samples come from."""
        return self.verdict.matches.subject.source


def measure_size(samples: Samples, index: Index, asked: Asked) -> SizeResult:
    """Measure one model.

    Args:
        samples: of the model.
        index: of its training images.
        asked: threshold, confidence, and how many training images are compared with the rest.

    Raises:
        ReplicationError: the samples, the index or the settings do not allow it.
    """
    verdict = judged(samples, index, asked)
    generated = best_scores(verdict.matches.best)
    found, _ = measure_training(index, asked.training, inf, seed=asked.seed)
    unseen = _unseen(index)
    return SizeResult(
        verdict=verdict,
        images=index.rows,
        generated=generated,
        training=found.scores,
        unseen=unseen,
        rate=rate_of(verdict),
        median=_median(generated, verdict, asked),
        training_median=_median(found.scores, None, asked),
        unseen_median=_median(unseen, None, asked) if len(unseen) else None,
        superiority=_superiority(generated, found.scores, asked),
        extracted=None if index.side is None else _extracted(samples, index, asked),
    )


def in_order(results: Sequence[SizeResult]) -> list[SizeResult]:
    """Results by the number of their training images.

    Raises:
        SettingsError: their scores cannot be compared, since their embedders differ.
    """
    kinds = {_kind(result) for result in results}
    if len(kinds) > 1:
        told = ", ".join(sorted(" ".join(kind) for kind in kinds))
        raise SettingsError(
            f"the indexes have different embedders ({told}), whose scores cannot be compared: build all with "
            "one"
        )
    return sorted(results, key=lambda result: result.images)


def _kind(result: SizeResult) -> tuple[str, str, str]:
    subject = result.verdict.matches.subject
    return subject.embedder, subject.preprocessing, str(subject.weights_sha256)[:12]


def _unseen(index: Index) -> Scores:
    """Scores of the hold-out of a calibration; training images against the rest are no hold-out."""
    found = index.calibration
    return found.scores if found is not None and found.origin == "holdout" else np.empty(0)


def _median(scores: Scores, verdict: Verdict | None, asked: Asked) -> Interval:
    distinct = None if verdict is None else verdict.matches.subject.distinct or None
    found = percentile_bounds(scores, 0.5, asked.one_sided, distinct=distinct)
    return Interval(found.estimate, found.lower, found.upper)


def _superiority(generated: Scores, training: Scores, asked: Asked) -> Interval | None:
    together = np.concatenate([generated, training])
    if np.ptp(together) == 0:
        return None
    found = mann_whitney(generated, training, asked.confidence)
    return Interval(found.superiority, found.lower, found.upper)


def _extracted(samples: Samples, index: Index, asked: Asked) -> Interval:
    found = check_extraction(samples, RULE, index=index, confidence=asked.one_sided)
    return Interval(len(found.extracted) / found.samples, found.rate_lower, found.rate_upper)
