"""Samples that were made from captions of an index: how near each comes to its own caption's image.

Somepalli et al. (CVPR 2023, section 7) found that a sample is on average less like the image that its caption
belongs to than some other training image. The whole index is searched for every sample, whatever it was made
from; what is measured here stands beside that.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from pytest_replication.errors import SearchError
from pytest_replication.escape import one_line
from pytest_replication.index.reader import Index
from pytest_replication.models.prompted import Prompted
from pytest_replication.search.collect import tidy
from pytest_replication.search.match import Match
from pytest_replication.search.matches import Matches, Own, name_matches
from pytest_replication.search.neighbours import Neighbours
from pytest_replication.search.vectors import take

_ROWS = 4096
"""Rows that are scored at a time: bounds memory."""
_ROUNDING = 2e-6
"""By how much two scores of one pair may differ, both rounded to 6 decimals."""

Vectors = NDArray[np.float32]


def with_own(index: Index, prompted: Prompted | None, vectors: Vectors, matches: Matches) -> Matches:
    """Score each sample against the training image whose caption its prompt is.

    Exactly, from the stored vectors. Where several images have that caption, the nearest of them counts. One
    that scores more than what an approximate engine found is put among the matches: what is known to be near
    is not overlooked.

    Args:
        index: an open index.
        prompted: which rows these are; nothing is measured where they are of another index.
        vectors: (n, views, dim) of the samples, without canaries.
        matches: what was found of the same samples.

    Raises:
        SearchError: the exact scan has overlooked one of these images.
    """
    if prompted is None or not prompted.rows or prompted.generation != index.manifest.generation:
        return matches
    found = name_matches(index, _nearest_of(index, vectors, prompted.rows), matches.subject).of
    own = tuple(
        Own(_bare(mine[0]), len(rows)) if mine else None
        for mine, rows in zip(found, prompted.rows, strict=True)
    )
    of = tuple(_among(kept, one, matches) for kept, one in zip(matches.of, own, strict=True))
    return replace(matches, of=of, own=own)


def _nearest_of(index: Index, vectors: Vectors, wanted: tuple[tuple[int, ...], ...]) -> Neighbours:
    """The nearest of some rows to each sample, of which each has its own rows."""
    n = len(vectors)
    found = Neighbours(
        scores=np.full((n, 1), -np.inf),
        rows=np.full((n, 1), -1, np.int64),
        views=np.zeros((n, 1), np.int64),
        sample_views=np.zeros((n, 1), np.int64),
        searched=index.rows,
    )
    sharing: dict[tuple[int, ...], list[int]] = {}
    for sample, rows in enumerate(wanted):
        sharing.setdefault(rows, []).append(sample)
    for rows, samples in sharing.items():  # the samples of one prompt: its rows are read once
        mine = vectors[samples].astype(np.float64)
        mine /= np.linalg.norm(mine, axis=2, keepdims=True)
        for first in range(0, len(rows), _ROWS):
            part = np.array(rows[first : first + _ROWS], np.int64)
            for sample, unit in zip(samples, _scores(index, mine, part), strict=True):
                _keep_best(found, sample, unit, part)
    return found


def _scores(index: Index, mine: NDArray[np.float64], rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """(samples, views, rows, views) cosines."""
    views = len(index.manifest.views)
    stored = take(index, (rows[:, None] * views + np.arange(views)).ravel())
    return tidy(mine @ stored.T).reshape(*mine.shape[:2], len(rows), views)


def _keep_best(found: Neighbours, sample: int, scores: NDArray[np.float64], rows: NDArray[np.int64]) -> None:
    """Take note of the nearest row of one sample: scores are (views, rows, views)."""
    if scores.max() > found.scores[sample, 0]:
        sample_view, place, view = np.unravel_index(int(scores.argmax()), scores.shape)
        found.scores[sample, 0], found.rows[sample, 0] = scores.max(), rows[place]
        found.views[sample, 0], found.sample_views[sample, 0] = view, sample_view


def _among(kept: tuple[Match, ...], own: Own | None, matches: Matches) -> tuple[Match, ...]:
    """Matches of a sample, with that of its caption's image where it belongs among them."""
    if own is None or own.match.score <= kept[-1].score or any(match.row == own.match.row for match in kept):
        return kept
    if not matches.by.exact:
        return tuple(sorted((*kept, own.match), key=lambda match: (-match.score, match.row)))[: len(kept)]
    if own.match.score - kept[-1].score > _ROUNDING:
        raise SearchError(
            f"the scan of {matches.subject.index} overlooked {one_line(own.match.record.uri)}, which scores "
            f"{own.match.score:.6f} with {matches.subject.samples[own.match.sample]}: no verdict from a part"
        )
    return kept


def _bare(match: Match) -> Match:
    return replace(match, record=replace(match.record, thumbnail=None))
