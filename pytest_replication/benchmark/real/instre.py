"""INSTRE (Wang and Jiang 2015) with the protocol of Iscen et al., CVPR 2017: objects and logos.

The truth file names 1,250 queries and 27,293 other pictures, and one box a query. In the part M a box
encloses both objects of a picture.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from pytest_replication.benchmark.real.base import RealSet, Request, corners
from pytest_replication.benchmark.real.truths import Truth, read_matlab
from pytest_replication.benchmark.sets import Picture, Query, RetrievalSet

_PICTURES, _QUERIES = 27_293, 1_250


def _load(about: RealSet, request: Request) -> RetrievalSet:
    path = request.root / "gnd_instre.mat"
    if not path.is_file():
        raise about.missing(str(path))
    try:
        truth = read_matlab(path)
        made = _made(about, request, truth)
    except (ValueError, TypeError) as error:
        raise about.damaged(path, error) from error
    about.expect(request, "pictures in its database", len(truth.database), _PICTURES)
    about.expect(request, "queries", len(truth.queries), _QUERIES)
    return made


def _made(about: RealSet, request: Request, truth: Truth) -> RetrievalSet:
    database = tuple(Picture(name, about.below(request.root, name)) for name in truth.database)
    queries = tuple(
        _query(about, request, truth, name, entry)
        for name, entry in zip(truth.queries, truth.entries, strict=True)
        if request.variant == "all" or name.lower().startswith(f"instre-{request.variant}/")
    )
    return RetrievalSet(about.name, queries, database)


def _query(about: RealSet, request: Request, truth: Truth, name: str, entry: Mapping[str, Any]) -> Query:
    positives, box = _fields(entry)
    rows = truth.rows(positives)
    if not rows:
        raise ValueError(f"the query {name} has no positives")
    edges = corners(np.ravel(box))
    picture = Picture(name, about.below(request.root, name), edges if request.boxes else None)
    return Query(picture, frozenset(truth.database[row] for row in rows))


def _fields(entry: Mapping[str, Any]) -> tuple[Any, Any]:
    """Positives and box. Programs that read the file go by the order of the fields, not by their names."""
    if {"ok", "bbx"} <= set(entry):
        return entry["ok"], entry["bbx"]
    if len(entry) != 2:
        raise ValueError(f"the truth of a query has the fields {', '.join(entry)}, expected ok and bbx")
    first, second = entry.values()
    return first, second


INSTRE = RealSet(
    name="instre",
    variants=("all", "s1", "s2", "m"),
    home="http://123.57.42.89/instre/home.html (pictures) and "
    "http://cmp.felk.cvut.cz/~iscenahm/code.html (truth)",
    licence="see its home page",
    files="gnd_instre.mat, and the folders INSTRE-S1, INSTRE-S2 and INSTRE-M",
    load=_load,
    boxes=True,
    has_boxes=True,
)
