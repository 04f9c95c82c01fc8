from __future__ import annotations

import re

from made_results import hostile_results, made_check, made_results

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


def test_failed_tests_may_be_left_to_others():
    results = made_results(made_check(), faults=["checks were lost"])
    [line] = workflow_commands(results, failed_tests=False)
    assert line.endswith("::checks were lost")


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
