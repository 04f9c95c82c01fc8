"""What is left of a page where there is room for little: the verdict, the worst checks, the worst pair."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pytest_replication.reports.html.checks import check_html
from pytest_replication.reports.html.escaped import part
from pytest_replication.reports.html.verdict import faults
from pytest_replication.reports.words import many

LENGTHS = (300, 100, 30, 12)
"""Characters of a text: the most with which the page is small enough are taken."""
ROOM = 8_000
"""Bytes in which all of it and the worst pair fit with the shortest texts, whatever the results hold."""
_CHECKS = 3
_FAULTS = 3
_ELSEWHERE = "stands in the file of results: this page had no room for it."


@dataclass(frozen=True, slots=True)
class Bare:
    """The least that a page tells.

    Attributes:
        parts: of the page, in the place of those that tell more.
        checks: those that are named in it.
        rows: pairs of these, the worst first; each knows its check by the place in ``checks``.
    """

    parts: Mapping[str, str]
    checks: Sequence[Mapping[str, Any]]
    rows: Sequence[dict[str, Any]]


def bare(
    checks: Sequence[Mapping[str, Any]],
    order: Sequence[int],
    rows: Sequence[Mapping[str, Any]],
    run: Mapping[str, Any],
    longest: int,
) -> Bare:
    """Leave out all that a page can do without.

    Args:
        checks: of a file of results.
        order: their places, the worst first.
        rows: their pairs, the worst first.
        run: of the file of results.
        longest: characters that a text may have.
    """
    of_worst = [row["check"] for row in rows[:1]]
    kept = [*of_worst, *(place for place in order if place not in of_worst)][:_CHECKS]
    places = {place: new for new, place in enumerate(kept)}
    short = [_cut(checks[place], longest) for place in kept]
    items = "".join(check_html(check, new, 0, opened=False, whole=False) for new, check in enumerate(short))
    if more := len(checks) - len(kept):
        items += f"<li>and {many(more, 'check')} more, in the file of results</li>"
    compared = f"<p>The comparison with the last release {_ELSEWHERE}</p>" if part(run, "baseline") else ""
    return Bare(
        {
            "checks": items,
            "faults": faults(run, _FAULTS, longest),
            "compared": compared,
            "run": f"<p>How the run was made {_ELSEWHERE}</p>",
        },
        short,
        [{**row, "check": places[row["check"]]} for row in rows if row["check"] in places],
    )


def _cut(check: Mapping[str, Any], longest: int) -> dict[str, Any]:
    """A check, its texts cut."""
    return {
        name: value[: longest - 1] + "…" if isinstance(value, str) and len(value) > longest else value
        for name, value in check.items()
    }
