"""Metrics of whole queries: would a gate with one threshold flag this sample?

The score of a query is its best score among all that is not junk, whatever that best match is: a
gate flags a sample for its nearest training image. A query with positives should be flagged, and one
with neither positives nor junk should not. One with junk alone counts on neither side.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pytest_replication.benchmark.metrics.judged import Judged
from pytest_replication.errors import BenchmarkError


@dataclass(frozen=True, slots=True)
class Detection:
    """What can be flagged while few are flagged wrongly.

    Attributes:
        recall: share of the queries with positives that are flagged, in [0, 1].
        threshold: queries whose score reaches it are flagged; None if no threshold is strict enough.
        false_alarms: queries with neither positives nor junk that are flagged.
        copies: queries with positives.
        others: queries with neither.
        limit: the share of others that may be flagged.
    """

    recall: float
    threshold: float | None
    false_alarms: int
    copies: int
    others: int
    limit: float

    @property
    def resolved(self) -> bool:
        """Whether there are enough others for one false alarm to be within the limit.

        With fewer, the recall is that without any false alarm, and says less about the rate.
        """
        return 1 / self.others <= self.limit


def detection_at(queries: Sequence[Judged], limit: float) -> Detection:
    """The best recall with a false-positive rate of at most `limit`.

    The threshold is the lowest score of a query with positives that keeps within the limit. Queries
    with exactly that score are flagged on both sides.

    Args:
        queries: some with positives, and some with neither positives nor junk.
        limit: such as 0.01 or 0.001.

    Raises:
        BenchmarkError: there is no query with positives, or none with neither positives nor junk, or a
            limit outside of [0, 1).
    """
    if not 0 <= limit < 1:
        raise BenchmarkError(f"the false-positive rate is {limit}: expected 0 or more, and less than 1")
    copies = np.sort([query.best for query in queries if query.relevant])[::-1]
    others = np.sort([query.best for query in queries if query.negative])
    if not len(copies) or not len(others):
        raise BenchmarkError(
            f"{len(copies)} queries have positives and {len(others)} have neither positives nor junk: "
            "a false-positive rate needs both"
        )
    alarms = len(others) - np.searchsorted(others, copies, side="left")
    (fit,) = np.nonzero((alarms / len(others) <= limit) & np.isfinite(copies))
    if not len(fit):
        return Detection(0.0, None, 0, len(copies), len(others), limit)
    threshold = float(copies[fit[-1]])
    recall = float((copies >= threshold).mean())
    return Detection(recall, threshold, int(alarms[fit[-1]]), len(copies), len(others), limit)
