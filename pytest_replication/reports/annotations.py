"""Annotations of GitHub Actions: lines of output that it shows beside the code of a test.

It shows ten errors and ten warnings of a step, and drops the rest without a word: no more are written, and
the last of them says how many there are besides.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from pytest_replication.reports.finding import Finding
from pytest_replication.reports.findings import of_checks
from pytest_replication.reports.headlines import name
from pytest_replication.reports.markdown import warned

if TYPE_CHECKING:
    from pytest_replication.results import Results

MOST = 10
"""Errors, and warnings, of a step that are shown."""
_LONGEST = 2000
"""Characters of a message that are kept."""


def workflow_commands(
    results: Results, place: Callable[[str], str] = str, *, failed_tests: bool = True
) -> list[str]:
    """Workflow commands, a line each, the worst first.

    Args:
        results: of a run.
        place: makes the path of a file, as the results name it, one that begins in the repository; empty for
            a file outside it.
        failed_tests: annotate checks and errors of tests that pytest reports as failed, which something else
            may do.
    """
    found = of_checks(results)
    weak = dict.fromkeys(said for check in results.counted for said in warned(check))
    failing = [finding for finding in found if finding.failing and (failed_tests or not finding.reported)]
    told = [finding for finding in found if not finding.failing]
    told += [Finding("warning", False, "Replication", said) for said in weak]
    return [
        *_commands("error", failing, place),
        *_commands("warning", told, place),
    ]


def error_command(message: str) -> str:
    """The workflow command of an error that belongs to no line of a file."""
    return _command("error", Finding("settings", True, "Replication", message), str)


def _commands(level: str, findings: Sequence[Finding], place: Callable[[str], str]) -> list[str]:
    if len(findings) <= MOST:
        return [_command(level, finding, place) for finding in findings]
    kept = [_command(level, finding, place) for finding in findings[: MOST - 1]]
    said = f"and {len(findings) - len(kept)} more: the summary of the job lists them"
    return [*kept, _command(level, Finding("more", level == "error", "Replication", said), place)]


def _command(level: str, finding: Finding, place: Callable[[str], str]) -> str:
    file = place(finding.file) if finding.file else ""
    told = {"file": file, "line": finding.line} if file else {}
    properties = {**told, "title": name(finding.title, 200)}
    written = ",".join(f"{key}={_property(str(value))}" for key, value in properties.items())
    test = f"{finding.test}: " if finding.test else ""
    return f"::{level} {written}::{_data(name(test + finding.message, _LONGEST))}"


def _data(text: str) -> str:
    """A message, as the runner takes it back."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    """The value of a property, as the runner takes it back."""
    return _data(text).replace(":", "%3A").replace(",", "%2C")
