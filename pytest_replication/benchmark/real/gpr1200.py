"""GPR1200 (Schall et al. 2021): 1,200 classes of six areas with 10 pictures each.

Every picture is a query, all others are its database. Its own picture is junk; the authors' code
lets a query find itself first, so that theirs are higher.
"""

from __future__ import annotations

import re
from collections import defaultdict

from pytest_replication.benchmark.real.base import RealSet, Request
from pytest_replication.benchmark.sets import Picture, Query, RetrievalSet
from pytest_replication.errors import BenchmarkError

_CLASSES, _PICTURES = 1_200, 12_000
_NAME = re.compile(r"([0-9]+)_.+")


def leave_one_out(about: RealSet, labels: dict[Picture, str]) -> RetrievalSet:
    """Each picture is a query for the others of its class; its own is junk.

    Raises:
        BenchmarkError: a class has a single picture.
    """
    classes: dict[str, set[str]] = defaultdict(set)
    for picture, label in labels.items():
        classes[label].add(picture.id)
    for label, members in classes.items():
        if len(members) < 2:
            raise BenchmarkError(f"the class {label} of the set {about.name} has a single picture: {members}")
    queries = tuple(
        Query(picture, frozenset(classes[label] - {picture.id}), frozenset({picture.id}))
        for picture, label in labels.items()
    )
    return RetrievalSet(about.name, queries, tuple(labels))


def _load(about: RealSet, request: Request) -> RetrievalSet:
    folder = request.root / "images"
    labels: dict[Picture, str] = {}
    for name in about.listed(folder):
        match = _NAME.fullmatch(name)
        if match is None:
            raise BenchmarkError(
                f"{folder / name} is not named CLASS_NAME.jpg, as the pictures of {about.name} are"
            )
        labels[Picture(name, folder / name)] = str(int(match[1]))
    about.expect(request, "pictures", len(labels), _PICTURES)
    about.expect(request, "classes", len(set(labels.values())), _CLASSES)
    ordered = sorted(labels, key=lambda picture: (int(labels[picture]), picture.id))
    return leave_one_out(about, {picture: labels[picture] for picture in ordered})


GPR1200 = RealSet(
    name="gpr1200",
    variants=("all",),
    home="https://github.com/Visual-Computing/GPR1200",
    licence="non-commercial research and education; the pictures belong to their owners, and come under the "
    "terms of the six sets that they were taken from",
    files="images/ with 12,000 files CLASS_NAME.jpg",
    load=_load,
)
