"""The kinds of synthetic sets, by name."""

from __future__ import annotations

from collections.abc import Mapping

from pytest_replication.benchmark.synthetic.cutmix import CUTMIX
from pytest_replication.benchmark.synthetic.outpaint import DIAGONAL_OUTPAINT, PATCH_OUTPAINT
from pytest_replication.benchmark.synthetic.pasted import (
    FOREGROUND_REPLACED,
    OBJECT_PASTE,
    PATCH_PASTE,
    REDRAWN,
)
from pytest_replication.benchmark.synthetic.recipe import Ingredients, Kind, Mixed
from pytest_replication.benchmark.synthetic.segmix import SEGMIX, SEGMIX_HARD, SEGMIX_RESIZED
from pytest_replication.errors import BenchmarkError
from pytest_replication.images.edits import ALL_EDITS


def edited(parts: Ingredients) -> list[Mixed | None]:
    """Edit the source; the edits take turns over the whole set, so that each is tried equally often."""
    names = list(ALL_EDITS)
    chosen = [names[(parts.first + number) % len(names)] for number in range(parts.copies)]
    return [Mixed(ALL_EDITS[name](parts.source.image), 1.0, {"edit": name}) for name in chosen]


KINDS: dict[str, Kind] = {
    "cutmix": CUTMIX,
    "segmix": SEGMIX,
    "segmix_hard": SEGMIX_HARD,
    "segmix_resized": SEGMIX_RESIZED,
    "patch_outpaint": PATCH_OUTPAINT,
    "diagonal_outpaint": DIAGONAL_OUTPAINT,
    "object_paste": OBJECT_PASTE,
    "patch_paste": PATCH_PASTE,
    "redrawn": REDRAWN,
    "foreground_replaced": FOREGROUND_REPLACED,
    "edits": Kind(edited),
}
"""Kinds by name."""


def kind_named(name: str) -> Kind:
    """Find a kind.

    Raises:
        BenchmarkError: there is none of this name.
    """
    if name not in KINDS:
        raise BenchmarkError(f"there is no kind {name!r} of synthetic sets; there are {', '.join(KINDS)}")
    return KINDS[name]


def checked_parameters(name: str, kind: Kind, given: Mapping[str, float]) -> dict[str, float]:
    """All parameters of a kind, with defaults where none is given.

    Raises:
        BenchmarkError: one that the kind does not have, or out of its range.
    """
    for key, value in given.items():
        if key not in kind.parameters:
            known = ", ".join(kind.parameters) or "none"
            raise BenchmarkError(f"sets of the kind {name} have no parameter {key!r} (they have: {known})")
        allowed = kind.parameters[key]
        if isinstance(value, bool) or not allowed.low <= value <= allowed.high:
            raise BenchmarkError(f"{key} is {value}; expected {allowed.low} to {allowed.high}")
    return {key: float(given.get(key, allowed.default)) for key, allowed in kind.parameters.items()}
