"""Every metric against its definition, written out slowly: one comparison of two pictures at a time."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from pytest_replication.benchmark import metrics
from pytest_replication.benchmark.sets import Picture, Query, RetrievalSet
from pytest_replication.errors import BenchmarkError

WRONG, RIGHT, JUNK = 0, 1, 2
Case = tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_]]


@st.composite
def cases(draw: st.DrawFn, most: int = 9) -> Case:
    """Few scores, so that many are equal; any number of positives and of junk."""
    rows, columns = draw(st.integers(1, 6)), draw(st.integers(1, most))
    cell = st.tuples(st.integers(-2, 3), st.sampled_from([WRONG, WRONG, RIGHT, JUNK]))
    table = draw(st.lists(st.lists(cell, min_size=columns, max_size=columns), min_size=rows, max_size=rows))
    kinds = np.array([[kind for _, kind in row] for row in table])
    return np.array([[s / 4 for s, _ in row] for row in table]), kinds == RIGHT, kinds == JUNK


def ordered(case: Case, row: int, with_junk: bool = False) -> list[bool]:
    """Whether the results of a query are positives, the best first, positives last among equals."""
    scores, positives, junk = case
    kept = [c for c in range(scores.shape[1]) if with_junk or not junk[row, c]]
    kept.sort(key=lambda c: (-scores[row, c], bool(positives[row, c])))
    return [bool(positives[row, c]) for c in kept]


def slow_average_precision(hits: list[bool], trapezoid: bool) -> float:
    area, before = 0.0, 1.0
    for place, hit in enumerate(hits, 1):
        precision = sum(hits[:place]) / place
        if hit:
            area += (before + precision) / 2 if trapezoid else precision
        before = precision
    return area / sum(hits)


def slow_mean(case: Case, metric: Callable[[list[bool]], float]) -> float | None:
    rankings = [ordered(case, row) for row in range(len(case[0]))]
    values = [metric(hits) for hits in rankings if any(hits)]
    return sum(values) / len(values) if values else None


def capped_precision(hits: list[bool], k: int) -> float:
    looked_at = min(k, max(place for place, hit in enumerate(hits, 1) if hit))
    return sum(hits[:looked_at]) / looked_at


PER_QUERY: dict[str, tuple[Callable[..., float], Callable[[list[bool]], float]]] = {
    "mAP": (metrics.mean_average_precision, lambda hits: slow_average_precision(hits, True)),
    "mAP step": (
        lambda queries: metrics.mean_average_precision(queries, trapezoid=False),
        lambda hits: slow_average_precision(hits, False),
    ),
    "MRR": (metrics.mean_reciprocal_rank, lambda hits: 1 / (hits.index(True) + 1)),
    "accuracy": (metrics.accuracy_at_1, lambda hits: float(hits[0])),
    **{
        f"precision {k}": (lambda q, k=k: metrics.mean_precision_at(q, k), lambda h, k=k: sum(h[:k]) / k)
        for k in (1, 3, 20)
    },
    **{
        f"capped {k}": (
            lambda q, k=k: metrics.mean_precision_at(q, k, capped=True),
            lambda h, k=k: capped_precision(h, k),
        )
        for k in (1, 3, 20)
    },
    **{
        f"recall {k}": (lambda q, k=k: metrics.mean_recall_at(q, k), lambda h, k=k: sum(h[:k]) / sum(h))
        for k in (1, 3, 20)
    },
}


@pytest.mark.parametrize("name", PER_QUERY)
@given(case=cases())
def test_metrics_of_a_query_are_what_they_are_defined_to_be(name: str, case: Case) -> None:
    fast, slow = PER_QUERY[name]
    expected = slow_mean(case, slow)
    if expected is None:
        with pytest.raises(BenchmarkError, match="no query has a positive"):
            fast(metrics.judge(*case))
    else:
        assert fast(metrics.judge(*case)) == pytest.approx(expected, abs=1e-12)


@given(cases())
def test_the_released_mrr_keeps_junk_and_divides_by_all_queries(case: Case) -> None:
    if not case[1].any():
        with pytest.raises(BenchmarkError, match="no query has a positive"):
            metrics.mean_reciprocal_rank_as_released(metrics.judge(*case))
        return
    rankings = [ordered(case, row, with_junk=True) for row in range(len(case[0]))]
    # among equals, junk stands before positives too
    expected = sum(1 / (hits.index(True) + 1) for hits in rankings if any(hits)) / len(rankings)
    found = metrics.mean_reciprocal_rank_as_released(metrics.judge(*case))
    assert found == pytest.approx(expected, abs=1e-12)


def slow_pairs(case: Case) -> list[tuple[float, bool]]:
    scores, positives, junk = case
    pairs = [
        (float(scores[q, d]), bool(positives[q, d]))
        for q in range(scores.shape[0])
        for d in range(scores.shape[1])
        if not junk[q, d]
    ]
    return sorted(pairs, key=lambda pair: (-pair[0], pair[1]))


@given(cases(), st.sampled_from([0.0, 0.3, 0.5, 0.9, 1.0]))
def test_metrics_of_pairs_are_what_they_are_defined_to_be(case: Case, least: float) -> None:
    pairs = slow_pairs(case)
    total = sum(hit for _, hit in pairs)
    if not total:
        with pytest.raises(BenchmarkError, match="0 pairs are positives out of 0"):
            metrics.pair_curve(*case)
        return
    curve = metrics.pair_curve(*case)
    area, recall = 0.0, 0.0
    for place in range(1, len(pairs) + 1):
        now = sum(hit for _, hit in pairs[:place]) / total
        area += (now - recall) * now * total / place
        recall = now
    assert curve.average_precision == pytest.approx(area, abs=1e-12)
    points = {}
    for threshold in {score for score, _ in pairs}:
        taken = [hit for score, hit in pairs if score >= threshold]
        points[threshold] = sum(taken) / len(taken), sum(taken) / total
    wanted = sorted({score for score, hit in pairs if hit}, reverse=True)
    assert curve.thresholds.tolist() == wanted
    assert curve.precision.tolist() == pytest.approx([points[t][0] for t in wanted], abs=1e-12)
    assert curve.recall.tolist() == pytest.approx([points[t][1] for t in wanted], abs=1e-12)
    best = max([r for p, r in points.values() if p >= least], default=0.0)
    assert curve.recall_at_precision(least) == pytest.approx(best, abs=1e-12)
    threshold = curve.threshold_at_precision(least)
    if threshold is None:
        assert best == 0.0
    else:
        assert points[threshold] == (pytest.approx(points[threshold][0]), pytest.approx(best))
        assert points[threshold][0] >= least


@given(cases(), st.sampled_from([0.0, 0.01, 0.25, 0.5, 0.99]))
def test_detection_is_what_it_is_defined_to_be(case: Case, limit: float) -> None:
    scores, positives, junk = case
    best = [
        max((s for s, j in zip(row, out, strict=True) if not j), default=-math.inf)
        for row, out in zip(scores.tolist(), junk, strict=True)
    ]
    copies = [b for b, hit in zip(best, positives.any(axis=1), strict=True) if hit]
    others = [b for b, kin in zip(best, (positives | junk).any(axis=1), strict=True) if not kin]
    if not copies or not others:
        with pytest.raises(BenchmarkError, match="a false-positive rate needs both"):
            metrics.detection_at(metrics.judge(*case), limit)
        return
    found = metrics.detection_at(metrics.judge(*case), limit)
    allowed = [t for t in copies if sum(o >= t for o in others) / len(others) <= limit]
    assert found.recall == max((sum(c >= t for c in copies) / len(copies) for t in allowed), default=0.0)
    assert (found.threshold is None) == (not allowed)
    assert (found.copies, found.others, found.limit) == (len(copies), len(others), limit)
    alarms = 0 if found.threshold is None else sum(o >= found.threshold for o in others)
    assert found.false_alarms == alarms <= limit * len(others) + 1e-9
    assert found.resolved == (len(others) * limit >= 1)


def test_the_limit_is_met_exactly() -> None:
    scores = np.concatenate([np.full(100, 0.5), np.linspace(0.0, 0.99, 100)])[:, None]
    positives = np.arange(200)[:, None] < 100
    for wanted in range(1, 100):
        scores[100:, 0] = np.where(np.arange(100) < wanted, 0.6, 0.4)
        queries = metrics.judge(scores, positives)
        assert metrics.detection_at(queries, wanted / 100).recall == 1.0
        assert metrics.detection_at(queries, (wanted - 1) / 100).recall == 0.0


@given(cases())
def test_the_order_of_the_database_does_not_matter(case: Case) -> None:
    turned: Any = tuple(part[:, ::-1] for part in case)
    for one, other in zip(metrics.judge(*case), metrics.judge(*turned), strict=True):
        assert one.ranks.tolist() == other.ranks.tolist()
        assert one.ranks_with_junk.tolist() == other.ranks_with_junk.tolist()
        assert (one.best, one.depth, one.relevant) == (other.best, other.depth, other.relevant)


def test_one_score_for_everything_does_not_look_good() -> None:
    positives = np.zeros((1, 10), bool)
    positives[0, 0] = True
    queries = metrics.judge(np.ones((1, 10)), positives)
    assert metrics.mean_reciprocal_rank(queries) == 0.1
    assert metrics.accuracy_at_1(queries) == 0.0
    assert metrics.pair_curve(np.ones((1, 10)), positives).average_precision == 0.1


@given(cases(), st.integers(1, 4))
def test_blocks_of_queries_give_the_same(case: Case, size: int) -> None:
    blocks = [
        judged
        for start in range(0, len(case[0]), size)
        for judged in metrics.judge(*(part[start : start + size] for part in case))
    ]
    for one, other in zip(blocks, metrics.judge(*case), strict=True):
        assert one.ranks.tolist() == other.ranks.tolist()
        assert one.best == other.best


@given(cases(), st.integers(1, 9))
def test_lists_of_the_best_give_the_same_as_far_as_they_reach(case: Case, length: int) -> None:
    scores, positives, _ = case
    relevant = positives.sum(axis=1).tolist()
    order = np.lexsort((positives, -scores), axis=1)[:, :length]
    cut: Any = [np.take_along_axis(part, order, axis=1) for part in case]
    lists = metrics.judge_lists(cut[0], cut[1], relevant, cut[2])
    for one, whole in zip(lists, metrics.judge(*case), strict=True):
        assert one.relevant == whole.relevant
        assert one.ranks.tolist() == whole.ranks.tolist()[: len(one.ranks)]
        for k in range(1, one.depth + 1) if whole.relevant else ():
            assert metrics.precision_at(one, k) == metrics.precision_at(whole, k)
            assert metrics.precision_at(one, k, capped=True) == metrics.precision_at(whole, k, capped=True)
            assert metrics.recall_at(one, k) == metrics.recall_at(whole, k)
        if whole.relevant:
            assert metrics.average_precision(one) <= metrics.average_precision(whole) + 1e-12
            with pytest.raises(BenchmarkError, match=f"a list of {one.depth} results"):
                metrics.recall_at(one, one.depth + 1)
    if sum(relevant):
        curve = metrics.pair_curve(*cut, relevant=sum(relevant))
        found = sum(hit for _, hit in slow_pairs(tuple(cut)))
        assert (curve.recall[-1:] == found / sum(relevant)).all()
        assert len(curve.recall) == len({s for s, hit in slow_pairs(tuple(cut)) if hit})


def test_a_list_without_any_positive_found_nothing() -> None:
    (judged,) = metrics.judge_lists([[0.3, 0.2]], [[False, False]], [2])
    assert metrics.reciprocal_rank(judged) == metrics.average_precision(judged) == 0.0
    assert metrics.accuracy_at_1([judged]) == metrics.precision_at(judged, 2, capped=True) == 0.0
    curve = metrics.pair_curve([[0.3, 0.2]], [[False, False]], relevant=2)
    assert curve.average_precision == curve.recall_at_precision() == 0.0
    assert curve.threshold_at_precision() is None


def test_a_query_of_which_only_junk_is_left_cannot_be_flagged() -> None:
    queries = metrics.judge_lists(
        [[0.9, 0.8], [0.1, 0.0]],
        [[False, False], [False, False]],
        [1, 0],
        [[True, True], [False, False]],
    )
    assert queries[0].best == -math.inf
    found = metrics.detection_at(queries, 0.5)
    assert (found.recall, found.threshold, found.false_alarms) == (0.0, None, 0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([[np.nan, 1.0]], [[True, False]]), "the score of query 0 and picture 0 is nan"),
        (([[1.0, np.inf]], [[True, False]]), "the score of query 0 and picture 1 is inf"),
        (([[1.0, -np.inf]], [[True, False]]), "picture 1 is -inf"),
        (([1.0], [True]), r"scores have shape \(1,\)"),
        (([[]], [[]]), r"scores have shape \(1, 0\)"),
        (([["a"]], [[True]]), "type <U1: expected numbers"),
        (([[True]], [[True]]), "type bool: expected numbers"),
        (([[1.0, 2.0]], [[True]]), r"positives have shape \(1, 1\) and type bool: .* of shape \(1, 2\)"),
        (([[1.0]], [[1]]), "positives have shape .* type int64: expected booleans"),
        (([[1.0]], [[True]], [[0]]), "junk have shape"),
        (([[1.0]], [[True]], [[True]]), "picture 0 is both a positive and junk for query 0"),
    ],
)
def test_what_does_not_fit_is_refused(arguments: Any, message: str) -> None:
    for function in (metrics.judge, metrics.pair_curve, metrics.summarise):
        with pytest.raises(BenchmarkError, match=message):
            function(*arguments)


def test_numbers_that_contradict_a_list_are_refused() -> None:
    for relevant in ([], [0], [1, 1]):
        with pytest.raises(BenchmarkError, match=f"{len(relevant)} numbers of positives for 1 lists"):
            metrics.judge_lists([[1.0]], [[True]], relevant)
    for total in (0, 1):
        with pytest.raises(BenchmarkError, match=f"2 pairs are positives out of {total}"):
            metrics.pair_curve([[1.0, 2.0]], [[True, True]], relevant=total)
    (judged,) = metrics.judge([[1.0]], [[True]])
    for function in (metrics.precision_at, metrics.recall_at):
        with pytest.raises(BenchmarkError, match="k is 0"):
            function(judged, 0)
    for limit in (-0.1, 1.0, math.nan):
        with pytest.raises(BenchmarkError, match="the false-positive rate is"):
            metrics.detection_at([judged], limit)


def test_the_masks_of_a_set_follow_its_order() -> None:
    database = tuple(Picture(name, Path(name)) for name in "abc")
    queries = (
        Query(Picture("q", Path("q")), frozenset("ca"), frozenset("b")),
        Query(Picture("r", Path("r")), frozenset()),
    )
    positives, junk = metrics.masks(RetrievalSet("toy", queries, database))
    assert positives.tolist() == [[True, False, True], [False, False, False]]
    assert junk.tolist() == [[False, True, False], [False, False, False]]


def test_the_summary_holds_every_metric() -> None:
    rng = np.random.default_rng(0)
    positives = rng.random((40, 30)) < 0.1
    positives[:10] = False
    scores = rng.standard_normal((40, 30)).astype(np.float32) + 2 * positives
    found = metrics.summarise(scores, positives, ks=(2,))
    queries = metrics.judge(scores, positives)
    assert found == {
        "mAP": metrics.mean_average_precision(queries),
        "mAP (step)": metrics.mean_average_precision(queries, trapezoid=False),
        "MRR": metrics.mean_reciprocal_rank(queries),
        "MRR (as released)": metrics.mean_reciprocal_rank_as_released(queries),
        "accuracy@1": metrics.accuracy_at_1(queries),
        "micro-AP": metrics.pair_curve(scores, positives).average_precision,
        "recall at precision 90 %": metrics.pair_curve(scores, positives).recall_at_precision(0.9),
        "precision@2": metrics.mean_precision_at(queries, 2),
        "precision@2 (capped)": metrics.mean_precision_at(queries, 2, capped=True),
        "recall@2": metrics.mean_recall_at(queries, 2),
        "recall at false-positive rate 1 %": None,  # of 10 negatives
        "recall at false-positive rate 0.1 %": None,
    }
    everywhere = metrics.summarise(scores[positives.any(axis=1)], positives[positives.any(axis=1)])
    assert everywhere["recall at false-positive rate 1 %"] is None
    assert everywhere["mAP"] == found["mAP"]


@pytest.mark.parametrize(("negatives", "resolved"), [(2, False), (99, False), (100, True)])
def test_a_rate_that_the_negatives_do_not_resolve_is_left_out(negatives: int, resolved: bool) -> None:
    positives = np.arange(negatives + 5)[:, None] < 5
    scores = np.linspace(1.0, 0.0, negatives + 5)[:, None]
    found = metrics.summarise(scores, positives)
    assert found["recall at false-positive rate 1 %"] == (1.0 if resolved else None)
    assert found["recall at false-positive rate 0.1 %"] is None


def test_a_query_with_junk_alone_is_no_negative() -> None:
    positives = np.zeros((111, 2), bool)
    positives[:10, 0] = True
    junk = np.zeros_like(positives)
    junk[10, 0] = True
    scores = np.where(positives, 0.9, 0.1)
    scores[10, 1] = 1.0
    queries = metrics.judge(scores, positives, junk)
    found = metrics.detection_at(queries, 0.01)
    assert (found.copies, found.others, found.false_alarms, found.recall) == (10, 100, 0, 1.0)
    assert metrics.summarise(scores, positives, junk)["recall at false-positive rate 1 %"] == 1.0
    with pytest.raises(BenchmarkError, match="0 have neither positives nor junk"):
        metrics.detection_at(queries[:11], 0.01)
    assert (
        metrics.summarise(scores[:11], positives[:11], junk[:11])["recall at false-positive rate 1 %"] is None
    )


@given(cases())
def test_blocks_of_queries_give_the_curve_of_all(case: Case) -> None:
    if not case[1].any():
        return
    whole = metrics.pair_curve(*case)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pytest_replication.benchmark.metrics.pairs._BLOCK", 1)
        parts = metrics.pair_curve(*case)
    assert whole.precision.tolist() == parts.precision.tolist()
    assert whole.thresholds.tolist() == parts.thresholds.tolist()


def test_a_curve_that_is_at_hand_is_not_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    scores, positives = np.array([[0.9, 0.1], [0.8, 0.2]], np.float32), np.array([[True, False]] * 2)
    curve = metrics.pair_curve(scores, positives)
    expected = metrics.summarise(scores, positives)
    monkeypatch.delattr("pytest_replication.benchmark.metrics.summary.pair_curve")
    assert metrics.summarise(scores, positives, curve=curve) == expected
    assert curve.thresholds.dtype == np.float64


def test_many_positives_are_not_searched_for_every_query(monkeypatch: pytest.MonkeyPatch) -> None:
    """80 queries with 25 positives each: once all 2,000 positives were looked up for each query."""
    rng = np.random.default_rng(0)
    scores = rng.random((80, 100), np.float32)
    positives = rng.random(scores.shape) < 0.25
    searched, real = [], np.searchsorted

    def searchsorted(array: Any, values: Any, **how: Any) -> Any:
        searched.append(np.size(values))
        return real(array, values, **how)

    monkeypatch.setattr(np, "searchsorted", searchsorted)
    metrics.pair_curve(scores, positives)
    assert searched == [np.count_nonzero(~positives)]
