"""Order what an inner product has found by a split score."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from pytest_replication.errors import SearchError, UnknownName
from pytest_replication.scoring.split import cross_split_product, split_product
from pytest_replication.scoring.tokens import Norm, Tokens

SplitScore = Literal["split", "split-concat", "cross", "cross-concat"]
SPLIT_SCORES: tuple[SplitScore, ...] = get_args(SplitScore)
"""Corresponding chunks or any two, each a unit vector; with ``-concat`` all of an image together are one."""

BLOCK_BYTES = 128 << 20
"""Stored tokens of candidates that are read and scored at once."""

Lookup = Callable[[NDArray[np.int64]], Tokens]
"""From (m,) rows to the (m, views, chunks, length) tokens of these training images, some at a time."""


@dataclass(frozen=True, slots=True)
class Reranked:
    """Candidates in a new order, best first; candidates that are none come last.

    Attributes:
        rows: (n, k) int64 row numbers, -1 where there is none.
        scores: (n, k) float64, -inf where there is none.
        views: (n, k) int64 view of the training image that scored.
        sample_views: (n, k) int64 view of the sample that scored.
        chunks: (n, k, 2) int32 chunk of the sample and chunk of the training image that scored.
    """

    rows: NDArray[np.int64]
    scores: NDArray[np.float64]
    views: NDArray[np.int64]
    sample_views: NDArray[np.int64]
    chunks: NDArray[np.int32]


def rerank(
    rows: NDArray[np.int64],
    samples: Tokens,
    lookup: Lookup,
    *,
    score: SplitScore = "split",
) -> Reranked:
    """Score candidates again and order them anew.

    Args:
        rows: (n, k) rows of training images, best first, -1 where there is none.
        samples: (n, views, chunks, length) tokens of the samples.
        lookup: gives the stored tokens of rows.
        score: one of `SPLIT_SCORES`.

    Returns:
        The same candidates; of equal scores the one that was better before stays first.

    Raises:
        SearchError: shapes that do not agree, or tokens that are not finite.
        UnknownName: an unknown score.
    """
    if score not in SPLIT_SCORES:
        raise UnknownName(f"there is no split score {score!r}: give {' or '.join(SPLIT_SCORES)}")
    if rows.ndim != 2 or samples.ndim != 4 or len(rows) != len(samples):
        raise SearchError(
            f"candidates of shape {rows.shape} do not fit sample tokens of shape {samples.shape}, expected "
            "(n, k) and (n, views, chunks, length)"
        )
    found = Reranked(
        rows=np.full(rows.shape, -1, np.int64),
        scores=np.full(rows.shape, -np.inf),
        views=np.zeros(rows.shape, np.int64),
        sample_views=np.zeros(rows.shape, np.int64),
        chunks=np.zeros((*rows.shape, 2), np.int32),
    )
    for number, (candidates, tokens) in enumerate(zip(rows, samples, strict=True)):
        there = candidates[candidates >= 0]
        if len(there):
            _rerank_one(found, number, there, tokens, lookup, score)
    return found


def _rerank_one(
    found: Reranked,
    sample: int,
    rows: NDArray[np.int64],
    tokens: Tokens,
    lookup: Lookup,
    score: SplitScore,
) -> None:
    """Fill in the candidates of one sample; `tokens` are (views, chunks, length)."""
    step = max(1, BLOCK_BYTES // max(1, 2 * tokens.size))  # a training image stores as many, as float16
    blocks = (rows[first : first + step] for first in range(0, len(rows), step))
    scored = [_score(block, tokens, lookup(block), score) for block in blocks]
    top, best, won = (np.concatenate(parts) for parts in zip(*scored, strict=True))
    order = np.argsort(-top, kind="stable")
    place = slice(0, len(rows))
    found.rows[sample, place] = rows[order]
    found.scores[sample, place] = top[order]
    found.views[sample, place], found.sample_views[sample, place] = np.divmod(best[order], len(tokens))
    found.chunks[sample, place] = won[order][:, ::-1]


def _score(
    rows: NDArray[np.int64], tokens: Tokens, stored: Tokens, score: SplitScore
) -> tuple[NDArray[Any], ...]:
    """Of each candidate the best score, the pair of views that has it, and its pair of chunks."""
    if stored.ndim != 4 or len(stored) != len(rows):
        raise SearchError(f"the tokens of {len(rows)} candidates have shape {stored.shape}")
    flat = stored.reshape(-1, *stored.shape[2:])
    base, _, together = score.partition("-")
    norm: Norm = "concat" if together else "chunk"
    if base == "split":
        scores, same = split_product(flat, tokens, norm, which=True)
        chunks = np.stack([same, same], axis=-1)
    else:
        scores, chunks = cross_split_product(flat, tokens, norm, which=True)
    # (candidates, views * sample views): each candidate by its best pair of views.
    pairs = scores.reshape(len(rows), -1)
    best = pairs.argmax(axis=1)
    here = np.arange(len(rows))
    return pairs[here, best], best, chunks.reshape(len(rows), pairs.shape[1], 2)[here, best]
