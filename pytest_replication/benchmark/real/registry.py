"""Real sets by name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from pytest_replication.benchmark.real.base import RealSet, Request
from pytest_replication.benchmark.real.copydays import COPYDAYS
from pytest_replication.benchmark.real.cub200 import CUB200
from pytest_replication.benchmark.real.disc21 import DISC21
from pytest_replication.benchmark.real.gpr1200 import GPR1200
from pytest_replication.benchmark.real.instre import INSTRE
from pytest_replication.benchmark.real.revisited import OXFORD, PARIS
from pytest_replication.benchmark.sets import RetrievalSet
from pytest_replication.errors import BenchmarkError, UnknownName

REAL_SETS: dict[str, RealSet] = {
    known.name: known for known in (OXFORD, PARIS, INSTRE, GPR1200, CUB200, COPYDAYS, DISC21)
}
"""Sets by name."""


def real_set_names() -> tuple[str, ...]:
    """All names that can be opened, with their variants: ``roxford5k:medium`` and so on."""
    return tuple(f"{known.name}:{variant}" for known in REAL_SETS.values() for variant in known.variants)


def open_real_set(name: str, root: Path, *, boxes: bool | None = None, partial: bool = False) -> RetrievalSet:
    """Read a published set.

    The numbers of pictures are compared with the published ones, and every picture must be there. Where
    queries are also in the database, a query's own picture is junk.

    Args:
        name: of the set, with or without a variant: ``copydays``, ``copydays:crop-50``.
        root: folder with its official files.
        boxes: cut pictures to their boxes; None for what the protocol of the set does.
        partial: take a set with fewer pictures than published; its results compare with no others.

    Raises:
        UnknownName: there is no such set or variant.
        BenchmarkError: it has no boxes; or files are missing, damaged or too few.
    """
    title, _, variant = name.partition(":")
    known = REAL_SETS.get(title)
    if known is None:
        raise UnknownName(f"there is no real set {title!r}: expected one of {', '.join(REAL_SETS)}")
    variant = variant or known.variants[0]
    if variant not in known.variants:
        raise UnknownName(f"{title} has no variant {variant!r}: expected one of {', '.join(known.variants)}")
    if not root.is_dir():
        raise known.missing(f"the folder {root}")
    # One way to name each picture: a query is found in the database by its path.
    request = Request(root.resolve(), variant, known.boxes if boxes is None else boxes, partial)
    if request.boxes and not known.has_boxes:
        raise BenchmarkError(f"the pictures of {title} have no boxes: leave boxes out")
    made = known.load(known, request)
    known.present([*made.database, *(query.picture for query in made.queries)])
    _nobody_finds_itself(made)
    about = {
        **made.about,
        "home": known.home,
        "licence": known.licence,
        "variant": variant,
        "boxes": request.boxes,
        "partial": partial,
    }
    return replace(made, name=f"{title}:{variant}", about=about)


def _nobody_finds_itself(made: RetrievalSet) -> None:
    ids: dict[Path, set[str]] = {}
    for picture in made.database:
        ids.setdefault(picture.path, set()).add(picture.id)
    for query in made.queries:
        if ids.get(query.picture.path, set()) - query.junk:
            raise BenchmarkError(
                f"the query {query.picture.id} of the set {made.name} is also in its database, where it "
                "would find itself: its truth must name it as junk"
            )
