"""Complexity: do simple images score higher? Section 7 of Somepalli et al., by the figures of their code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from pytest_replication.errors import ExperimentError
from pytest_replication.experiments.judged import Asked, Scores, best_scores, judged
from pytest_replication.images.complexity import Complexity
from pytest_replication.index.reader import Index
from pytest_replication.models.samples import Samples
from pytest_replication.reports.complexity import FIGURES, complexity_data
from pytest_replication.verdicts import Verdict


@dataclass(frozen=True, slots=True)
class ComplexityResult:
    """Scores beside figures of complexity.

    Attributes:
        verdict: of the samples.
        scores: (n,) of samples whose matched training image could be measured.
        figures: by the name of the figure, (n,) of these matched training images.
        correlations: as `reports.complexity.complexity_data`: of samples, and of training images.
    """

    verdict: Verdict
    scores: Scores
    figures: Mapping[str, Scores]
    correlations: Mapping[str, Any]


def measure_complexities(samples: Samples, index: Index, asked: Asked) -> ComplexityResult:
    """Measure samples and their matched training images, and how their figures go with the score.

    Raises:
        ExperimentError: no matched training image can be looked at.
        ReplicationError: the samples, the index or the settings do not allow it.
    """
    verdict = judged(samples, index, asked, complexity=True)
    correlations = complexity_data(verdict, asked.confidence)
    known = [
        (one.training, score)
        for one, score in zip(verdict.matches.complexity, best_scores(verdict.matches.best), strict=True)
        if one.training is not None
    ]
    if not known or correlations is None:
        raise ExperimentError(
            f"the training images of {index.path} cannot be looked at, and complexity is theirs: keep their "
            "files where they were indexed, or build the index with --pixels or --thumbnails"
        )
    return ComplexityResult(
        verdict,
        np.array([score for _, score in known], np.float64),
        {name: _column([one for one, _ in known], name) for name in FIGURES},
        correlations,
    )


def _column(of: list[Complexity], name: str) -> Scores:
    return np.array([getattr(one, name) for one in of], np.float64)
