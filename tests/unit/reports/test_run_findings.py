from __future__ import annotations

import json

import pytest
from junit_rules import read_strictly
from made_results import made_check, made_results

from pytest_replication.reports.findings import of_checks, of_pairs
from pytest_replication.reports.gitlab import gitlab
from pytest_replication.reports.junit import junit
from pytest_replication.reports.markdown import summary
from pytest_replication.reports.model_card import model_card
from pytest_replication.reports.outcome import outcome
from pytest_replication.reports.sarif import sarif

ENDED = {"test": "tests/test_a.py::test_b", "message": "has no verdict: out of memory", "kind": "test"}


@pytest.mark.parametrize(
    ("run", "rule", "said"),
    [
        ({"errors": [ENDED]}, "no-verdict", "has no verdict: out of memory"),
        ({"errors": [ENDED | {"kind": "gate"}]}, "error", "has no verdict: out of memory"),
        (
            {"exit_status": 1},
            "error",
            "the outcome of the run is error and its exit status 1, which nothing in its results explains",
        ),
    ],
)
def test_a_red_run_whose_checks_passed_is_never_without_a_finding(run, rule, said):
    results = made_results(made_check(outcome="pass"), **run)
    assert outcome(results) == "error"
    [finding] = of_checks(results)
    assert (finding.rule, finding.failing, finding.message) == (rule, True, said)
    assert of_pairs(results, 10)[0] == [finding]
    assert not summary(results).startswith("## ✅")
    assert json.loads(sarif(results))["runs"][0]["invocations"][0]["executionSuccessful"] is False


def test_tests_of_other_things_that_failed_are_one_finding():
    others = [{**ENDED, "test": f"t.py::test_{k}", "of_gate": False, "test_failed": True} for k in range(200)]
    results = made_results(made_check(outcome="pass"), errors=[*others, ENDED | {"of_gate": True}])
    first, second = of_checks(results)
    assert first.message.startswith(
        "200 tests that ask for no fixture of this package failed, this one first"
    )
    assert (first.test, first.failing, first.reported) == ("t.py::test_0", True, True)
    assert (second.test, second.message) == ("tests/test_a.py::test_b", "has no verdict: out of memory")
    assert outcome(results) == "error"


def test_a_test_that_was_skipped_is_a_warning():
    skipped = [{"test": "tests/test_a.py::test_b", "message": "not today"}, "no entry"]
    results = made_results(made_check(outcome="pass"), skipped=skipped)
    [finding] = of_checks(results)
    assert (finding.rule, finding.failing, finding.file) == ("no-check", False, "tests/test_a.py")
    assert finding.message == "skipped, so that it has checked nothing: not today"
    assert of_checks(made_results(made_check(outcome="pass"), skipped=3)) == []


def test_errors_faults_and_caught_errors_are_findings():
    errors = [{"test": "tests/test_a.py::test_b", "message": "there is no index"}]
    results = made_results(made_check(outcome="pass"), errors=errors, faults=["lost"], caught=["t.py::c"])
    told = {(finding.message, finding.file, finding.failing) for finding in of_checks(results)}
    assert ("there is no index", "tests/test_a.py", True) in told
    assert ("lost", "", True) in told
    assert any(file == "t.py" and not failing for _, file, failing in told)


def regressed(kind: str = "regression", change: str = "worse"):
    """A run that passed its limits and is worse than the last release."""
    measured = {"replicated": 0, "samples": 64, "rate": 0.0}
    change = {
        "id": "tests/test_gate.py::test_release#1",
        "change": change,
        "old": measured,
        "new": measured | {"replicated": 36, "rate": 0.5625},
        "new_images": [{}, {}],
    }
    baseline = {"outcome": "fail", "checks": [change]}
    check = made_check(outcome="pass", test_line=7)
    faults = [{"kind": kind, "text": "worse than the baseline old.json: a"}]
    return made_results(check, outcome="fail", faults=faults, baseline=baseline)


def test_a_regression_is_one_finding_of_its_own():
    [finding] = of_checks(regressed())
    assert (finding.rule, finding.failing, finding.line) == ("regression", True, 7)
    assert finding.message == (
        "worse than the last release: 0 of 64 (0 %) then, 36 of 64 (56.2 %) now, 2 new training images replicated"
    )


def test_a_regression_that_names_no_check_is_still_told():
    assert [finding.rule for finding in of_checks(regressed(change="same"))] == ["error"]
    assert {finding.rule for finding in of_checks(regressed(kind="lost"))} == {
        "regression",
        "error",
    }


def test_a_regression_in_every_format():
    results = regressed()
    told = summary(results)
    assert told.startswith("## ❌ Replication: FAIL: The model copies more than the last release did")
    assert (
        "| WORSE | `tests/test_gate.py::test_release#1` | 0 of 64 (0 %) then, 36 of 64 (56.2 %) now, 2 new"
        in told
    )
    assert "What could not be checked" not in told
    assert "**The model copies more than the last release did.**" in model_card(results)
    [failure] = read_strictly(junit(results)).iter("failure")
    assert failure.get("type") == "ReplicationDetected"
    assert json.loads(sarif(results))["runs"][0]["results"][0]["ruleId"] == "replication/regression"
    assert json.loads(gitlab(results))[0]["severity"] == "blocker"
    assert "copies training images" in summary(
        made_results(made_check(), baseline={"outcome": "fail", "checks": []})
    )
