"""The summary section of a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pytest_replication._plugin.gate import left_out_of_run
from pytest_replication.escape import one_line
from pytest_replication.reports.about import severity_of_pair
from pytest_replication.reports.accepted_text import (
    accepted_count,
    accepted_lines,
    expired_lines,
    unused_in_all,
)
from pytest_replication.reports.warnings import check_warnings, index_warnings
from pytest_replication.reports.words import controlled, plural
from pytest_replication.score_text import score_text, threshold_text

if TYPE_CHECKING:
    import pytest

_COLOURS = {"fail": "red", "inconclusive": "yellow", "pass": "green"}
"""Colour of each outcome, the worst outcome first."""
_PAIRS = 3
"""Pairs that are listed below a row."""


def summary(
    reporter: pytest.TerminalReporter,
    rows: Sequence[dict[str, Any]],
    faults: Sequence[str],
    caught: Sequence[str] = (),
    left_out: Sequence[str] = (),
    *,
    tried: bool = False,
) -> None:
    """Write a row a check, tests that caught an error or were left out, and what made the run red.

    Where nothing has tried to make a check, the way to one is told.
    """
    reporter.section("replication")
    if not rows:
        way = "" if tried else ": --replication-gate makes one where no test of the repository does"
        reporter.line(f"no replication check was made{way}", yellow=True)
    rows = sorted(rows, key=lambda row: list(_COLOURS).index(row["outcome"]))
    cells = [tuple(map(one_line, _cells(row))) for row in rows]
    widths = [max((len(cell[column]) for cell in cells), default=0) for column in range(4)]
    for row, cell in zip(rows, cells, strict=True):
        line = "  ".join(text.ljust(width) for text, width in zip(cell, widths, strict=False))
        reporter.line(f"{line}  {cell[4]}", **{_COLOURS[row["outcome"]]: True})
        own = () if "kind" in row else _below(row)
        for below in own:
            reporter.line(one_line(below))
        for said in row["warnings"] if "kind" in row else check_warnings(row):
            reporter.line(one_line(f"      WARNING: {said}"), yellow=True)
    for said in unused_in_all(rows):
        reporter.line(one_line(said), yellow=True)
    for row in _distinct_indexes(rows):
        index = row["index"]
        images = plural(row["searched"], "training image")
        reporter.line(one_line(f"index {index['path']}: {images}, {index['embedder']}"))
        for said in index_warnings(index):
            reporter.line(one_line(f"WARNING: {said}"), yellow=True)
    for test in caught:
        said = f"WARNING: {test} caught an error of a check and passed: that check has no verdict"
        reporter.line(one_line(said), yellow=True)
    for test in left_out:
        reporter.line(one_line(f"WARNING: {left_out_of_run(test)}"), yellow=True)
    for fault in faults:
        reporter.line(one_line(f"ERROR: {fault}"), red=True, bold=True)


def show_skipped(reporter: pytest.TerminalReporter, tests: Sequence[dict[str, Any]]) -> None:
    """Write a line a test that was to check something and was skipped."""
    for test in tests[:_PAIRS]:
        said = f"WARNING: {test['test']} was skipped, and has checked nothing: {test['message']}"
        reporter.line(one_line(said), yellow=True)
    if len(tests) > _PAIRS:
        reporter.line(f"WARNING: so were {len(tests) - _PAIRS} more", yellow=True)


def _cells(row: dict[str, Any]) -> tuple[str, str, str, str, str]:
    name = row["test"] + (f" [{row['check']}]" if row["check"] else "")
    outcome = row["outcome"].upper() + ("" if row["asserted"] else " (measured only)")
    if "kind" in row:  # a verdict of another kind words its own
        return (outcome, name, *row["cells"])
    return (
        outcome,
        name,
        f"{row['replicated']} of {row['samples']} replicated{_undecided(row)}{accepted_count(row)}",
        f"highest {score_text(row['worst_score'], row['threshold'])}",
        f"{_rule(row)}, {_rate(row)}",
    )


def _below(row: dict[str, Any]) -> tuple[str, ...]:
    """What is told of a check below its row."""
    return (
        *_parts(row),
        *_controlled(row),
        *_captions(row),
        *_searched(row),
        *_tolerated(row),
        *_accepted(row),
        *_drawn(row),
    )


def _undecided(row: dict[str, Any]) -> str:
    count = row["low_information"]["undecided"]
    return f", {count} undecided" if count else ""


def _rule(row: dict[str, Any]) -> str:
    if row["fdr"] is not None:
        return f"FDR {row['fdr']:g} ({row['fdr_source']})"
    return f"threshold {threshold_text(row['threshold'])} ({row['threshold_source']}){_by_chance(row)}"


def _by_chance(row: dict[str, Any]) -> str:
    expected = row["expected_false"]
    return "" if expected is None else f", {expected:.2g} expected by chance"


def _rate(row: dict[str, Any]) -> str:
    if row["fdr"] is not None:
        return "no rate proved"
    prompts = " of prompts" if row["counts"]["per"] == "prompt" else ""
    bound = f"rate{prompts} <= {100 * row['rate_upper']:.3g} %"
    if row["outcome"] == "fail":
        bound = f"rate{prompts} >= {100 * row['rate_lower']:.3g} %"
    return bound + (f", max rate {100 * row['max_rate']:.3g} %" if row["max_rate"] else "")


def _searched(row: dict[str, Any]) -> list[str]:
    """What an approximate engine had to do with it."""
    from pytest_replication.reports.text import searched
    from pytest_replication.search import SearchedBy

    by = SearchedBy(**row["search"])
    if not by.exact:
        return [f"      {searched(by)}"]
    return [f"      the exact scan decided: {by.note}"] if by.note else []


def _parts(row: dict[str, Any]) -> list[str]:
    """What was found of copies of a part; nothing where they were not asked for."""
    from pytest_replication.reports.words import objects_words

    said = objects_words(row)
    return [f"      parts: {said}"] if said else []


def _controlled(row: dict[str, Any]) -> list[str]:
    """What was found of the planted copies."""
    lines = (
        [f"      control: {controlled(row['control'], row['threshold'])}"] if row["control"]["asked"] else []
    )
    if (parts := row.get("objects")) and parts["control"] and parts["control"]["asked"]:
        found = plural(parts["control"]["asked"], "planted part")
        lines.append(f"      control: {found} found (fewest points {parts['control']['fewest_points']})")
    return lines


def _captions(row: dict[str, Any]) -> list[str]:
    """How many samples came nearest to another image than their caption's own."""
    if (found := row["captions"]) is None:
        return []
    scores = f"median score {score_text(found['median_score'])}, own {score_text(found['median_own_score'])}"
    return [
        f"      captions: in {found['not_own']} of {found['samples']} not the caption's own image ({scores})"
    ]


def _tolerated(row: dict[str, Any]) -> list[str]:
    """Pairs of a check that did not fail the test: nothing else shows them."""
    if row["outcome"] == "fail" and row["asserted"]:
        return []
    pairs = sorted(row["pairs"], key=lambda pair: -severity_of_pair(row, pair))
    shown = [
        f"      {_measure(p, row)}  {p['sample']} -> {p['training_uri']}{_label(p)}" for p in pairs[:_PAIRS]
    ]
    more = len(row["pairs"]) - len(shown)
    return shown + ([f"      and {more} more"] if more else [])


def _label(pair: dict[str, Any]) -> str:
    return "" if pair.get("label") is None else f" (class {pair['label']})"


def _measure(pair: dict[str, Any], row: dict[str, Any]) -> str:
    """What makes a pair count: points of a part, or the score."""
    part = pair.get("part") if pair.get("kind") == "object" else None
    return f"{part['points']} points" if part else score_text(pair["score"], row["threshold"])


def _drawn(row: dict[str, Any]) -> list[str]:
    """Where the closest pairs are drawn."""
    return [f"      pictures: {row['pictures']}"] if "pictures" in row else []


def _accepted(row: dict[str, Any]) -> list[str]:
    """Matches that are accepted, and those that are no longer; a failed test has shown its own."""
    failed = row["outcome"] == "fail" and row["asserted"]
    lines = [] if failed else [f"      {line}" for line in accepted_lines(row, _PAIRS)]
    return lines + [f"      EXPIRED: {line}" for line in expired_lines(row)]


def _distinct_indexes(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The first check of each index; one that changed during the run counts as another."""
    found: dict[tuple[str, ...], dict[str, Any]] = {}
    for row in rows:
        if row["searched"]:
            index = row["index"]
            shown = (str(row["searched"]), index["embedder"], *index_warnings(index))
            key = (index["path"], index["fingerprint"], *shown)
            found.setdefault(key, row)
    return list(found.values())
