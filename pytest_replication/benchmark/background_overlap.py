"""Is the background set apart from the sets? One that holds their pictures changes what is measured.

A picture of the database behind a score hides its copies; a query behind it is its own nearest, so that it
is taken for nothing's copy. `alike` compares pictures before anything is
embedded, and this module vectors after.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pytest_replication.benchmark.features import Features
from pytest_replication.benchmark.sets import Picture, RetrievalSet
from pytest_replication.errors import BenchmarkError

SAME = 0.9999
"""Cosine from which on a background image is a picture of the set."""
NEAR = 0.95
"""Cosine from which on it may be an edited copy of one, or the same in another size: counted and told."""
SHOWN = 5
"""Pictures that a sentence names."""
_CELLS = 20_000_000
"""Comparisons that are made at once."""


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a set.

    Attributes:
        name: ``database`` or ``queries``.
        pictures: in its order.
        vectors: (n, dim) unit rows of them.
    """

    name: str
    pictures: Sequence[Picture]
    vectors: NDArray[np.float32]


def check_vectors(
    background: Features,
    pictures: Sequence[Picture],
    sides: Sequence[Side],
    title: str,
    extractor: str,
    say: Callable[[str], None] | None = None,
) -> dict[str, int]:
    """Refuse a background that an extractor takes for pictures of a set, and tell what comes near.

    Args:
        background: what the extractor makes of the background.
        pictures: the background.
        sides: of the set.
        title: of the set.
        extractor: its name.
        say: called with a sentence that names what comes near.

    Returns:
        For each side how many background images come to `NEAR` of one in it: edited copies, or what the
        extractor takes for such.

    Raises:
        BenchmarkError: some are the same; it names them.
    """
    near: dict[str, int] = {}
    for side in sides:
        best, tops = _nearest(background.vectors, side.vectors)
        # Not below, rather than reached: what is no number is refused as well.
        if same := np.flatnonzero(~(tops < SAME)).tolist():
            pairs = _named([(pictures[row], side.pictures[best[row]]) for row in same])
            raise BenchmarkError(
                f"{len(same)} of {len(pictures)} background images are in the {side.name} of {title}, or "
                f"{extractor} takes them for the same ({pairs}): leave them out of --background"
            )
        close = np.flatnonzero(tops >= NEAR).tolist()
        near[side.name] = len(close)
        if close and say is not None:
            pairs = _named([(pictures[row], side.pictures[best[row]]) for row in close])
            say(
                f"{len(close)} of {len(pictures)} background images come to {NEAR} of a picture in the "
                f"{side.name} of {title} under {extractor} ({pairs}): if they show the same, leave them out "
                "of --background"
            )
    return near


def near_negatives(
    made: RetrievalSet, queries: Features, database: Features, extractor: str, say: Callable[[str], None]
) -> None:
    """Tell of queries that should find nothing and come near a picture of the database.

    Args:
        made: the set.
        queries: what the extractor makes of its queries.
        database: of its database.
        extractor: its name.
        say: called with a sentence that names them, if there are any.
    """
    rows = [row for row, query in enumerate(made.queries) if not query.positives and not query.junk]
    best, tops = _nearest(queries.vectors[rows], database.vectors)
    close = np.flatnonzero(tops >= NEAR).tolist()
    if not close:
        return
    pairs = [(made.queries[rows[place]].picture, made.database[best[place]]) for place in close]
    say(
        f"{len(close)} of {len(rows)} queries of {made.name} that should find nothing come to {NEAR} of a "
        f"picture in its database under {extractor} ({_named(pairs)}): if they show the same, they are no "
        "negatives, and every rate of false alarms is too high"
    )


def _nearest(one: NDArray[np.float32], others: NDArray[np.float32]) -> tuple[list[int], NDArray[np.float32]]:
    """For each row the nearest other row, and the cosine of the two."""
    rows = max(1, _CELLS // len(others))
    best, tops = np.empty(len(one), np.intp), np.empty(len(one), np.float32)
    for first in range(0, len(one), rows):
        part = slice(first, first + rows)
        scores = one[part] @ others.T
        best[part] = scores.argmax(axis=1)
        tops[part] = scores[np.arange(len(scores)), best[part]]
    return best.tolist(), tops


def _named(pairs: Sequence[tuple[Picture, Picture]]) -> str:
    shown = [f"{one.path} and {other.path}" for one, other in pairs[:SHOWN]]
    return "; ".join(shown) + (f"; and {len(pairs) - SHOWN} more" if len(pairs) > SHOWN else "")
