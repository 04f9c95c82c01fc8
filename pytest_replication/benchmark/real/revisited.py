"""Revisited Oxford and Paris (Radenović et al., CVPR 2018): buildings, 70 queries each.

Easy: easy pictures are positives, hard ones are junk. Medium: both are positives. Hard: hard
pictures are positives, easy ones are junk. Pictures that the authors call junk always are. Queries
are cut to their boxes, and are not in the database.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from pytest_replication.benchmark.real.base import RealSet, Request, corners
from pytest_replication.benchmark.real.truths import Truth, field, read_matlab, read_pickled
from pytest_replication.benchmark.sets import Picture, Query, RetrievalSet

_POSITIVES = {"medium": ("easy", "hard"), "easy": ("easy",), "hard": ("hard",)}
_PICTURES = {"roxford5k": 4_993, "rparis6k": 6_322}
_QUERIES = 70


def _load(about: RealSet, request: Request) -> RetrievalSet:
    stem = request.root / f"gnd_{about.name}"
    pickled, matlab = stem.with_suffix(".pkl"), stem.with_suffix(".mat")
    if not pickled.is_file() and not matlab.is_file():
        raise about.missing(f"{pickled} and {matlab}, of which it needs one")
    path = pickled if pickled.is_file() else matlab
    try:
        truth = read_pickled(path) if path is pickled else read_matlab(path)
        made = _made(about, request, truth)
    except (ValueError, TypeError) as error:
        raise about.damaged(path, error) from error
    about.expect(request, "pictures in its database", len(truth.database), _PICTURES[about.name])
    about.expect(request, "queries", len(truth.queries), _QUERIES)
    return made


def _made(about: RealSet, request: Request, truth: Truth) -> RetrievalSet:
    folder = request.root / "jpg"
    database = tuple(Picture(name, about.below(folder, f"{name}.jpg")) for name in truth.database)
    queries = tuple(
        Query(
            Picture(name, about.below(folder, f"{name}.jpg"), _box(entry, request)),
            *_judged(truth, entry, request),
        )
        for name, entry in zip(truth.queries, truth.entries, strict=True)
    )
    return RetrievalSet(about.name, queries, database)


def _judged(
    truth: Truth, entry: Mapping[str, Any], request: Request
) -> tuple[frozenset[str], frozenset[str]]:
    kinds = {
        kind: frozenset(truth.database[row] for row in truth.rows(field(entry, kind)))
        for kind in ("easy", "hard", "junk")
    }
    wanted = _POSITIVES[request.variant]
    positives = frozenset().union(*(kinds[kind] for kind in wanted))
    return positives, frozenset().union(*(names for kind, names in kinds.items() if kind not in wanted))


def _box(entry: Mapping[str, Any], request: Request) -> tuple[float, float, float, float] | None:
    edges = corners(np.ravel(field(entry, "bbx")))
    return edges if request.boxes else None


def _real_set(name: str, images: str) -> RealSet:
    return RealSet(
        name=name,
        variants=tuple(_POSITIVES),
        home="http://cmp.felk.cvut.cz/revisitop/",
        licence="see its home page and those of the Oxford Buildings and Paris sets",
        files=f"gnd_{name}.pkl or gnd_{name}.mat, and jpg/ with all pictures of {images} in one folder",
        load=_load,
        boxes=True,
        has_boxes=True,
    )


OXFORD = _real_set("roxford5k", "the Oxford Buildings set")
PARIS = _real_set("rparis6k", "the Paris set (paris_1 and paris_2)")
