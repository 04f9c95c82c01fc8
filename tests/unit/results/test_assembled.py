"""Checks of a run put together, whatever ran them."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_replication.results.assembled import assemble

RUN: dict[str, Any] = {"faults": [], "errors": []}


def a(test: str, outcome: str = "pass", **more: Any) -> dict[str, Any]:
    return {"test": test, "kind": "set", "check": "", "asserted": True, "outcome": outcome} | more


def ids(*rows: dict[str, Any]) -> list[tuple[str, bool]]:
    return [(check["id"], check["rerun"]) for check in assemble(rows, RUN)["checks"]]


def test_checks_stand_in_the_order_of_their_tests_however_they_arrive() -> None:
    found = assemble([a("b", check="1"), a("a"), a("b", check="2", worker="")], RUN)["checks"]
    assert [(c["id"], c["check"]) for c in found] == [("a#1", ""), ("b#1", "1"), ("b#2", "2")]
    assert found[0].keys() >= {"message", "seconds"}
    assert "worker" not in found[2]


def test_the_last_run_of_a_test_counts_and_the_others_are_marked() -> None:
    rows = [a("t", attempt=1), a("t", attempt=1), a("t", attempt=3), a("t", attempt=2), a("u", attempt=1)]
    assert ids(*rows) == [
        ("t#rerun1", True),
        ("t#rerun2", True),
        ("t#rerun3", True),
        ("t#1", False),
        ("u#1", False),
    ]


def test_a_test_that_several_workers_run_counts_in_each() -> None:
    rows = [a("t", worker="gw1", attempt=2), a("t", worker="gw0", attempt=1), a("t", worker="gw1", attempt=1)]
    assert ids(*rows) == [("t#1", False), ("t#rerun1", True), ("t#2", False)]


@pytest.mark.parametrize(
    ("rows", "run", "outcome"),
    [
        ([], {}, "none"),
        ([], {"errors": [{}]}, "error"),
        ([a("t")], {}, "pass"),
        ([a("t")], {"faults": ["lost"]}, "error"),
        ([a("t"), a("u", "inconclusive")], {}, "inconclusive"),
        ([a("t", "inconclusive")], {"errors": [{}]}, "error"),
        ([a("t", "fail"), a("u", "inconclusive")], {"errors": [{}]}, "fail"),
        ([a("t"), a("u", "fail", asserted=False)], {}, "pass"),
        ([a("u", "fail", asserted=False)], {}, "fail"),
        ([a("t", "fail", attempt=1), a("t", attempt=2)], {}, "fail"),
        ([a("t")], {"exit_status": 0}, "pass"),
        ([a("t")], {"exit_status": 1}, "error"),
        ([a("t", "fail")], {"exit_status": 1}, "fail"),
        ([a("t", "inconclusive")], {"exit_status": 1}, "inconclusive"),
        ([], {"exit_status": 5}, "none"),
    ],
)
def test_the_outcome_is_the_worst_of_what_fails_tests(
    rows: list[dict[str, Any]], run: dict[str, Any], outcome: str
) -> None:
    assert assemble(rows, RUN | run)["outcome"] == outcome


def test_what_was_only_measured_has_an_outcome_of_its_own() -> None:
    rows = [a("t"), a("u", "fail", asserted=False), a("v", asserted=False)]
    found = assemble(rows, RUN)
    assert (found["outcome"], found["measured"]) == ("pass", "fail")
    assert assemble([a("t", "fail")], RUN)["measured"] == "none"
