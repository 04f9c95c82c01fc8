"""Pairs and pictures, as many as a page has room for, the worst first; and what was left out."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_replication.reports.html.budget import room_for_pictures
from pytest_replication.reports.html.escaped import size, text
from pytest_replication.reports.html.pictures import Embedded, embed
from pytest_replication.reports.words import many
from pytest_replication.results.pictures import LONGEST, longest_side

FIRST = 20
"""Pairs of each check whose pictures come before those of any other pair."""
NAMED = 100
"""Characters of names in a row that has to be short."""
_SMALLEST = 100
"""Bytes that no row is below."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """What a page shows of the pairs.

    Attributes:
        rows: those that are in it; pictures by their place in the page, or as paths where they are not in it.
        pictures: as data URIs.
        notes: what was left out, a sentence each.
    """

    rows: Sequence[Mapping[str, Any]]
    pictures: Sequence[str]
    notes: Sequence[str]


@dataclass(frozen=True, slots=True)
class Limits:
    """What pairs may take of a page.

    Attributes:
        room: bytes of pairs and pictures.
        page: bytes of the page.
        folder: bytes of the report of which the page is a part; 0 where that is not known.
        longest: characters of names in a row that has to be short.
        beside: bytes of the report that are not of the page.
    """

    room: int
    page: int
    folder: int = 0
    longest: int = NAMED
    beside: int = 0


def fitted(rows: Sequence[Mapping[str, Any]], of: int, file: Path, limits: Limits) -> Fitted:
    """Take in as many pairs and pictures as there is room for.

    Args:
        rows: pairs, the worst first.
        of: pairs of the run, of which some are not in ``rows``.
        file: of results, beside which the pictures lie.
        limits: what they may take.
    """
    kept, used = _fitting(rows, limits.room // 2, limits.longest)
    pictures = embed(_by_importance(kept), file.parent, limits.room - used)
    for row in kept:
        if "pictures" in row:
            row["pictures"] = [pictures.places.get(path, path) if path else None for path in row["pictures"]]
    return Fitted(
        kept, pictures.pictures, [*_pairs_out(kept, of, file, limits), *_pictures_out(pictures, file, limits)]
    )


def _pairs_out(kept: Sequence[Mapping[str, Any]], of: int, file: Path, limits: Limits) -> list[str]:
    if len(kept) == of:
        return []
    worst = bool(kept) and kept[-1]["rank"] == len(kept) - 1
    which = "the worst are" if worst else "the worst is, and so are the next that are short enough"
    return [
        f"{of - len(kept):,} of {many(of, 'pair')} are not in this page, to keep it below "
        f"{size(limits.page)}: {which}, the rest stands in {file.name}"
    ]


def _pictures_out(pictures: Embedded, file: Path, limits: Limits) -> list[str]:
    notes = []
    if pictures.left_out:
        notes.append(
            f"The pictures of {many(pictures.left_out, 'pair')} are not in this page, to keep it below "
            f"{size(limits.page)}: they lie in the folder pictures beside {file.name}"
        )
    side = longest_side(room_for_pictures(limits.folder)) if limits.folder else LONGEST
    if pictures.pictures and side < LONGEST:
        notes.append(
            f"No picture has more than {side} pixels a side, to keep the report below {size(limits.folder)}"
        )
    if pictures.missing:
        notes.append(f"{many(pictures.missing, 'picture')} named in {file.name} could not be read")
    return notes


def beyond(page: int, limits: Limits) -> str:
    """What is said of a report that takes more than it may have; empty where it does not.

    Args:
        page: bytes of the page.
        limits: those of the page, and of the report.
    """
    if not limits.folder or page + limits.beside <= limits.folder:
        return ""
    return (
        f"The report takes more than the {size(limits.folder)} that it was to have: results, which are "
        f"always whole, the summary and pictures take {size(limits.beside)}, this page {size(page)}"
    )


def least_of(rows: Sequence[Mapping[str, Any]], longest: int) -> int:
    """Bytes that the worst pair takes at least."""
    return min((_size(row) for row in (*rows[:1], *(_short(row, longest) for row in rows[:1]))), default=0)


def _fitting(rows: Sequence[Mapping[str, Any]], room: int, longest: int) -> tuple[list[dict[str, Any]], int]:
    """The first rows for which there is room, the worst whatever it takes; and what they take."""
    kept: list[dict[str, Any]] = []
    used = 0
    for row in rows:
        if not kept and _size(row) > room:
            row = _short(row, longest)
        need = _size(row)
        if kept and used + _SMALLEST > room:
            break
        if not kept or used + need <= room:
            used += need
            kept.append(dict(row))
    return kept, used


def _short(row: Mapping[str, Any], longest: int) -> dict[str, Any]:
    """A row without its longest texts, and names cut."""
    kept = {
        name: value for name, value in row.items() if name not in ("prompt", "caption", "again", "reason")
    }
    if longest < NAMED:  # outlines may have many corners
        kept = {name: value for name, value in kept.items() if name not in ("inSample", "inTraining")}
    return {name: text(value, longest) if isinstance(value, str) else value for name, value in kept.items()}


def _size(row: Mapping[str, Any]) -> int:
    """Bytes that a row takes in the page, with its comma."""
    return len(as_json(row)) + 1


def _by_importance(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The worst of each check before the rest."""
    seen: dict[int, int] = {}
    first: list[dict[str, Any]] = []
    rest: list[dict[str, Any]] = []
    for row in rows:
        seen[row["check"]] = seen.get(row["check"], 0) + 1
        (first if seen[row["check"]] <= FIRST else rest).append(row)
    return first + rest


def as_json(data: object) -> str:
    """JSON that no parser of HTML takes for the end of a script, or for a comment."""
    told_ = json.dumps(data, separators=(",", ":"), allow_nan=False)
    return told_.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
