from __future__ import annotations

import pytest
from made_results import made_check, made_results

from pytest_replication.results.sound import require_sound
from pytest_replication.results.status import held_against


@pytest.mark.parametrize(
    ("outcome", "told", "status", "expected"),
    [
        ("pass", 0, 0, "pass"),
        ("pass", 0, 1, "error"),
        ("pass", 0, 4, "error"),
        ("pass", 1, 1, "error"),
        ("pass", 1, 0, "error"),
        ("pass", None, 0, "error"),
        ("fail", 1, 1, "fail"),
        ("fail", 1, 3, "fail"),
        ("error", 3, 3, "error"),
    ],
)
def test_results_of_another_status_are_no_pass(outcome, told, status, expected):
    run = {} if told is None else {"exit_status": told}
    results = made_results(
        made_check(outcome="fail" if outcome == "fail" else "pass"), outcome=outcome, **run
    )
    found = held_against(results, status)
    require_sound(found.data)
    assert found.outcome == expected
    agree = told == status and not (status and outcome == "pass")
    assert [each["kind"] for each in found.run["faults"]] == ([] if agree else ["status"])
    assert results.run["faults"] == []
