from __future__ import annotations

import pytest
from made_results import made_check, made_results

from pytest_replication.reports.outcome import outcome


@pytest.mark.parametrize(
    ("results", "expected"),
    [
        (made_results(made_check(outcome="fail"), outcome="pass"), "fail"),
        (made_results(made_check(outcome="inconclusive"), outcome="pass"), "inconclusive"),
        (made_results(made_check(outcome="pass"), faults=["checks were lost"]), "error"),
        (made_results(made_check(outcome="pass"), errors=[{"test": "t.py::a", "message": "m"}]), "error"),
        (made_results(made_check(outcome="fail"), faults=["x"], outcome="error"), "fail"),
        (made_results(made_check(outcome="fail", rerun=True), made_check(2, "pass"), outcome="pass"), "fail"),
        (
            made_results(made_check(outcome="fail", asserted=False), made_check(2, "pass"), outcome="pass"),
            "pass",
        ),
        (made_results(outcome="pass"), "none"),
        (made_results(), "none"),
    ],
)
def test_the_outcome_is_never_better_than_what_the_checks_say(results, expected):
    assert outcome(results) == expected
