"""The rows of an index that are nearest to samples, in numbers, and what found them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pytest_replication.choices import EXACT


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The nearest rows of each sample, best first.

    Attributes:
        scores: (n, k) float64 inner products, or what they were scored again by, in [-1, 1], rounded
            to 6 decimals, -inf where the index has fewer than k rows.
        rows: (n, k) int64 row numbers, -1 where there is none.
        views: (n, k) int64 number of the view of the training image that scored.
        sample_views: (n, k) int64 number of the view of the sample that scored.
        searched: rows that were searched for every sample: one by one by the exact scan, as far as
            its engine looks by an approximate one.
    """

    scores: NDArray[np.float64]
    rows: NDArray[np.int64]
    views: NDArray[np.int64]
    sample_views: NDArray[np.int64]
    searched: int

    def part(self, which: NDArray[np.bool_]) -> Neighbours:
        """Those of some samples: (n,) bool."""
        return Neighbours(
            self.scores[which],
            self.rows[which],
            self.views[which],
            self.sample_views[which],
            self.searched,
        )


@dataclass(frozen=True, slots=True)
class SearchedBy:
    """What searched, and how much of what there is it finds.

    Attributes:
        engine: ``exact``, or the name of an approximate engine.
        recall: lower bound of the share of copies that it finds: 1 for the exact scan, that of a
            certificate for an engine, None where nothing is known, so that nothing can pass.
        threshold: score that the certificate is about; None for the exact scan.
        planted: copies that were planted for the certificate.
        misses: of them, those that were not found.
        confidence: of the bound.
        note: why it was this one and not the engine that was asked for; empty if it is that one.
    """

    engine: str = EXACT
    recall: float | None = 1.0
    threshold: float | None = None
    planted: int = 0
    misses: int = 0
    confidence: float = 1.0
    note: str = ""

    @property
    def exact(self) -> bool:
        """Whether every row was scored."""
        return self.engine == EXACT
