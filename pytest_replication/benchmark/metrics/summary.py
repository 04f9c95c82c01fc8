"""All metrics of a set by name."""

from __future__ import annotations

from collections.abc import Sequence

from numpy.typing import ArrayLike

from pytest_replication.benchmark.metrics import ranking
from pytest_replication.benchmark.metrics.detection import detection_at
from pytest_replication.benchmark.metrics.judged import Judged, judge
from pytest_replication.benchmark.metrics.pairs import PairCurve, pair_curve

FALSE_POSITIVE_RATES = (0.01, 0.001)
KS = (1, 5, 10)


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
    curve = curve or pair_curve(scores, positives, junk)
    found: dict[str, float | None] = {
        "mAP": ranking.mean_average_precision(queries),
        "mAP (step)": ranking.mean_average_precision(queries, trapezoid=False),
        "MRR": ranking.mean_reciprocal_rank(queries),
        "MRR (as released)": ranking.mean_reciprocal_rank_as_released(queries),
        "accuracy@1": ranking.accuracy_at_1(queries),
        "micro-AP": curve.average_precision,
        "recall at precision 90 %": curve.recall_at_precision(0.9),
    }
    for k in ks:
        found[f"precision@{k}"] = ranking.mean_precision_at(queries, k)
        found[f"precision@{k} (capped)"] = ranking.mean_precision_at(queries, k, capped=True)
        found[f"recall@{k}"] = ranking.mean_recall_at(queries, k)
    both = any(query.negative for query in queries)
    for rate in FALSE_POSITIVE_RATES:
        name = f"recall at false-positive rate {rate:.1%}".replace(".0%", "%").replace("%", " %")
        found[name] = _recall(queries, rate) if both else None
    return found


def _recall(queries: Sequence[Judged], rate: float) -> float | None:
    """None where one false alarm exceeds the rate: the recall without any depends on chance alone."""
    found = detection_at(queries, rate)
    return found.recall if found.resolved else None
