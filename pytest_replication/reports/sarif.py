"""What a run found as SARIF 2.1.0 (OASIS), which code scanning of GitHub and other dashboards take.

A result a training image that a check saw replicated, at the line of the test, with a fingerprint that stays
the same from run to run: an alert that was looked at stays looked at, another copied image is a new one.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from pytest_replication.escape import one_line
from pytest_replication.reports.finding import BROKEN, NO_CHECK, NO_VERDICT, RULES, Finding
from pytest_replication.reports.findings import of_pairs
from pytest_replication.reports.outcome import outcome
from pytest_replication.reports.run_findings import of_run

if TYPE_CHECKING:
    from pytest_replication.results import Results

MOST = 5_000
"""Results of a run: GitHub shows no more, and refuses 25,000."""
FINGERPRINT = "replication/v1"
"""Name of what identifies a result from run to run."""
_HELP = {
    "replicated": "Open both images of the pair in the report of the run. If it is a copy, the model must "
    "not be released; if people decide that it is none, 'pytest-replication accept' writes that down.",
    "closer": "The message says how far. Look at the closest pairs in the report of the run.",
    "repeats": "The message names the samples. More prompts, seeds or steps may give more images.",
    "leak": "Take the shared images out of one of the sets: a score on the test set means less with them.",
    "memorised": "Generate from the flagged prompts, and check the samples against an index.",
    "regression": "'pytest-replication compare' with both files of results names the new training images.",
    "inconclusive": "The message of the check says how many samples would settle it.",
    "error": "The message says what mends it. Until then nothing is known of the model.",
    "no-verdict": "The message says how the test failed. What it was to check is not known until it ends.",
    "no-check": "Name the test, or give --replication-gate and an index.",
}


def sarif(results: Results) -> str:
    """Render what a run found as SARIF 2.1.0.

    Args:
        results: of a run.
    """
    return json.dumps(sarif_data(results), indent=1) + "\n"


def sarif_data(results: Results) -> dict[str, Any]:
    """The same as plain data."""
    found, left_out = of_pairs(results, MOST)
    rules = list(RULES)
    writer, _, version = one_line(results.data["writer"]).rpartition(" ")
    driver: dict[str, Any] = {"name": writer or "pytest-replication"}
    driver |= {"version": version} if version else {}
    driver["rules"] = [_rule(rule) for rule in rules]
    broken = of_run(results)
    beside = [_notification(each) for each in broken]
    if left_out:
        said = (
            f"{left_out} more training images are in the file of results: there are no more than {MOST} here"
        )
        beside.append({"level": "warning", "message": {"text": said}})
    what = outcome(results)
    # A run that found copies may have broken down as well.
    whole = not any(each.failing and each.rule in (BROKEN, NO_VERDICT, NO_CHECK) for each in broken)
    invocation: dict[str, Any] = {"executionSuccessful": whole and what not in ("error", "none")}
    invocation |= {"toolExecutionNotifications": beside} if beside else {}
    run: dict[str, Any] = {
        "tool": {"driver": driver},
        "invocations": [invocation],
        "columnKind": "unicodeCodePoints",
        "results": [_result(finding, rules) for finding in found],
        "properties": {
            "replication": {"outcome": what, "resultsLeftOut": left_out, "private": results.private}
        },
    }
    return {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [run],
    }


def _notification(finding: Finding) -> dict[str, Any]:
    said = finding.message or finding.title
    return {"level": "error" if finding.failing else "warning", "message": {"text": _message(said)}}


def _rule(rule: str) -> dict[str, Any]:
    return {
        "id": f"replication/{rule}",
        "name": "".join(word.capitalize() for word in f"replication-{rule}".split("-")),
        "shortDescription": {"text": RULES[rule]},
        "fullDescription": {"text": f"{RULES[rule]}."},
        "help": {"text": _HELP[rule]},
        "defaultConfiguration": {"level": "error"},
        "properties": {"tags": ["replication", "privacy"]},
    }


def _result(finding: Finding, rules: list[str]) -> dict[str, Any]:
    said = f"{finding.test}: {finding.message}" if finding.test else finding.message
    # GitHub takes no result without a file. A run has none: the file of results stands for it.
    uri = quote(finding.file or "results.json", safe="/", errors="replace")
    return {
        "ruleId": f"replication/{finding.rule}",
        "ruleIndex": rules.index(finding.rule),
        "level": "error" if finding.failing else "warning",
        "kind": "fail",
        "message": {"text": _message(said or finding.title)},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": uri, "uriBaseId": "%SRCROOT%"},
                    "region": {"startLine": finding.line},
                }
            }
        ],
        "partialFingerprints": {FINGERPRINT: finding.fingerprint},
    }


def _message(text: str) -> str:
    """A message as SARIF wants it (section 3.11): braces would be placeholders, ``[…](…)`` a link."""
    return text.replace("](", "\\](").replace("{", "{{").replace("}", "}}")
