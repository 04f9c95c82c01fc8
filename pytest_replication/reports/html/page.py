"""The page: put together, kept below its budget, written whole."""

from __future__ import annotations

import base64
import hashlib
import json
import math
import os
import re
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_replication.durable import replace_file
from pytest_replication.errors import SettingsError
from pytest_replication.reports.headlines import title
from pytest_replication.reports.html.checks import DETAILED, check_html
from pytest_replication.reports.html.compared import compared_html, new_since
from pytest_replication.reports.html.pictures import embed
from pytest_replication.reports.html.rows import rows_of
from pytest_replication.reports.html.told import part, size, text, told
from pytest_replication.reports.html.verdict import ORDER, WORDS, faults, headline, icon, run_html, tiles
from pytest_replication.reports.outcome import outcome as outcome_of
from pytest_replication.reports.values import count
from pytest_replication.reports.words import many

if TYPE_CHECKING:
    from pytest_replication.results import Results

SCRIPTS = ("data.js", "compare.js", "card.js", "list.js", "keys.js")
FIRST = 20
"""Pairs of each check whose pictures come before those of any other pair."""
MARK = b": replication report</title>"
"""What tells a page of this package from those of others, near its beginning."""
_SPARE = 2_000
"""Bytes kept for what the page says of itself."""
_SMALLEST, _NAMED = 100, 100
"""Bytes that no row is below, and characters of names in a row that has to be short."""
_PLACE = re.compile(r"\{\{(\w+)\}\}")
_COUNTED_ORDER = {outcome: place for place, outcome in enumerate(ORDER)}


def html_report(results: Results, *, budget: int, everything: bool = False, beside: int = 0) -> str:
    """Render the results of a run as one page.

    It loads nothing, and forbids itself to: style, script, data and pictures are in it. Pictures are taken in
    until the budget is used, the worst pairs of each check first; the page says which were left out.

    Args:
        results: of a run.
        budget: bytes that the page may have in UTF-8.
        everything: open it with all checks and pairs, not only with what did not pass. A run in which all is
            well opens so anyway.
        beside: bytes that the rest of the folder takes, of whose budget the page has half at least.

    Raises:
        SettingsError: the checks alone, with the worst pair, take more than the budget.
    """
    checks = list(results.checks)
    private = bool(results.data.get("private"))
    rows = rows_of(checks, private=private, new=new_since(part(results.data, "run")))
    first = min((_size(row) for row in (*rows[:1], *map(_short, rows[:1]))), default=0)
    for detailed in (DETAILED, 20, 0):
        parts = _parts(results, rows, detailed, everything=everything)
        least = len(_fill(_file("page.html"), parts).encode()) + _SPARE
        if least + first <= budget:
            return _fill(_file("page.html"), parts | _filled(results, rows, budget - least, budget))
    raise SettingsError(
        f"the page takes {size(least + first)} with no more than the worst pair, and that is more than its "
        f"budget leaves: give {_enough(min(beside + least + first, 2 * (least + first)))} or more as "
        "--replication-report-budget, or --budget of the verb report"
    )


def require_budget(budget: int) -> None:
    """Refuse a budget that is too small for a page with nothing in it.

    Args:
        budget: bytes that a report may have.

    Raises:
        SettingsError: it is.
    """
    least = sum(len(text.encode()) for text in (_file("page.html"), _file("page.css"), _script())) + _SPARE
    if budget < least:
        raise SettingsError(
            f"a report takes {size(least)} with nothing in it, and its budget is {size(budget)}: give "
            f"{_enough(2 * least)} or more as --replication-report-budget (check: --report-budget)"
        )


def _enough(amount: int) -> str:
    """A size to be typed in which so many bytes fit, with some to spare."""
    kilobytes = math.ceil(1.1 * amount / 10_000) * 10
    return f"{kilobytes}kB" if kilobytes < 1000 else f"{math.ceil(kilobytes / 100) / 10:g}MB"


def write_html(
    results: Results, path: str | os.PathLike[str], *, budget: int, everything: bool = False
) -> Path:
    """Write the page of `html_report` by one rename.

    Args:
        results: of a run.
        path: of the file; its folder has to be there.
        budget: bytes that the page may have.
        everything: open it with all checks and pairs.

    Raises:
        SettingsError: the file cannot be written, or the budget is too small.
    """
    target = Path(path)
    page = html_report(results, budget=budget, everything=everything)
    try:
        replace_file(target, page.encode())
    except (OSError, ValueError) as error:
        raise SettingsError(f"{target} cannot be written ({error}): name another file, as .html") from error
    return target


def _parts(
    results: Results, rows: Sequence[Mapping[str, Any]], detailed: int, *, everything: bool
) -> dict[str, str]:
    """All of the page but pairs and pictures."""
    style, script = _file("page.css"), _script()
    outcome = outcome_of(results)
    run = part(results.data, "run")
    failed = any(check.get("outcome") != "pass" for check in results.checks)
    written = str(results.data.get("written"))
    return {
        "policy": _policy(style, script),
        "style": style,
        "script": script,
        "outcome": outcome,
        "word": WORDS[outcome],
        "icon": icon(outcome),
        "headline": told(headline(outcome, results.checks, run), 600),
        "when": _when(run, written),
        "tiles": tiles(results.checks, rows, run),
        "compared": compared_html(run, {name: icon(name) for name in WORDS}),
        "faults": faults(run),
        "private": _private() if results.data.get("private") else "",
        "checks": _checks(results.checks, rows, detailed),
        "run": run_html(run),
        "writer": told(results.data.get("writer")),
        "everything": "true" if everything or not failed else "false",
        "data": _data(results, ()),
    }


def _data(results: Results, rows: Sequence[Mapping[str, Any]]) -> str:
    """What the script reads."""
    checks = [{"name": title(check)[:300], "outcome": check.get("outcome")} for check in results.checks]
    return _json({"checks": checks, "rows": rows})


def _filled(results: Results, rows: Sequence[Mapping[str, Any]], room: int, budget: int) -> dict[str, str]:
    """As many pairs and pictures as there is room for, and what was left out."""
    kept, used = _fitting(rows, room // 2)
    pictures = embed(_by_importance(kept), results.path.parent, room - used)
    for row in kept:
        if "pictures" in row:
            row["pictures"] = [pictures.places.get(path, path) if path else None for path in row["pictures"]]
    notes = []
    if len(kept) < len(rows):
        out = len(rows) - len(kept)
        worst = kept[-1]["rank"] == len(kept) - 1
        which = "the worst are" if worst else "the worst is, and so are the next that are short enough"
        notes.append(
            f"{out:,} of {many(len(rows), 'pair')} are not in this page, to keep it below {size(budget)}: "
            f"{which}, the rest stands in {results.path.name}"
        )
    if pictures.left_out:
        notes.append(
            f"The pictures of {many(pictures.left_out, 'pair')} are not in this page, to keep it below "
            f"{size(budget)}: they lie in the folder pictures beside {results.path.name}"
        )
    if unstored := sum(count(check.get("pictures_left_out")) for check in results.checks):
        notes.append(
            f"Of {many(unstored, 'pair')} no pictures were stored: there was no room for them, or an "
            "image had gone"
        )
    if pictures.missing:
        notes.append(f"{many(pictures.missing, 'picture')} named in {results.path.name} could not be read")
    return {
        "notes": "".join(f"<li>{told(note)}.</li>" for note in notes),
        "data": _data(results, kept),
        "pictures": _json(pictures.pictures),
    }


def _fitting(rows: Sequence[Mapping[str, Any]], room: int) -> tuple[list[dict[str, Any]], int]:
    """The first rows for which there is room, the worst whatever it takes; and what they take."""
    kept: list[dict[str, Any]] = []
    used = 0
    for row in rows:
        if not kept and _size(row) > room:
            row = _short(row)
        need = _size(row)
        if kept and used + _SMALLEST > room:
            break
        if not kept or used + need <= room:
            used += need
            kept.append(dict(row))
    return kept, used


def _short(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row without its longest texts, and names cut."""
    kept = {
        name: value for name, value in row.items() if name not in ("prompt", "caption", "again", "reason")
    }
    return {name: text(value, _NAMED) if isinstance(value, str) else value for name, value in kept.items()}


def _size(row: Mapping[str, Any]) -> int:
    """Bytes that a row takes in the page, with its comma."""
    return len(_json(row)) + 1


def _by_importance(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The worst of each check before the rest."""
    seen: dict[int, int] = {}
    first: list[dict[str, Any]] = []
    rest: list[dict[str, Any]] = []
    for row in rows:
        seen[row["check"]] = seen.get(row["check"], 0) + 1
        (first if seen[row["check"]] <= FIRST else rest).append(row)
    return first + rest


def _checks(checks: Sequence[Mapping[str, Any]], rows: Sequence[Mapping[str, Any]], detailed: int) -> str:
    """All checks, the worst first."""
    pairs = [0] * len(checks)
    for row in rows:
        pairs[row["check"]] += 1
    order = sorted(
        range(len(checks)),
        key=lambda place: (
            _COUNTED_ORDER.get(str(checks[place].get("outcome")), 0),
            bool(checks[place].get("rerun")),
        ),
    )
    return "".join(
        check_html(checks[place], place, pairs[place], opened=not rank, whole=rank < detailed)
        for rank, place in enumerate(order)
    )


def _when(run: Mapping[str, Any], written: str) -> str:
    started = str(run.get("started") or written)[:40]
    commit = str(part(run, "environment").get("commit") or "")[:12]
    return told(started.replace("T", " ").replace("+00:00", " UTC")) + (
        f" · commit <code>{told(commit)}</code>" if commit else ""
    )


def _private() -> str:
    return (
        '<p class="private">Private: names, paths, captions, prompts and pictures were left out; '
        "each stands here as a digest.</p>"
    )


def _policy(style: str, script: str) -> str:
    """What the page may do: run this script, use this style, show pictures that are in it. Nothing else."""
    return (
        f"default-src 'none'; img-src data:; style-src '{_digest(style)}'; script-src '{_digest(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )


def _digest(content: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()


@cache
def _file(name: str) -> str:
    return (resources.files(__package__) / "files" / name).read_text(encoding="utf-8")


@cache
def _script() -> str:
    """All scripts as one, whose names stay among themselves."""
    return '(() => {\n"use strict";\n' + "\n".join(map(_file, SCRIPTS)) + "\n})();\n"


def _fill(template: str, parts: Mapping[str, str]) -> str:
    """Put parts into their places, once: what stands in a part is no place. Unknown places stay."""
    return _PLACE.sub(lambda found: parts.get(found[1], found[0]), template)


def _json(data: object) -> str:
    """JSON that no parser of HTML takes for the end of a script, or for a comment."""
    told_ = json.dumps(data, separators=(",", ":"), allow_nan=False)
    return told_.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
