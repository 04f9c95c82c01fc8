"""Findings of what broke a run beside its checks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pytest_replication.escape import one_line
from pytest_replication.faults import fault_text, is_regression
from pytest_replication.reports.about import REPLICATED
from pytest_replication.reports.finding import (
    BROKEN,
    INCONCLUSIVE,
    NO_CHECK,
    NO_VERDICT,
    REGRESSED,
    RULES,
    Finding,
)
from pytest_replication.reports.headlines import LEFT_OUT, name
from pytest_replication.reports.last_release import change_story, changes, compared
from pytest_replication.reports.outcome import outcome
from pytest_replication.reports.places import file_of, place

if TYPE_CHECKING:
    from pytest_replication.results import Results


def of_run(results: Results) -> list[Finding]:
    """What broke the run beside its checks, and that there is none; tests that hid an error."""
    found = list(_broken(results))
    what = outcome(results)
    told = any(each.failing for each in found) or any(check["outcome"] == what for check in results.checks)
    if what == "none":
        found.append(Finding(NO_CHECK, True, RULES[NO_CHECK], "no replication check was made", key="none"))
    elif what != "pass" and not told:
        rule = {"fail": REPLICATED, "inconclusive": INCONCLUSIVE}.get(what, BROKEN)
        status = results.run.get("exit_status")
        ended = (
            f" and its exit status {name(status, 20)}, which nothing in its results explains"
            if status
            else ""
        )
        found.append(Finding(rule, True, RULES[rule], f"the outcome of the run is {what}{ended}", key="run"))
    return found


def _broken(results: Results) -> Iterator[Finding]:
    run = results.run
    others = [error for error in run["errors"] if _of_others(error)]
    if len(others) > 1:  # of a suite that tests other things, too
        yield _others(others)
    for told in run["errors"]:
        if len(others) > 1 and _of_others(told):
            continue
        test, said = one_line(str(told.get("test", ""))), str(told.get("message") or LEFT_OUT)
        file, line = place({**told, "test": test})
        rule = NO_VERDICT if told.get("kind") in ("test", "collection") else BROKEN
        reported = told.get("test_failed") is True
        yield Finding(rule, True, RULES[rule], name(said, 2000), test, file, line, name(said), reported)
    yield from _skipped(results)
    regressed = list(_regressed(results))
    yield from regressed
    for fault in run["faults"]:
        if regressed and is_regression(fault):  # which is a finding of its own
            continue
        said = fault_text(fault)
        yield Finding(BROKEN, True, RULES[BROKEN], name(said, 2000), key=name(said))
    for caught in map(str, run["caught"]):
        said = "the test caught an error of a check and passed: that check has no verdict"
        yield Finding(BROKEN, False, RULES[BROKEN], said, one_line(caught), file_of(caught), key="caught")


def _of_others(error: Mapping[str, Any]) -> bool:
    return error.get("kind") == "test" and not error.get("of_gate")


def _others(errors: Sequence[Mapping[str, Any]]) -> Finding:
    """Tests that failed and ask for nothing of ours, as one finding: they may be about something else."""
    first = errors[0]
    test = one_line(str(first["test"]))
    file, line = place({**first, "test": test})
    said = (
        f"{len(errors)} tests that ask for no fixture of this package failed, this one first "
        f"({name(first['message'] or LEFT_OUT, 500)}): whether they were to check something is not known"
    )
    reported = all(error.get("test_failed") is True for error in errors)
    return Finding(NO_VERDICT, True, RULES[NO_VERDICT], said, test, file, line, "others", reported)


def _skipped(results: Results) -> Iterator[Finding]:
    """Tests that were to check something and were skipped: no failure, and nothing to rely on."""
    entries = results.run.get("skipped")
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, Mapping):
            test = one_line(str(entry.get("test", "")))
            file, line = place({**entry, "test": test})
            said = f"skipped, so that it has checked nothing: {name(entry.get('message') or LEFT_OUT, 500)}"
            yield Finding(NO_CHECK, False, RULES[NO_CHECK], said, test, file, line, "skipped")


def _regressed(results: Results) -> Iterator[Finding]:
    """Checks that became worse since the last release, where that makes the run red."""
    if compared(results).get("outcome") != "fail":
        return
    places = {check["id"]: place(check) for check in results.checks}
    for change in changes(results):
        if change.get("change") == "worse":
            test = one_line(str(change.get("id", "")))
            file, line = places.get(change.get("id"), (file_of(test), 1))
            said = f"worse than the last release: {change_story(change)}"
            yield Finding(REGRESSED, True, RULES[REGRESSED], said, test, file, line, key="baseline")
