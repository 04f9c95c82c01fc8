"""The outcome of a run, what it is that failed, and its checks, the worst first. From results alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_replication.reports.about import REPLICATED, about, severity
from pytest_replication.reports.finding import REGRESSED, RULES
from pytest_replication.reports.last_release import compared

if TYPE_CHECKING:
    from pytest_replication.results import Results

ORDER = ("fail", "error", "inconclusive", "pass")
"""Outcomes, the worst first."""


def outcome(results: Results) -> str:
    """The outcome of a run: what it says itself, or worse, where its checks or its errors say that."""
    found = {check["outcome"] for check in results.checks if check["asserted"]}
    if results.run["faults"] or results.run["errors"]:
        found.add("error")
    found |= {results.outcome} & set(ORDER)
    if not results.checks:
        found.discard("pass")
    if results.run.get("exit_status") and found == {"pass"}:
        found.add("error")
    return min(found, key=ORDER.index, default="none")


def ordered(results: Results) -> list[dict[str, Any]]:
    """Checks of a run, the worst first: those that fail tests, those that were only measured.

    Of one outcome, that comes first whose worst pair lies farthest beyond its limit.
    """
    return sorted(
        results.checks,
        key=lambda check: (
            not check["asserted"],
            ORDER.index(check["outcome"]),
            -severity(check),
            check["id"],
        ),
    )


def failure(results: Results) -> str:
    """What it is that a run found which failed: copies before all else, or only more of them than before."""
    failed = [check for check in ordered(results) if check["outcome"] == "fail"]
    asserted = [check for check in failed if check["asserted"]]
    if compared(results).get("outcome") == "fail" and not asserted:
        return RULES[REGRESSED]
    rules = [about(check) for check in asserted or failed]
    return RULES[REPLICATED if REPLICATED in rules or not rules else rules[0]]
