"""What a run found as a code quality report of GitLab, which merge requests show beside the code."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pytest_replication.reports.finding import Finding
from pytest_replication.reports.findings import of_pairs

if TYPE_CHECKING:
    from pytest_replication.results import Results

MOST = 1_000
"""Findings of a report: merge requests load all of them."""
_SEVERITY = {
    "replicated": "blocker",
    "closer": "blocker",
    "repeats": "major",
    "leak": "blocker",
    "memorised": "blocker",
    "regression": "blocker",
    "error": "critical",
    "no-verdict": "critical",
    "no-check": "critical",
    "inconclusive": "major",
}


def gitlab(results: Results) -> str:
    """Render what a run found as code quality JSON: description, check_name, fingerprint, severity, location.

    Args:
        results: of a run.
    """
    return json.dumps(gitlab_data(results), indent=1) + "\n"


def gitlab_data(results: Results) -> list[dict[str, Any]]:
    """The same as plain data."""
    found, left_out = of_pairs(results, MOST - 1)
    if left_out:
        said = f"{left_out} more training images are in the file of results"
        found.append(Finding("replicated", found[0].failing, "more", said, file=found[0].file, key="more"))
    return [_issue(finding) for finding in found]


def _issue(finding: Finding) -> dict[str, Any]:
    test = f"{finding.test}: " if finding.test else ""
    return {
        "description": f"{test}{finding.message}",
        "check_name": f"replication/{finding.rule}",
        "fingerprint": finding.fingerprint,
        "severity": _SEVERITY[finding.rule] if finding.failing else "minor",
        # GitLab drops what has no file: that of the results stands for a run.
        "location": {"path": finding.file or "results.json", "lines": {"begin": finding.line}},
    }
