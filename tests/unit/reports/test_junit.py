from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from junit_rules import read_strictly
from made_results import HOSTILE, hostile_results, made_check, made_results

from pytest_replication.reports.junit import junit
from pytest_replication.reports.properties import properties


def told(root):
    """Tag and type of what each test case says."""
    return [next(((child.tag, child.get("type")) for child in case), None) for case in root.iter("testcase")]


@pytest.mark.parametrize(
    ("check", "expected"),
    [
        (made_check(outcome="pass"), None),
        (made_check(), ("failure", "ReplicationDetected")),
        (made_check(outcome="inconclusive"), ("error", "Inconclusive")),
        (made_check(outcome="error"), ("error", "ReplicationError")),
        (made_check(asserted=False), ("skipped", None)),
        (made_check(outcome="inconclusive", asserted=False), ("skipped", None)),
        (made_check(rerun=True), ("failure", "ReplicationDetected")),
    ],
)
def test_outcomes(check, expected):
    assert told(read_strictly(junit(made_results(check, outcome="pass")))) == [expected]


@pytest.mark.parametrize("outcome", ["fail", "error", "inconclusive", "none"])
def test_a_run_without_checks_is_never_green(outcome):
    root = read_strictly(junit(made_results(outcome=outcome)))
    assert len(told(root)) == 1
    assert None not in told(root)


def test_what_broke_the_run_is_an_error():
    errors = [{"test": "tests/test_a.py::test_b", "message": "there is no index"}]
    root = read_strictly(junit(made_results(made_check(outcome="pass"), errors=errors, faults=["lost"])))
    assert told(root) == [None, ("error", "ReplicationError"), ("error", "ReplicationError")]
    assert root[1].find("testcase").get("classname") == "tests.test_a"


def test_an_error_that_a_test_caught_is_told():
    root = read_strictly(junit(made_results(made_check(outcome="pass"), caught=["tests/test_a.py::test_b"])))
    assert told(root) == [None, ("skipped", None)]
    assert "caught an error" in root[1].find("testcase/skipped").get("message")


def test_a_false_discovery_rate_bounds_no_rate():
    held = properties(made_check(fdr=0.01))
    assert held["replication_fdr"] == "0.01"
    assert not held.keys() & {"replication_rate_lower", "replication_rate_upper", "replication_confidence"}


def test_a_suite_has_the_figures_of_its_check():
    suite = read_strictly(junit(made_results(made_check())))[0]
    held = {each.get("name"): each.get("value") for each in suite.iter("property")}
    assert held["replication_outcome"] == "fail"
    assert held["replication_threshold"] == "0.5"
    assert held["replication_index_fingerprint"] == "cd" * 32
    case = suite.find("testcase")
    assert (case.get("classname"), case.get("name")) == ("tests.test_gate", "test_release")


def test_checks_of_one_test_are_told_apart():
    checks = [made_check(1, check="a"), made_check(2, check="b"), made_check(3)]
    cases = [case.get("name") for case in read_strictly(junit(made_results(*checks))).iter("testcase")]
    assert cases == ["test_release [a]", "test_release [b]", "test_release"]


def test_hostile_text_is_text():
    root = read_strictly(junit(hostile_results()))
    assert len(root) == 5
    assert "<script>" in "".join(root.itertext())


@given(st.text(), st.text(max_size=30))
def test_any_text_is_valid(message, name):
    check = made_check(message=message, check=name, test=f"{name}::{name}", seconds=None)
    read_strictly(junit(made_results(check, errors=[{"test": name, "message": message}], started=name)))


def test_names_of_a_second_check():
    assert properties(made_check(), 2)["replication_2_samples"] == "256"
    assert all("\n" not in value for value in properties(made_check(check=HOSTILE)).values())
