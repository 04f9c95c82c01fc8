"""The page: put together, kept below its budget, written whole."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pytest_replication.errors import SettingsError
from pytest_replication.reports.headlines import title
from pytest_replication.reports.html.bare import LENGTHS, bare
from pytest_replication.reports.html.budget import SPARE, too_small
from pytest_replication.reports.html.checks import DETAILED, check_html
from pytest_replication.reports.html.compared import compared_html, new_since
from pytest_replication.reports.html.escaped import part, told
from pytest_replication.reports.html.fitted import NAMED, Limits, as_json, beyond, fitted, least_of
from pytest_replication.reports.html.rows import rows_of
from pytest_replication.reports.html.template import file, fill, script
from pytest_replication.reports.html.verdict import ORDER, WORDS, faults, headline, icon, run_html, tiles
from pytest_replication.reports.outcome import outcome as outcome_of
from pytest_replication.reports.values import count
from pytest_replication.reports.words import many

if TYPE_CHECKING:
    from pytest_replication.results import Results

MARK = b": replication report</title>"
"""What tells a page of this package from those of others, near its beginning."""
_COUNTED_ORDER = {outcome: place for place, outcome in enumerate(ORDER)}


def html_report(
    results: Results, *, budget: int, everything: bool = False, most: int = 0, beside: int = 0
) -> str:
    """Render the results of a run as one page.

    It loads nothing, and forbids itself to: style, script, data and pictures are in it. Pictures are taken in
    until the budget is used, the worst pairs of each check first; the page says which were left out.

    Args:
        results: of a run.
        budget: bytes that the page may have in UTF-8.
        everything: open it with all checks and pairs, not only with what did not pass. A run in which all is
            well opens so anyway.
        most: bytes that it may have where it could not tell the worst pair else. Then it tells no more than
            the verdict, the worst checks and that pair. It is what the report may have of which the page is
            a part: where that takes more, the page says so.
        beside: bytes that the rest of the report takes.

    Raises:
        SettingsError: not even that fits.
    """
    run = part(results.data, "run")
    rows = rows_of(results.checks, private=bool(results.data.get("private")), new=new_since(run))
    for detailed in (DETAILED, 20, 0):
        parts = _parts(results, rows, detailed, everything=everything)
        least = _least(parts)
        if least + least_of(rows, NAMED) <= budget:
            return _filled(results, parts, rows, Limits(budget - least, budget, most, beside=beside))
    for limit in dict.fromkeys((budget, max(budget, most))):
        for longest in LENGTHS:
            small = bare(results.checks, _worst_first(results.checks), rows, run, longest)
            few = {**parts, **_short_parts(results, longest), **small.parts}
            least = _least(few | {"data": _data(small.checks, ())})
            if least + least_of(small.rows, longest) <= limit:
                limits = Limits(max(0, budget - least), limit, most, longest, beside)
                return _filled(results, few, small.rows, limits, checks=small.checks, of=len(rows))
    raise SettingsError(too_small(max(budget, most)))


def _parts(
    results: Results, rows: Sequence[Mapping[str, Any]], detailed: int, *, everything: bool
) -> dict[str, str]:
    """All of the page but pairs and pictures."""
    style, code = file("page.css"), script()
    outcome = outcome_of(results)
    run = part(results.data, "run")
    failed = any(check.get("outcome") != "pass" for check in results.checks)
    written = str(results.data.get("written"))
    return {
        "policy": _policy(style, code),
        "style": style,
        "script": code,
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
        "data": _data(results.checks, ()),
    }


def _short_parts(results: Results, longest: int) -> dict[str, str]:
    """Parts in which texts of the run stand, in fewer characters."""
    said = headline(outcome_of(results), results.checks, part(results.data, "run"))
    return {
        "headline": told(said, longest),
        "when": told(results.data.get("written"), longest),
        "writer": told(results.data.get("writer"), longest),
    }


def _filled(
    results: Results,
    parts: Mapping[str, str],
    rows: Sequence[Mapping[str, Any]],
    limits: Limits,
    *,
    checks: Sequence[Mapping[str, Any]] | None = None,
    of: int | None = None,
) -> str:
    """The page with as many pairs and pictures as there is room for.

    Args:
        results: of the run.
        parts: of the page.
        rows: pairs that may stand in it.
        limits: what they may take.
        checks: those of which the page knows; None for all.
        of: pairs of the run; None where ``rows`` are all.
    """
    shown = fitted(rows, len(rows) if of is None else of, results.path, limits)
    notes = [*shown.notes]
    if unstored := sum(count(check.get("pictures_left_out")) for check in results.checks):
        notes.append(
            f"Of {many(unstored, 'pair')} no pictures were stored: there was no room for them, or an "
            "image had gone"
        )
    filled = {
        **parts,
        "data": _data(results.checks if checks is None else checks, shown.rows),
        "pictures": as_json(shown.pictures),
    }
    page = fill(file("page.html"), filled | {"notes": _notes(notes)})
    if more := beyond(len(page.encode(errors="replace")), limits):
        page = fill(file("page.html"), filled | {"notes": _notes([*notes, more])})
    return page


def _notes(said: Sequence[str]) -> str:
    return "".join(f"<li>{told(note)}.</li>" for note in said)


def _least(parts: Mapping[str, str]) -> int:
    """Bytes of a page before any pair is in it."""
    return len(fill(file("page.html"), parts).encode()) + SPARE


def _data(checks: Sequence[Mapping[str, Any]], rows: Sequence[Mapping[str, Any]]) -> str:
    """What the script reads."""
    told_ = [{"name": title(check)[:300], "outcome": check.get("outcome")} for check in checks]
    return as_json({"checks": told_, "rows": rows})


def _checks(checks: Sequence[Mapping[str, Any]], rows: Sequence[Mapping[str, Any]], detailed: int) -> str:
    """All checks, the worst first."""
    pairs = [0] * len(checks)
    for row in rows:
        pairs[row["check"]] += 1
    return "".join(
        check_html(checks[place], place, pairs[place], opened=not rank, whole=rank < detailed)
        for rank, place in enumerate(_worst_first(checks))
    )


def _worst_first(checks: Sequence[Mapping[str, Any]]) -> list[int]:
    """Places of checks, the worst first."""
    return sorted(
        range(len(checks)),
        key=lambda place: (
            _COUNTED_ORDER.get(str(checks[place].get("outcome")), 0),
            bool(checks[place].get("rerun")),
        ),
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
