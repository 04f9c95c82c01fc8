"""How the tests of a run ended, where no check of theirs says it: run again, turned green, broken, skipped.

What a test's process knows rides home on its reports as ``replication_ended``, beside the checks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from pytest_replication._plugin.gate import is_ready

FIXTURES = frozenset(
    {
        "assert_no_data_copying",
        "assert_no_duplicates_within",
        "assert_no_extraction",
        "assert_no_leak",
        "assert_no_replication",
        "assert_not_closer_than_holdout",
        "assert_percentile_below",
        "assert_prompts_not_memorized",
        "assert_replication_rate_below",
        "check_replication",
        "replication_index",
        "replication_model",
        "replication_prompts",
        "replication_samples",
    }
)
"""Fixtures of tests that are to check something."""
_ESCAPED: pytest.StashKey[bool] = pytest.StashKey()
"""Whether an error or a failure has left the function of a test."""
_LONGEST = 500
Row = Mapping[str, Any]


def asks(item: pytest.Item) -> bool:
    """Whether a test is one that was to check something: it asks for our fixtures, or has our marker."""
    asked = not FIXTURES.isdisjoint(getattr(item, "fixturenames", ()))
    return asked or is_ready(item) or item.get_closest_marker("replication") is not None


def note_exit(item: pytest.Item, error: BaseException | None) -> None:
    """Take note of how the function of a test ended, whatever plugins around it make of that."""
    if _counts(error):
        item.stash[_ESCAPED] = True


def _counts(error: BaseException | None) -> bool:
    return error is not None and not isinstance(error, (pytest.skip.Exception, pytest.xfail.Exception))


def ended(item: pytest.Item, error: BaseException | None, began: int, attempts: int) -> dict[str, Any]:
    """What a report has to tell of a test beside its checks.

    Args:
        item: the test.
        error: with which the part of it ended that the report is about.
        began: how often it had begun when that part ended.
        attempts: how often it has begun by now: plugins may run it again before they report.
    """
    left = item.stash.get(_ESCAPED, False) or _counts(error)
    item.stash[_ESCAPED] = False
    worker = getattr(item.config, "workerinput", {}).get("workerid", "")
    again = attempts > began
    return {"attempt": attempts, "worker": worker, "asks": asks(item), "escaped": left, "again": again}


def passed_not(rows: Iterable[Row]) -> list[Row]:
    """The checks that have to fail their tests."""
    return [row for row in rows if row["asserted"] and row["outcome"] != "pass"]


@dataclass
class Ended:
    """The tests of a run as their reports arrive, in the process that collects its checks.

    Attributes:
        failed: tests whose function pytest has reported as failed.
    """

    failed: set[str] = field(default_factory=set)
    _last: dict[tuple[str, str], int] = field(default_factory=dict)
    _again: list[str] = field(default_factory=list)
    _turned: list[str] = field(default_factory=list)
    _mended: list[tuple[tuple[str, str], int]] = field(default_factory=list)
    _broken: list[tuple[tuple[str, str], int, dict[str, Any]]] = field(default_factory=list)
    _unsaid: list[dict[str, Any]] = field(default_factory=list)
    _skipped: list[dict[str, Any]] = field(default_factory=list)

    def see(self, report: pytest.TestReport) -> None:
        """Take note of a report."""
        known: dict[str, Any] = getattr(report, "replication_ended", {})
        place, attempt = (report.nodeid, known.get("worker", "")), known.get("attempt", 1)
        self._last[place] = max(attempt, self._last.get(place, 0))
        rows, outcome = getattr(report, "replication_rows", []), str(report.outcome)
        xfailed = hasattr(report, "wasxfail")
        if outcome not in ("passed", "failed", "skipped") and passed_not(rows):
            self._again.append(report.nodeid)  # "rerun" and the like
        if outcome == "passed" or (outcome == "skipped" and not xfailed):
            self._turned += [report.nodeid] if known.get("escaped") and passed_not(rows) else []
        if outcome == "failed" and report.when == "call":
            self.failed.add(report.nodeid)
        broke = getattr(report, "replication_broke", None)
        if broke is not None and outcome == "passed":
            self._mended += [] if known.get("again") else [(place, attempt)]
        elif broke is not None:
            self._broken.append((place, attempt, _entry(report, broke, "gate")))
        elif outcome == "failed":
            self._unsaid.append(_entry(report, _crash(report), "test"))
        elif outcome == "skipped" and known.get("asks"):
            said = str(getattr(report, "wasxfail", "")) or _reason(report)
            self._skipped.append(_entry(report, said, "test"))

    def see_collected(self, report: pytest.CollectReport) -> None:
        """Take note of what could not be collected."""
        if report.failed:
            said = f"cannot be collected: {_crash(report)}"
            file = report.nodeid if Path(report.nodeid).suffix else ""
            entry = {"test": report.nodeid, "message": said, "kind": "collection", "test_failed": False}
            entry["of_gate"] = False  # nobody knows what it holds
            self._unsaid.append(entry | {"test_file": file, "test_line": 1})

    def rerun(self, rows: Sequence[Row]) -> str:
        """A test with a check that did not pass, and that was run again until it did; empty for none."""
        last = dict(self._last)
        for row in rows:
            place = (row["test"], row.get("worker", ""))
            last[place] = max(row.get("attempt", 1), last.get(place, 0))
        earlier = (
            row["test"]
            for row in passed_not(rows)
            if row.get("attempt", 1) < last[row["test"], row.get("worker", "")]
        )
        return next(iter([*self._again, *earlier]), "")

    def turned(self, rows: Sequence[Row]) -> str:
        """A test that a check or its error failed, and that is reported otherwise; empty for none.

        One that broke may be run again, or have checked something then.
        """
        checked = {row["test"] for row in rows}
        mended = (
            place[0]
            for place, attempt in self._mended
            if place[0] not in checked and attempt >= self._last[place]
        )
        return next(iter([*self._turned, *mended]), "")

    def errors(self, rows: Sequence[Row]) -> list[dict[str, Any]]:
        """Tests that ended without a verdict, and what could not be collected, each once."""
        told = {row["test"] for row in passed_not(rows)}
        checked = {row["test"] for row in rows}
        found = [entry for place, attempt, entry in self._broken if attempt >= self._last[place]]
        for entry in self._unsaid:
            if entry["kind"] == "collection":
                found.append(entry)
            elif entry["test"] not in told:
                why = (
                    "failed, and none of its checks says why"
                    if entry["test"] in checked
                    else "has no verdict"
                )
                of_gate = entry["of_gate"] or entry["test"] in checked
                found.append(entry | {"message": f"{why}: {entry['message']}", "of_gate": of_gate})
        return list({(entry["test"], entry["message"]): entry for entry in found}.values())

    def skipped(self, rows: Sequence[Row]) -> list[dict[str, Any]]:
        """Tests that were to check something, were skipped, and have checked nothing."""
        checked = {row["test"] for row in rows} | {entry["test"] for _, _, entry in self._broken}
        return [entry for entry in self._skipped if entry["test"] not in checked]

    def concerns(self, rows: Sequence[Row]) -> Iterator[dict[str, Any]]:
        """Those of both that are about the gate, whatever else is tested in the run."""
        yield from (entry for entry in self.errors(rows) if entry["of_gate"])
        yield from self.skipped(rows)


def _entry(report: pytest.TestReport, said: str, kind: str) -> dict[str, Any]:
    file, line, _ = report.location
    known: dict[str, Any] = getattr(report, "replication_ended", {})
    return {
        "test": report.nodeid,
        "message": said,
        "kind": kind,
        "test_file": Path(file).as_posix(),
        "test_line": (line or 0) + 1,
        "test_failed": report.failed and report.when == "call",
        "of_gate": kind == "gate" or bool(known.get("asks")),
    }


def _crash(report: pytest.TestReport | pytest.CollectReport) -> str:
    """What a failure said, in one line."""
    crash = getattr(report.longrepr, "reprcrash", None)
    lines = [
        line for line in str(crash.message if crash else report.longrepr or "").splitlines() if line.strip()
    ]
    errors = [line[1:].strip() for line in lines if line.startswith("E ")]
    return (errors or lines or ["it said nothing"])[0][:_LONGEST]


def _reason(report: pytest.TestReport) -> str:
    """Why a test was skipped, in one line."""
    said = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr or "")
    return said.removeprefix("Skipped: ").strip().partition("\n")[0][:_LONGEST] or "no reason was given"
