"""Metrics over all pairs at once: one threshold for all queries, as a gate has it.

All pairs of a query and a picture are put in one order by their scores. At equal scores the wrong
pairs stand first.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pytest_replication.benchmark.metrics.judged import Mask, checked
from pytest_replication.errors import BenchmarkError

Values = NDArray[np.float64]

_BLOCK = 1 << 22
"""Scores that are sorted at once."""


@dataclass(frozen=True, slots=True)
class PairCurve:
    """Precision and recall of all pairs.

    Points between two scores of positives are left out: there recall stays and precision falls.

    Attributes:
        thresholds: (points,) scores that positives have, each once, descending. Pairs that reach it
            are taken.
        precision: (points,) share of positives among the pairs taken, in (0, 1].
        recall: (points,) share of the positives that are taken, ascending, in (0, 1].
        average_precision: micro-AP, in [0, 1].
    """

    thresholds: Values
    precision: Values
    recall: Values
    average_precision: float

    def recall_at_precision(self, least: float = 0.9) -> float:
        """The best recall of a threshold with that precision; 0 if none has it."""
        return float(self.recall[self.precision >= least].max(initial=0.0))

    def threshold_at_precision(self, least: float = 0.9) -> float | None:
        """The threshold of that recall; None if none has the precision."""
        (fit,) = np.nonzero(self.precision >= least)
        return float(self.thresholds[fit[-1]]) if len(fit) else None


def pair_curve(
    scores: ArrayLike, positives: ArrayLike, junk: ArrayLike | None = None, relevant: int | None = None
) -> PairCurve:
    """Precision, recall and micro-AP.

    ``micro-AP = Σ (recall - recall before) · precision`` over all pairs in order, wrong pairs first
    at equal scores. Pairs that are junk are left out.

    Args:
        scores: (queries, database), or (queries, length) for lists of the best; finite.
        positives: booleans of that shape.
        junk: booleans of that shape; None for none.
        relevant: positive pairs in all, for lists that may lack some; None if all are here.

    Raises:
        BenchmarkError: they do not fit each other, a score is not finite, or there is no positive.
    """
    block = checked(scores, positives, junk)
    return curve_of_blocks([block], block[0][block[1]], relevant)


def curve_of_blocks(
    blocks: Iterable[tuple[NDArray[Any], Mask, Mask]], found: NDArray[Any], relevant: int | None = None
) -> PairCurve:
    """The same of blocks of queries, for a database too large for a matrix of all scores.

    Args:
        blocks: scores, positives and junk of some queries each, as `judged.checked` gives them.
        found: scores of all positives of all blocks, in any order.
        relevant: positive pairs in all, for lists that may lack some; None if all are here.

    Raises:
        BenchmarkError: there is no positive.
    """
    right = np.sort(found.astype(np.float64, copy=False))[::-1]
    relevant = len(right) if relevant is None else relevant
    if relevant < max(1, len(right)):
        raise BenchmarkError(
            f"{len(right)} pairs are positives out of {relevant}: expected one at least, "
            "and no more than there are"
        )
    wrong = np.zeros(len(right), np.int64)
    for block in blocks:
        wrong += _wrong(*block, right)
    places = np.arange(1, len(right) + 1)
    precision = places / (places + wrong)
    last = np.append(right[1:] != right[:-1], True)[: len(right)]  # of several with one score
    return PairCurve(right[last], precision[last], places[last] / relevant, float(precision.sum() / relevant))


def _wrong(given: NDArray[Any], hits: Mask, junk: Mask, right: Values) -> NDArray[np.int64]:
    """For each score of `right`, descending, how many wrong pairs reach it."""
    ascending = right[::-1]
    # At place n: wrong pairs that reach the n lowest of the positives and no other.
    reached = np.zeros(len(right) + 1, np.int64)
    rows = max(1, _BLOCK // given.shape[1])
    for first in range(0, len(given), rows):
        block = slice(first, first + rows)
        others = given[block][~(hits[block] | junk[block])].astype(np.float64, copy=False)
        others.sort()
        places = np.searchsorted(ascending, others, side="right")
        reached += np.bincount(places, minlength=len(reached))
    return reached[::-1].cumsum()[:-1]
