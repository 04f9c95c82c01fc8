from __future__ import annotations

import re

import pytest
from made_results import hostile_results, made_check, made_pair, made_results

from pytest_replication.reports.annotations import workflow_commands

COMMAND = re.compile(r"::(error|warning) ((?:[a-z]+=[^:,\r\n]*)(?:,[a-z]+=[^:,\r\n]*)*)::([^\r\n]*)")


def test_a_failed_check_is_an_error_at_its_test():
    check = made_check(test_file="tests/test_gate.py", test_line=12)
    assert workflow_commands(made_results(check)) == [
        "::error file=tests/test_gate.py,line=12,title=The model copies training images::"
        "tests/test_gate.py::test_release: 3 of 256 samples replicate training images; the worst: sample-0 "
        "(seed 0) -> train/0.png (score 0.981)"
    ]


def test_a_pass_without_warnings_says_nothing():
    assert workflow_commands(made_results(made_check(outcome="pass"))) == []


def test_no_more_than_github_shows():
    checks = [made_check(k, test=f"t.py::test_{k}") for k in range(30)]
    measured = [made_check(k, test=f"m.py::test_{k}", asserted=False) for k in range(40)]
    told = workflow_commands(made_results(*checks, *measured))
    errors = [line for line in told if line.startswith("::error")]
    warnings = [line for line in told if line.startswith("::warning")]
    assert (len(errors), len(warnings)) == (10, 10)
    assert "and 21 more" in errors[-1]
    assert "and 31 more" in warnings[-1]


def test_tests_that_pytest_reports_as_failed_may_be_left_to_others():
    errors = [{"test": "t.py::broke", "message": "no index", "test_failed": True}]
    results = made_results(made_check(test_failed=True), faults=["checks were lost"], errors=errors)
    [line] = workflow_commands(results, failed_tests=False)
    assert line.endswith("::checks were lost")


@pytest.mark.parametrize(
    "check",
    [
        made_check(test_failed=False),
        made_check(),
        made_check(test_failed=True, rerun=True),
        made_check(outcome="inconclusive"),
    ],
    ids=["expected to fail", "unknown", "run again", "an error"],
)
def test_what_no_failed_test_tells_is_annotated_all_the_same(check):
    assert workflow_commands(made_results(check), failed_tests=False)[0].startswith("::error file=tests/")


def test_a_regression_is_annotated_though_its_test_passed_or_failed():
    measured = {"replicated": 0, "samples": 64, "rate": 0.0}
    change = {"id": "tests/test_gate.py::test_release#1", "change": "worse", "old": measured, "new": measured}
    baseline = {"outcome": "fail", "checks": [change]}
    results = made_results(made_check(outcome="pass"), outcome="fail", baseline=baseline)
    [line] = workflow_commands(results, failed_tests=False)
    assert "worse than the last release" in line


def test_the_worst_check_is_among_the_ten():
    mild = [made_check(test=f"t.py::test_{k}", pairs=[made_pair(score=0.6)]) for k in range(12)]
    worst = made_check(test="t.py::test_z", pairs=[made_pair(score=1.0)])
    assert "t.py::test_z" in workflow_commands(made_results(*mild, worst))[0]


def test_ten_are_all_shown():
    told = workflow_commands(made_results(*(made_check(k, test=f"t.py::test_{k}") for k in range(10))))
    assert len(told) == 10
    assert not any("more:" in line for line in told)


def test_hostile_text_makes_no_command():
    told = workflow_commands(hostile_results())
    assert len(told) >= 4
    for line in told:
        assert COMMAND.fullmatch(line), line
        assert "%0A" not in line.replace("%250A", "")


def test_a_file_outside_the_repository_is_not_named():
    told = workflow_commands(made_results(made_check()), place=lambda file: "")
    assert told[0].startswith("::error title=")


def test_the_weak_points_are_warnings():
    check = made_check(outcome="pass")
    check["index"] |= {"unproved": True}
    assert workflow_commands(made_results(check))[0].startswith(
        "::warning title=Replication::vectors of the index"
    )
