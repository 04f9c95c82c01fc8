"""CUB-200-2011 (Wah et al. 2011): 200 species of birds.

Variants: ``all`` leaves one of all pictures out at a time; ``unseen`` does so in classes 101 to 200,
as work on metric learning does; ``split`` searches for the test pictures among the training pictures.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pytest_replication.benchmark.real.base import Box, RealSet, Request, corners
from pytest_replication.benchmark.real.gpr1200 import leave_one_out
from pytest_replication.benchmark.sets import Picture, Query, RetrievalSet
from pytest_replication.errors import BenchmarkError

_PICTURES, _CLASSES = 11_788, 200


def _load(about: RealSet, request: Request) -> RetrievalSet:
    root = request.root
    names = {number: only[0] for number, only in _table(about, root / "images.txt", 1).items()}
    classes = _column(about, root / "image_class_labels.txt", names)
    boxes = _boxes(about, root / "bounding_boxes.txt", names) if request.boxes else {}
    about.expect(request, "pictures", len(names), _PICTURES)
    about.expect(request, "classes", len(set(classes.values())), _CLASSES)
    pictures = {
        number: Picture(name, about.below(root / "images", name), boxes.get(number))
        for number, name in names.items()
    }
    if request.variant == "split":
        return _split(about, pictures, classes, _column(about, root / "train_test_split.txt", names))
    kept = {n: c for n, c in classes.items() if request.variant == "all" or int(c) > _CLASSES // 2}
    return leave_one_out(about, {pictures[number]: label for number, label in kept.items()})


def _split(
    about: RealSet, pictures: dict[str, Picture], classes: dict[str, str], training: dict[str, str]
) -> RetrievalSet:
    if not set(training.values()) <= {"0", "1"}:
        raise BenchmarkError(
            f"train_test_split.txt of the set {about.name} holds something else than 0 and 1"
        )
    database = {number: picture for number, picture in pictures.items() if training[number] == "1"}
    members: dict[str, set[str]] = {label: set() for label in classes.values()}
    for number, picture in database.items():
        members[classes[number]].add(picture.id)
    queries = tuple(
        Query(picture, frozenset(members[classes[number]]))
        for number, picture in pictures.items()
        if number not in database
    )
    return RetrievalSet(about.name, queries, tuple(database.values()))


def _boxes(about: RealSet, path: Path, names: dict[str, str]) -> dict[str, Box]:
    found = {}
    for number, values in _table(about, path, 4, names).items():
        try:
            left, upper, width, height = map(float, values)
            found[number] = corners((left, upper, left + width, upper + height))
        except ValueError as error:
            raise about.damaged(path, f"picture {number}: {error}") from error
    return found


def _column(about: RealSet, path: Path, names: dict[str, str]) -> dict[str, str]:
    found = {number: only[0] for number, only in _table(about, path, 1, names).items()}
    if not all(value.isdecimal() for value in found.values()):
        raise about.damaged(path, "it holds something else than numbers")
    return found


def _table(
    about: RealSet, path: Path, columns: int, names: dict[str, str] | None = None
) -> dict[str, Sequence[str]]:
    """Values by the number of the picture, in the order of the file; `names` are all that it must have."""
    found: dict[str, Sequence[str]] = {}
    for line in about.lines(path):
        number, *values = line.split(" ")
        if len(values) != columns or number in found:
            raise about.damaged(path, f"the line {line!r} is none of {columns + 1} columns, or comes twice")
        found[number] = values
    if names is not None and set(found) != set(names):
        raise about.damaged(path, f"it has {len(found)} pictures, not the {len(names)} of images.txt")
    return found


CUB200 = RealSet(
    name="cub200",
    variants=("all", "unseen", "split"),
    home="https://www.vision.caltech.edu/datasets/cub_200_2011/",
    licence="see its home page",
    files="images.txt, image_class_labels.txt, images/, for variant split train_test_split.txt, and "
    "with boxes bounding_boxes.txt",
    load=_load,
    has_boxes=True,
)
