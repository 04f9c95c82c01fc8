"""Tests of a run that have no verdict: they broke, failed of something else, or were skipped."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pytest_replication._plugin.arrived import Arrived, passed_not


def errors(arrived: Arrived) -> list[dict[str, Any]]:
    """Tests that ended without a verdict, and what could not be collected, each once."""
    told = {row["test"] for row in passed_not(arrived.rows)}
    checked = {row["test"] for row in arrived.rows}
    found = [entry for place, attempt, entry in arrived.broken if attempt >= arrived.last[place]]
    for entry in arrived.unsaid:
        if entry["kind"] == "collection":
            found.append(entry)
        elif entry["test"] not in told:
            why = "failed, and none of its checks says why" if entry["test"] in checked else "has no verdict"
            of_gate = entry["of_gate"] or entry["test"] in checked
            found.append(entry | {"message": f"{why}: {entry['message']}", "of_gate": of_gate})
    return list({(entry["test"], entry["message"]): entry for entry in found}.values())


def skipped(arrived: Arrived) -> list[dict[str, Any]]:
    """Tests that were to check something, were skipped, and have checked nothing."""
    checked = {row["test"] for row in arrived.rows} | {entry["test"] for _, _, entry in arrived.broken}
    return [entry for entry in arrived.skipped if entry["test"] not in checked]


def concerns(arrived: Arrived) -> Iterator[dict[str, Any]]:
    """Those of both that are about the gate, whatever else is tested in the run."""
    yield from (entry for entry in errors(arrived) if entry["of_gate"])
    yield from skipped(arrived)
