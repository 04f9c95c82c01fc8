"""Values of a file that anyone may have written, as text of a page."""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import Any

from pytest_replication.escape import lines, one_line
from pytest_replication.reports.values import number
from pytest_replication.score_text import score_text, threshold_text

LONGEST = 1000
"""Characters of a text that are shown; prompts and captions may be of any length."""


def text(value: object, longest: int = LONGEST) -> str:
    """A value in one line of visible characters, cut where it is too long; empty for None."""
    if value is None:
        return ""
    told = str(value)
    return one_line(told if len(told) <= longest else told[: longest - 1] + "…")


def told(value: object, longest: int = LONGEST) -> str:
    """The same, to be put between tags or into an attribute."""
    return html.escape(text(value, longest))


def block(value: object, longest: int = 100_000) -> str:
    """Text of several lines, to be put between tags."""
    given = str(value or "")
    return html.escape(lines(given if len(given) <= longest else given[:longest] + "\n…"))


def score(value: object, threshold: object = None) -> str:
    """A score as all reports show it, beside its threshold; a dash where there is none."""
    given, limit = number(value), number(threshold)
    return "–" if given is None else score_text(given, limit)


def limit(value: object) -> str:
    """A threshold as it was given; a dash where there is none."""
    given = number(value)
    return "–" if given is None else threshold_text(given)


def percent(value: object) -> str:
    """A rate; a dash where there is none."""
    given = number(value)
    return "–" if given is None else f"{100 * given:.3g} %"


def size(amount: int) -> str:
    """Bytes as people say them: 20 MB, 350 kB."""
    return f"{amount / 1e6:.3g} MB" if amount >= 1_000_000 else f"{amount / 1e3:.3g} kB"


def part(data: object, name: str) -> Mapping[str, Any]:
    """What stands in data under a name, if that is an object; an empty one otherwise."""
    found = data.get(name) if isinstance(data, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def listed(data: object, name: str) -> list[Any]:
    """What stands in data under a name, if that is a list; an empty one otherwise."""
    found = data.get(name) if isinstance(data, Mapping) else None
    return found if isinstance(found, list) else []
