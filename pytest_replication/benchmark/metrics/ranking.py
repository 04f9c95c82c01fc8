"""Metrics of each query's own ranking, as means over the queries that have a positive."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from pytest_replication.benchmark.metrics.judged import Judged
from pytest_replication.errors import BenchmarkError


def average_precision(query: Judged, trapezoid: bool = True) -> float:
    """Area under the precision-recall curve of one query, in [0, 1].

    A positive that a list of the best does not hold adds nothing, so that the area of a list is a lower
    bound of the area of the whole ranking.

    Args:
        query: with one positive at least.
        trapezoid: join the points of the curve by straight lines, as the evaluations of Oxford,
            Paris, Holidays and Copydays do; else take the precision at each positive, as most
            libraries do.
    """
    found = np.arange(len(query.ranks))
    after = (found + 1) / (query.ranks + 1)
    if not trapezoid:
        return float(after.sum() / query.relevant)
    before = np.divide(found, query.ranks, out=np.ones(len(found)), where=query.ranks > 0)
    return float((before + after).sum() / 2 / query.relevant)


def precision_at(query: Judged, k: int, capped: bool = False) -> float:
    """Share of positives among the first k, in [0, 1].

    Args:
        query: with one positive at least.
        k: 1 or more.
        capped: look no further than the last positive, as the revisited Oxford and Paris evaluation
            does, so that a perfect ranking gets 1 even where there are fewer positives than k.

    Raises:
        BenchmarkError: a list of the best was shorter than k.
    """
    _deep_enough(query, k)
    looked_at = k
    if capped and len(query.ranks) == query.relevant:  # else the last positive is behind the list
        looked_at = min(k, int(query.ranks[-1]) + 1)
    return float((query.ranks < looked_at).sum() / looked_at)


def recall_at(query: Judged, k: int) -> float:
    """Share of the positives that are among the first k, in [0, 1].

    Raises:
        BenchmarkError: a list of the best was shorter than k.
    """
    _deep_enough(query, k)
    return float((query.ranks < k).sum() / query.relevant)


def reciprocal_rank(query: Judged) -> float:
    """1 / place of the first positive, junk removed; 0 if a list of the best holds none."""
    return 1.0 / (int(query.ranks[0]) + 1) if len(query.ranks) else 0.0


def mean_average_precision(queries: Sequence[Judged], trapezoid: bool = True) -> float:
    """mAP: see `average_precision`.

    Raises:
        BenchmarkError: no query has a positive. So do the others here.
    """
    return _mean(lambda query: average_precision(query, trapezoid), queries)


def mean_precision_at(queries: Sequence[Judged], k: int, capped: bool = False) -> float:
    """Mean of `precision_at`."""
    return _mean(lambda query: precision_at(query, k, capped), queries)


def mean_recall_at(queries: Sequence[Judged], k: int) -> float:
    """Mean of `recall_at`."""
    return _mean(lambda query: recall_at(query, k), queries)


def mean_reciprocal_rank(queries: Sequence[Judged]) -> float:
    """MRR as it is usually understood: junk removed, over the queries that have a positive."""
    return _mean(reciprocal_rank, queries)


def mean_reciprocal_rank_as_released(queries: Sequence[Judged]) -> float:
    """MRR as the code released with Somepalli et al., CVPR 2023, computes it.

    Junk keeps its places, and the sum is divided by the number of all queries, so that a query
    without positives counts as one that found nothing.
    """
    _some(queries)
    firsts = [int(query.ranks_with_junk[0]) for query in queries if len(query.ranks_with_junk)]
    return sum(1.0 / (first + 1) for first in firsts) / len(queries)


def accuracy_at_1(queries: Sequence[Judged]) -> float:
    """Share of the queries with positives whose first result, junk removed, is one."""
    return _mean(lambda query: float(bool((query.ranks[:1] == 0).any())), queries)


def _some(queries: Iterable[Judged]) -> list[Judged]:
    some = [query for query in queries if query.relevant]
    if not some:
        raise BenchmarkError("no query has a positive: there is nothing that could be found")
    return some


def _mean(metric: Callable[[Judged], float], queries: Iterable[Judged]) -> float:
    return float(np.mean([metric(query) for query in _some(queries)]))


def _deep_enough(query: Judged, k: int) -> None:
    if k < 1:
        raise BenchmarkError(f"k is {k}: expected 1 or more")
    if not query.whole and query.depth < k:
        raise BenchmarkError(
            f"a list of {query.depth} results, without junk, says nothing about the first {k}: "
            "ask for longer lists"
        )
