"""The metrics against the libraries that have them too, on scores without ties unless it says otherwise."""

from __future__ import annotations

import numpy as np
import pytest

from pytest_replication.benchmark import metrics

RNG = np.random.default_rng(7)
POSITIVES = RNG.random((25, 60)) < 0.08
POSITIVES[:8] = False
POSITIVES[8, :] = True
SCORES = RNG.permutation(25 * 60).reshape(25, 60) / 1500 + 0.3003 * POSITIVES
WITH = POSITIVES.any(axis=1)


def test_average_precision_is_that_of_scikit_learn() -> None:
    learn = pytest.importorskip("sklearn.metrics")
    expected = [
        learn.average_precision_score(p, s) for s, p in zip(SCORES[WITH], POSITIVES[WITH], strict=True)
    ]
    found = metrics.mean_average_precision(metrics.judge(SCORES, POSITIVES), trapezoid=False)
    assert found == pytest.approx(np.mean(expected), abs=1e-12)
    micro = learn.average_precision_score(POSITIVES.ravel(), SCORES.ravel())
    assert metrics.pair_curve(SCORES, POSITIVES).average_precision == pytest.approx(micro, abs=1e-12)


@pytest.mark.parametrize("decimals", [1, 2, 9])
def test_the_curve_is_that_of_scikit_learn(decimals: int) -> None:
    """With ties too: both take all pairs of one score together."""
    learn = pytest.importorskip("sklearn.metrics")
    scores = SCORES.round(decimals)
    curve = metrics.pair_curve(scores, POSITIVES)
    precision, recall, thresholds = learn.precision_recall_curve(POSITIVES.ravel(), scores.ravel())
    points = {t: (p, r) for p, r, t in zip(precision[:-1], recall[:-1], thresholds, strict=True)}
    assert set(curve.thresholds) <= set(points)
    for threshold, p, r in zip(curve.thresholds, curve.precision, curve.recall, strict=True):
        assert points[threshold] == pytest.approx((p, r), abs=1e-12)
    assert curve.recall_at_precision(0.9) == pytest.approx(recall[precision >= 0.9].max(), abs=1e-12)


@pytest.mark.parametrize("decimals", [1, 9])
@pytest.mark.parametrize("limit", [0.0, 0.001, 0.01, 0.125, 0.3])
def test_detection_is_on_the_curve_of_scikit_learn(decimals: int, limit: float) -> None:
    learn = pytest.importorskip("sklearn.metrics")
    scores = SCORES.round(decimals)
    rate, recall, _ = learn.roc_curve(WITH, scores.max(axis=1), drop_intermediate=False)
    found = metrics.detection_at(metrics.judge(scores, POSITIVES), limit)
    assert found.recall == pytest.approx(recall[rate <= limit].max(), abs=1e-12)


def test_rankings_are_those_of_torchmetrics() -> None:
    torch = pytest.importorskip("torch")
    retrieval = pytest.importorskip("torchmetrics.retrieval")
    queries = metrics.judge(SCORES, POSITIVES)
    given = (torch.tensor(SCORES).ravel(), torch.tensor(POSITIVES).ravel())
    rows = torch.arange(25).repeat_interleave(60)

    def expected(metric: str, **options: int) -> float:
        value = getattr(retrieval, metric)(empty_target_action="skip", **options)(*given, indexes=rows)
        return float(value)

    step = metrics.mean_average_precision(queries, trapezoid=False)
    assert step == pytest.approx(expected("RetrievalMAP"), abs=1e-6)
    assert metrics.mean_reciprocal_rank(queries) == pytest.approx(expected("RetrievalMRR"), abs=1e-6)
    for k in (1, 4, 10):
        precision, recall = metrics.mean_precision_at(queries, k), metrics.mean_recall_at(queries, k)
        assert precision == pytest.approx(expected("RetrievalPrecision", top_k=k), abs=1e-6)
        assert recall == pytest.approx(expected("RetrievalRecall", top_k=k), abs=1e-6)
    accuracy = expected("RetrievalHitRate", top_k=1)
    assert metrics.accuracy_at_1(queries) == pytest.approx(accuracy, abs=1e-6)


def test_junk_is_what_is_not_there() -> None:
    """A library that knows no junk gives the same for the rows from which it was cut."""
    learn = pytest.importorskip("sklearn.metrics")
    junk = (RNG.random(SCORES.shape) < 0.2) & ~POSITIVES
    expected = [
        learn.average_precision_score(p[~j], s[~j])
        for s, p, j in zip(SCORES[WITH], POSITIVES[WITH], junk[WITH], strict=True)
    ]
    found = metrics.mean_average_precision(metrics.judge(SCORES, POSITIVES, junk), trapezoid=False)
    assert found == pytest.approx(np.mean(expected), abs=1e-12)
    micro = learn.average_precision_score(POSITIVES[~junk], SCORES[~junk])
    assert metrics.pair_curve(SCORES, POSITIVES, junk).average_precision == pytest.approx(micro, abs=1e-12)
