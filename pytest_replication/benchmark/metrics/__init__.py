"""How well scores tell copies from other images."""

from pytest_replication.benchmark.metrics.detection import Detection, detection_at
from pytest_replication.benchmark.metrics.judged import Judged, judge, judge_lists, masks
from pytest_replication.benchmark.metrics.pairs import PairCurve, curve_of_blocks, pair_curve
from pytest_replication.benchmark.metrics.ranking import (
    accuracy_at_1,
    average_precision,
    mean_average_precision,
    mean_precision_at,
    mean_recall_at,
    mean_reciprocal_rank,
    mean_reciprocal_rank_as_released,
    precision_at,
    recall_at,
    reciprocal_rank,
)
from pytest_replication.benchmark.metrics.summary import summarise, summarise_judged, thresholds

__all__ = [
    "Detection",
    "Judged",
    "PairCurve",
    "accuracy_at_1",
    "average_precision",
    "curve_of_blocks",
    "detection_at",
    "judge",
    "judge_lists",
    "masks",
    "mean_average_precision",
    "mean_precision_at",
    "mean_recall_at",
    "mean_reciprocal_rank",
    "mean_reciprocal_rank_as_released",
    "pair_curve",
    "precision_at",
    "recall_at",
    "reciprocal_rank",
    "summarise",
    "summarise_judged",
    "thresholds",
]
