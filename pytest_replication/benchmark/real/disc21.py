"""DISC21, the set of the Image Similarity Challenge 2021 (Douze et al. 2021).

One million references; queries of which one in five is an edited copy of one of them. Variants:
``public`` are the 25,000 queries whose truth was open during the challenge, ``dev`` all 50,000 of its
first phase, ``test`` the 50,000 of its last. A query without a reference should find nothing.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pytest_replication.benchmark.real.base import RealSet, Request
from pytest_replication.benchmark.sets import Picture, Query, RetrievalSet
from pytest_replication.errors import BenchmarkError

_REFERENCES = 1_000_000
_HEADER = "query_id,reference_id"


@dataclass(frozen=True, slots=True)
class _Part:
    """Where a variant is: its truth, the folder of its queries, their number."""

    truth: str
    folder: str
    queries: int


_PARTS = {
    "public": _Part("public_ground_truth.csv", "queries", 25_000),
    "dev": _Part("dev_queries_groundtruth.csv", "queries", 50_000),
    "test": _Part("test_queries_groundtruth.csv", "test_queries", 50_000),
}


def _load(about: RealSet, request: Request) -> RetrievalSet:
    part = _PARTS[request.variant]
    truth = _truth(about, request.root / part.truth)
    references = _pictures(about, request.root / "references", re.compile(r"(R[0-9]{6})\.jpg"))
    about.expect(request, "references", len(references), _REFERENCES)
    pictures = _pictures(about, request.root / part.folder, re.compile(r"(Q[0-9]{5})\.jpg"))
    wanted = sorted(truth) if request.variant == "public" else sorted(pictures)
    absent = sorted(set(truth) - set(pictures))
    lost = sorted(query for query, names in truth.items() if not names <= set(references))
    if not request.partial:
        if absent:
            raise about.missing(_named(part, absent, f"query {absent[0]}"))
        if lost:
            gone = sorted(set().union(*truth.values()) - set(references))
            raise about.missing(_named(part, gone, f"reference {gone[0]}"))
    # Without its reference a query would be one that should find nothing, or that finds a part only.
    left = [name for name in wanted if name not in {*absent, *lost}]
    about.expect(request, "queries", len(left), part.queries)
    queries = tuple(Query(pictures[name], frozenset(truth.get(name, ()))) for name in left)
    if not queries:
        raise about.missing(f"the pictures of every query of {part.truth}")
    dropped = {"dropped": len(wanted) - len(left)} if len(left) < len(wanted) else {}
    database = tuple(references[name] for name in sorted(references))
    return RetrievalSet(about.name, queries, database, dropped)


def _named(part: _Part, names: Sequence[str], one: str) -> str:
    return f"{len(names):,} pictures that {part.truth} names, {one} among them"


def _truth(about: RealSet, path: Path) -> dict[str, set[str]]:
    """References of each query that the file names: none for one that is no copy."""
    found: dict[str, set[str]] = {}
    for number, line in enumerate(about.lines(path)):
        if number == 0 and line == _HEADER:
            continue
        query, comma, reference = line.partition(",")
        if not re.fullmatch(r"Q[0-9]{5}", query) or not comma or not re.fullmatch(r"(R[0-9]{6})?", reference):
            raise about.damaged(path, f"line {number + 1} is {line!r}")
        found.setdefault(query, set()).update({reference} - {""})
    return found


def _pictures(about: RealSet, folder: Path, name: re.Pattern[str]) -> dict[str, Picture]:
    """Pictures at any depth, by id: the archives may be left in folders of their own."""
    if not folder.is_dir():
        raise about.missing(f"the folder {folder}")
    found: dict[str, Picture] = {}
    for place, folders, files in os.walk(folder, onerror=_unreadable, followlinks=True):
        folders.sort()
        for file in sorted(file for file in files if not file.startswith(".")):
            match = name.fullmatch(file)
            if match is None or match[1] in found:
                raise BenchmarkError(
                    f"{Path(place, file)} is there twice, or is no picture of the set {about.name}: "
                    "move it elsewhere"
                )
            found[match[1]] = Picture(match[1], Path(place, file))
    return found


def _unreadable(error: OSError) -> None:
    raise BenchmarkError(f"{error.filename} cannot be read: {error.strerror}") from error


DISC21 = RealSet(
    name="disc21",
    variants=tuple(_PARTS),
    home="https://ai.meta.com/datasets/disc21-dataset/",
    licence="see its home page",
    files="references/, queries/ with public_ground_truth.csv or dev_queries_groundtruth.csv, and for "
    "variant test test_queries/ with test_queries_groundtruth.csv",
    load=_load,
)
