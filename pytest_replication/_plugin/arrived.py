"""What the reports of a run tell, in the process that collects its checks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

_LONGEST = 500
Row = Mapping[str, Any]


class Arrived:
    """What arrived of a run.

    Attributes:
        rows: its checks, as plain data.
        made: how many checks each process says that it made, by worker of pytest-xdist and id: workers have
            children of their own, where a plugin runs each test in one.
        collided: checks that others arrived in the place of, as the fault of the run says it.
        internal_error: pytest, or a worker, broke down.
        missing: why checks may be missing, where no fault of the gate says it.
        caught: tests that caught an error of a check and went on.
        failed: tests whose function pytest has reported as failed.
        last: how often each test has begun, by its id and its worker.
        again: tests with a check that did not pass, and that are reported neither as failed nor as passed.
        turned: tests that a check failed, and that are reported as if it had not.
        mended: tests that an error of a check failed, and that are reported as if it had not.
        broken: tests without a verdict because of such an error, with what was said.
        unsaid: tests that failed of something else, and what could not be collected.
        skipped: tests that were to check something and were skipped.
    """

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self.made: dict[tuple[str, int], int] = {}
        self.collided: list[str] = []
        self.internal_error = False
        self.missing: list[dict[str, str]] = []
        self.caught: list[str] = []
        self.failed: set[str] = set()
        self.last: dict[tuple[str, str], int] = {}
        self.again: list[str] = []
        self.turned: list[str] = []
        self.mended: list[tuple[tuple[str, str], int]] = []
        self.broken: list[tuple[tuple[str, str], int, dict[str, Any]]] = []
        self.unsaid: list[dict[str, Any]] = []
        self.skipped: list[dict[str, Any]] = []
        self._known: dict[tuple[object, ...], Row] = {}

    def of_checks(self) -> bool:
        """Whether anything arrived that is about checks: those of other suites say nothing of them."""
        counted = (self.rows, self.caught, self.missing, self.again, self.turned, self.mended, self.broken)
        told = any(counted) or bool(self.skipped) or any(entry["of_gate"] for entry in self.unsaid)
        return told or self.internal_error or any(self.made.values())

    def take(self, report: pytest.TestReport) -> None:
        """Take the checks of a report, and how its test ended."""
        known: dict[str, Any] = getattr(report, "replication_ended", {})
        place, attempt = (report.nodeid, known.get("worker", "")), known.get("attempt", 1)
        self.last[place] = max(attempt, self.last.get(place, 0))
        self._count((known.get("worker", ""), known.get("process", 0)), known.get("made", 0))
        for row in getattr(report, "replication_rows", []):
            self._take(row)
        self.caught += [report.nodeid] if getattr(report, "replication_caught", False) else []
        rows, outcome = getattr(report, "replication_rows", []), str(report.outcome)
        xfailed = hasattr(report, "wasxfail")
        if outcome not in ("passed", "failed", "skipped") and passed_not(rows):
            self.again.append(report.nodeid)  # "rerun" and the like
        if outcome == "passed" or (outcome == "skipped" and not xfailed):
            self.turned += [report.nodeid] if known.get("escaped") and passed_not(rows) else []
        if outcome == "failed" and report.when == "call":
            self.failed.add(report.nodeid)
        broke = getattr(report, "replication_broke", None)
        if broke is not None and outcome == "passed":
            self.mended += [] if known.get("again") else [(place, attempt)]
        elif broke is not None:
            self.broken.append((place, attempt, _entry(report, broke, "gate")))
        elif outcome == "failed":
            self.unsaid.append(_entry(report, _crash(report), "test"))
        elif outcome == "skipped" and known.get("asks"):
            said = str(getattr(report, "wasxfail", "")) or _reason(report)
            self.skipped.append(_entry(report, said, "test"))

    def take_collected(self, report: pytest.CollectReport) -> None:
        """Take what could not be collected."""
        if report.failed:
            said = f"cannot be collected: {_crash(report)}"
            file = report.nodeid if Path(report.nodeid).suffix else ""
            entry = {"test": report.nodeid, "message": said, "kind": "collection", "test_failed": False}
            entry["of_gate"] = False  # nobody knows what it holds
            self.unsaid.append(entry | {"test_file": file, "test_line": 1})

    def take_worker(self, node: Any, error: object) -> None:
        """Ask a worker of pytest-xdist that ends how many checks it made; a crashed one cannot tell."""
        output = getattr(node, "workeroutput", None) or {}
        name = getattr(getattr(node, "gateway", None), "id", "of pytest-xdist")
        self._count(
            (name, int(output.get("replication_process", 0))), int(output.get("replication_checks", 0))
        )
        if error:
            from pytest_replication.faults import WORKER, fault

            said = f"the worker {name} died: checks that it was making are missing"
            self.missing.append(fault(WORKER, said))

    def _count(self, process: tuple[str, int], made: int) -> None:
        self.made[process] = max(made, self.made.get(process, 0))

    def _take(self, row: dict[str, Any]) -> None:
        """Take a check once, though plugins may send a report twice; two checks are never taken for one."""
        number = tuple(row[name] for name in ("worker", "process", "test", "attempt", "serial"))
        if number not in self._known:
            self._known[number] = row
            self.rows.append(row)
        elif row != self._known[number]:
            self.collided.append(
                f"two checks of {row['test']} arrived as one: a plugin that runs tests in other processes or "
                "changes reports makes them look alike; run without it"
            )


def passed_not(rows: Iterable[Row]) -> list[Row]:
    """The checks that have to fail their tests."""
    return [row for row in rows if row["asserted"] and row["outcome"] != "pass"]


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
