"""Split products: the best pair of chunks decides how alike two images are.

The larger side is read a block at a time, so that it may be a memory map, and the smaller one is
kept normalised in memory. Products are those of BLAS.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal, overload

import numpy as np
from numpy.typing import NDArray

from pytest_replication.embedders.base import threads
from pytest_replication.errors import SearchError
from pytest_replication.scoring.tokens import (
    Norm,
    Tokens,
    Wide,
    check_norm,
    check_tokens,
    inverse_lengths,
    unit,
    widen,
)

_BLOCK_BYTES = 4 << 20
"""Tokens of the larger side that are looked at together: about what stays in a cache."""
_HELD_BYTES = 128 << 20
"""Tokens of the smaller side that are held at once."""
_PRODUCT_BYTES = 16 << 20
"""Products of chunks that are held at once."""
_ONE_THREAD = 1 << 18
"""Multiplications up to which OpenBLAS starts no threads, which would be in the way of ours."""
_WORTH_THREADS = 16 << 20
"""Bytes of the larger side from which on several threads pay."""

Places = NDArray[np.int32]
_Found = tuple[Wide, Places | None]
_Kernel = Callable[[Wide, Wide, Wide, bool], _Found]


@overload
def split_product(a: Tokens, b: Tokens, norm: Norm = ..., *, which: Literal[False] = ...) -> Wide: ...
@overload
def split_product(a: Tokens, b: Tokens, norm: Norm = ..., *, which: Literal[True]) -> tuple[Wide, Places]: ...
def split_product(
    a: Tokens, b: Tokens, norm: Norm = "chunk", *, which: bool = False
) -> Wide | tuple[Wide, Places]:
    """Score every pair of images by their best pair of corresponding chunks.

    max over c of the inner product of chunk c of one image and chunk c of the other.

    Args:
        a: (n, chunks, length) tokens, floats; float16 may be memory-mapped.
        b: (m, chunks, length) tokens.
        norm: ``chunk`` makes every chunk a unit vector: scores lie in [-1, 1], a chunk of zeros
            scores 0. ``concat`` makes all chunks of an image together one unit vector: two equal
            images score far below 1, so that scores rank images but take no threshold.
        which: return the chunks that won as well.

    Returns:
        (n, m) float32 scores; with `which` also (n, m) int32 chunks, the first of equal ones.

    Raises:
        SearchError: shapes that do not agree, or tokens that are not finite.
        SettingsError: an unknown norm.
    """
    _check(a, b, norm)
    if a.shape[1] != b.shape[1]:
        raise SearchError(
            f"images of {a.shape[1]} and of {b.shape[1]} chunks have no corresponding chunks: embed them "
            "alike"
        )
    scores, places = _score(a, b, _Way(norm, _corresponding, a.shape[1], threads(), which))
    return scores if places is None else (scores, np.ascontiguousarray(places[:, :, 0]))


@overload
def cross_split_product(a: Tokens, b: Tokens, norm: Norm = ..., *, which: Literal[False] = ...) -> Wide: ...
@overload
def cross_split_product(
    a: Tokens, b: Tokens, norm: Norm = ..., *, which: Literal[True]
) -> tuple[Wide, Places]: ...
def cross_split_product(
    a: Tokens, b: Tokens, norm: Norm = "chunk", *, which: bool = False
) -> Wide | tuple[Wide, Places]:
    """Score every pair of images by their best pair of chunks, wherever these lie.

    Args:
        a: (n, chunks, length) tokens, floats; float16 may be memory-mapped.
        b: (m, chunks, length) tokens; the number of chunks may differ.
        norm: as for `split_product`.
        which: return the chunks that won as well.

    Returns:
        (n, m) float32 scores; with `which` also (n, m, 2) int32: the chunk of `a` and that of `b`.

    Raises:
        SearchError: chunks of different lengths, or tokens that are not finite.
        SettingsError: an unknown norm.
    """
    _check(a, b, norm)
    # Products this large are spread over the cores by BLAS itself.
    scores, places = _score(a, b, _Way(norm, _any, a.shape[1] * b.shape[1], 1, which))
    return scores if places is None else (scores, places)


def _check(a: Tokens, b: Tokens, norm: str) -> None:
    check_norm(norm)
    check_tokens(a, "tokens of the first images")
    check_tokens(b, "tokens of the second images")
    if a.shape[2] != b.shape[2]:
        raise SearchError(f"chunks of {a.shape[2]} and of {b.shape[2]} numbers cannot be compared")


@dataclass(frozen=True, slots=True)
class _Way:
    """How images are compared: `pairs` counts the products that one pair of images takes."""

    norm: Norm
    kernel: _Kernel
    pairs: int
    workers: int
    which: bool


def _score(a: Tokens, b: Tokens, way: _Way) -> _Found:
    if len(b) > len(a):
        scores, places = _score(b, a, way)
        turned = None if places is None else np.ascontiguousarray(places.transpose(1, 0, 2)[:, :, ::-1])
        return np.ascontiguousarray(scores.T), turned
    scores = np.empty((len(a), len(b)), np.float32)
    places = np.empty((len(a), len(b), 2), np.int32) if way.which else None
    image = b.shape[1] * b.shape[2] * 4
    step = max(1, min(_HELD_BYTES // image, _PRODUCT_BYTES // (way.pairs * 4)))
    for first in range(0, len(b), step):
        held = unit(b[first : first + step], way.norm)
        columns = slice(first, first + step)
        found = scores[:, columns], None if places is None else places[:, columns]
        _fill(a, held, way, found)
    return scores, places


def _fill(a: Tokens, held: Wide, way: _Way, found: _Found) -> None:
    """Score all of `a` against what is held, in as many threads as pay."""
    workers = way.workers if a.nbytes >= _WORTH_THREADS else 1
    edges = np.linspace(0, len(a), workers + 1).astype(int)
    if workers == 1:
        _fill_rows(a, range(len(a)), held, way, found)
        return
    with ThreadPoolExecutor(workers, "split") as pool:
        parts = (range(low, high) for low, high in itertools.pairwise(edges))
        for done in [pool.submit(_fill_rows, a, part, held, way, found) for part in parts]:
            done.result()


def _fill_rows(a: Tokens, part: range, held: Wide, way: _Way, found: _Found) -> None:
    fits = (_BLOCK_BYTES // (a[:1].nbytes or 1), _PRODUCT_BYTES // (way.pairs * len(held) * 4))
    step = max(1, min(*fits, len(part)))
    buffer = np.empty((step, *a.shape[1:]), np.float32)  # one for all blocks: new memory costs as much again
    scores, places = found
    for start in range(part.start, part.stop, step):
        rows = slice(start, min(start + step, part.stop))
        wide = buffer[: rows.stop - rows.start]
        widen(a[rows], way.norm, wide)
        best, where = way.kernel(wide, inverse_lengths(wide, way.norm), held, way.which)
        scores[rows] = np.clip(best, -1, 1)
        if places is not None and where is not None:
            places[rows] = where


def _corresponding(wide: Wide, inverse: Wide, held: Wide, which: bool) -> _Found:
    best = np.empty((len(wide), len(held)), np.float32)
    chunks = np.empty((len(wide), len(held), 1), np.int32)
    step = max(1, _ONE_THREAD // (len(wide) * wide.shape[2]))
    for first in range(0, len(held), step):
        some = slice(first, first + step)
        products = np.matmul(wide.transpose(1, 0, 2), held[some].transpose(1, 2, 0))
        products *= inverse.T[:, :, None]
        products.max(axis=0, out=best[:, some])
        if which:
            chunks[:, some, 0] = products.argmax(axis=0)
    return best, np.repeat(chunks, 2, axis=2) if which else None


def _any(wide: Wide, inverse: Wide, held: Wide, which: bool) -> _Found:
    wide *= inverse[:, :, None]
    rows, chunks, length = wide.shape
    flat = np.matmul(wide.reshape(-1, length), held.reshape(-1, length).T)
    products = flat.reshape(rows, chunks, *held.shape[:2])
    theirs = products.max(axis=3)  # of each chunk of a row, with each held image
    best = theirs.max(axis=1)
    if not which:
        return best, None
    mine = theirs.argmax(axis=1)
    row, column = np.indices(mine.shape)
    other = products[row, mine, column].argmax(axis=2)
    return best, np.stack([mine, other], axis=-1).astype(np.int32)
