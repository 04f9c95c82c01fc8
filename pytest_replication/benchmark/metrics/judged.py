"""Where the positives of each query stand: all that the metrics of a single query need.

At equal scores everything else stands before a positive. The order in which a database happens to
be stored must not decide, and the same score for everything must not look good.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pytest_replication.benchmark.sets import RetrievalSet
from pytest_replication.errors import BenchmarkError

Ranks = NDArray[np.int64]
Scores = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Judged:
    """What one query found.

    Attributes:
        relevant: positives that the whole database holds.
        ranks: of the positives that were found, from 0, ascending, junk removed.
        ranks_with_junk: the same, with junk still in its place.
        depth: results that were looked at, without junk.
        whole: whether that was the whole database; otherwise it was a list of the best.
        best: the best score among all that is not junk; -inf when nothing is left.
        junk: results that were looked at and are junk.
    """

    relevant: int
    ranks: Ranks
    ranks_with_junk: Ranks
    depth: int
    whole: bool
    best: float
    junk: int = 0

    @property
    def negative(self) -> bool:
        """Whether it should find nothing.

        A query with junk alone has relatives in the database: the published evaluations skip it, and
        what it finds is no false alarm for certain.
        """
        return not self.relevant and not self.junk


def checked(
    scores: ArrayLike, positives: ArrayLike, junk: ArrayLike | None
) -> tuple[NDArray[Any], Mask, Mask]:
    """The same as arrays, when they fit each other; scores keep their type, so that none is copied.

    Raises:
        BenchmarkError: shapes or types that differ, a score that is not finite, no scores at all, or a
            picture that is both a positive and junk.
    """
    given = np.asarray(scores)
    hits = np.asarray(positives)
    out = np.zeros(hits.shape, bool) if junk is None else np.asarray(junk)
    if given.ndim != 2 or given.size == 0 or given.dtype.kind not in "fiu":
        raise BenchmarkError(
            f"scores have shape {given.shape} and type {given.dtype}: expected numbers in rows of queries "
            "and columns of the database, one of each at least"
        )
    for name, mask in (("positives", hits), ("junk", out)):
        if mask.shape != given.shape or mask.dtype != np.bool_:
            raise BenchmarkError(
                f"{name} have shape {mask.shape} and type {mask.dtype}: "
                f"expected booleans of shape {given.shape}"
            )
    if not np.isfinite(given).all():
        row, column = np.argwhere(~np.isfinite(given))[0]
        raise BenchmarkError(
            f"the score of query {row} and picture {column} is {given[row, column]}: no metric can be "
            "computed from scores that are not finite"
        )
    if (hits & out).any():
        row, column = np.argwhere(hits & out)[0]
        raise BenchmarkError(f"picture {column} is both a positive and junk for query {row}")
    return given, hits, out


def masks(truth: RetrievalSet, part: slice = slice(None)) -> tuple[Mask, Mask]:
    """Positives and junk of a set: two arrays (queries, database) of booleans, in the order of the set.

    Args:
        truth: the set.
        part: of its queries; all of them by default.
    """
    column = {picture.id: number for number, picture in enumerate(truth.database)}
    queries = truth.queries[part]
    positives = np.zeros((len(queries), len(column)), bool)
    junk = np.zeros_like(positives)
    for row, query in enumerate(queries):
        positives[row, [column[name] for name in query.positives]] = True
        junk[row, [column[name] for name in query.junk]] = True
    return positives, junk


def judge(scores: ArrayLike, positives: ArrayLike, junk: ArrayLike | None = None) -> tuple[Judged, ...]:
    """Judge queries that were compared with the whole database.

    A large set can be judged in blocks of queries: the results of the blocks, one behind the other, are
    the result of the set.

    Args:
        scores: (queries, database), higher for more alike, finite.
        positives: (queries, database) booleans.
        junk: (queries, database) booleans: what counts neither for nor against; None for none.

    Raises:
        BenchmarkError: they do not fit each other, or a score is not finite.
    """
    given, hits, out = checked(scores, positives, junk)
    counts = hits.sum(axis=1)
    rows = zip(given, hits, out, counts, strict=True)
    return tuple(_judged(row, hit, gone, int(count), whole=True) for row, hit, gone, count in rows)


def judge_lists(
    scores: ArrayLike, positives: ArrayLike, relevant: Sequence[int], junk: ArrayLike | None = None
) -> tuple[Judged, ...]:
    """Judge lists of the best results, for a database too large for a matrix of all scores.

    Args:
        scores: (queries, length of the lists), of the results of each query, in any order.
        positives: of the same shape: whether a result is a positive.
        relevant: for each query, how many positives the whole database holds.
        junk: of the same shape; None for none.

    Raises:
        BenchmarkError: they do not fit each other, a score is not finite, or a list holds more
            positives than there are.
    """
    given, hits, out = checked(scores, positives, junk)
    found = hits.sum(axis=1)
    if len(relevant) != len(given) or any(int(r) < f for r, f in zip(relevant, found, strict=False)):
        raise BenchmarkError(
            f"{len(relevant)} numbers of positives for {len(given)} lists: expected one a list, and none "
            "smaller than the positives in the list"
        )
    rows = zip(given, hits, out, relevant, strict=True)
    return tuple(_judged(row, hit, gone, int(count), whole=False) for row, hit, gone, count in rows)


def _judged(given: NDArray[Any], hits: Mask, junk: Mask, relevant: int, whole: bool) -> Judged:
    scores = given.astype(np.float64, copy=False)
    positives = np.sort(scores[hits])[::-1]
    others, gone = np.sort(scores[~hits & ~junk]), np.sort(scores[junk])
    ranks = np.arange(len(positives)) + _at_least(others, positives)
    return Judged(
        relevant=relevant,
        ranks=ranks,
        ranks_with_junk=ranks + _at_least(gone, positives),
        depth=len(positives) + len(others),
        whole=whole,
        best=float(max(positives[:1].max(initial=-np.inf), others[-1:].max(initial=-np.inf))),
        junk=len(gone),
    )


def _at_least(ascending: Scores, limits: Scores) -> NDArray[Any]:
    """For each limit, how many of the scores reach it."""
    return len(ascending) - np.searchsorted(ascending, limits, side="left")
