"""All metrics of a set by name."""

from __future__ import annotations

import math
from collections.abc import Sequence

from numpy.typing import ArrayLike

from pytest_replication.benchmark.metrics import ranking
from pytest_replication.benchmark.metrics.detection import Detection, detection_at
from pytest_replication.benchmark.metrics.judged import Judged, judge
from pytest_replication.benchmark.metrics.pairs import PairCurve, pair_curve

FALSE_POSITIVE_RATES = (0.01, 0.001)
KS = (1, 5, 10)
_OF_PRECISION = "recall at precision 90 %"


def summarise(
    scores: ArrayLike,
    positives: ArrayLike,
    junk: ArrayLike | None = None,
    ks: Sequence[int] = KS,
    *,
    curve: PairCurve | None = None,
) -> dict[str, float | None]:
    """All metrics of queries that were compared with the whole database.

    Args:
        scores: (queries, database), higher for more alike, finite.
        positives: (queries, database) booleans, one of them true at least.
        junk: (queries, database) booleans; None for none.
        ks: for precision and recall among the first k.
        curve: what `pair_curve` makes of the same; None to make it here.

    Returns:
        Values in [0, 1] by name. Recall at a false-positive rate is None where there are too few
        negatives for one false alarm to be within the rate: 100 are needed for 1 %.

    Raises:
        BenchmarkError: they do not fit each other, a score is not finite, or no query has a positive.
    """
    queries = judge(scores, positives, junk)
    return summarise_judged(queries, curve or pair_curve(scores, positives, junk), ks)


def summarise_judged(
    queries: Sequence[Judged], curve: PairCurve, ks: Sequence[int] = KS
) -> dict[str, float | None]:
    """The same of queries that were judged already, with the curve of all their pairs.

    Raises:
        BenchmarkError: no query has a positive.
    """
    found: dict[str, float | None] = {
        "mAP": ranking.mean_average_precision(queries),
        "mAP (step)": ranking.mean_average_precision(queries, trapezoid=False),
        "MRR": ranking.mean_reciprocal_rank(queries),
        "MRR (as released)": ranking.mean_reciprocal_rank_as_released(queries),
        "accuracy@1": ranking.accuracy_at_1(queries),
        "micro-AP": curve.average_precision,
        _OF_PRECISION: curve.recall_at_precision(0.9),
    }
    for k in ks:
        found[f"precision@{k}"] = ranking.mean_precision_at(queries, k)
        found[f"precision@{k} (capped)"] = ranking.mean_precision_at(queries, k, capped=True)
        found[f"recall@{k}"] = ranking.mean_recall_at(queries, k)
    for rate in FALSE_POSITIVE_RATES:
        at = _detection(queries, rate)
        found[_of_rate(rate)] = None if at is None else at.recall
    return found


def thresholds(queries: Sequence[Judged], curve: PairCurve) -> dict[str, float | None]:
    """The score from which on something counts as found, for each metric that has one.

    It belongs to the set, as the metric does: other images have other scores.

    Returns:
        By the name of the metric; None where no threshold gives it.
    """
    found = {_OF_PRECISION: _down(curve.threshold_at_precision(0.9))}
    for rate in FALSE_POSITIVE_RATES:
        at = _detection(queries, rate)
        found[_of_rate(rate)] = None if at is None else _down(at.threshold)
    return found


def _down(threshold: float | None) -> float | None:
    """To the 6 decimals of a gate, downwards: the score that it was taken from still reaches it."""
    return None if threshold is None else math.floor(threshold * 1e6) / 1e6


def _of_rate(rate: float) -> str:
    return f"recall at false-positive rate {rate:.1%}".replace(".0%", "%").replace("%", " %")


def _detection(queries: Sequence[Judged], rate: float) -> Detection | None:
    """None where one false alarm exceeds the rate: the recall without any depends on chance alone."""
    if not any(query.negative for query in queries):
        return None
    found = detection_at(queries, rate)
    return found if found.resolved else None
