"""What arrives of checks, from whatever process."""

from __future__ import annotations

import os
from typing import Any

import pytest

from pytest_replication._plugin.arrived import Arrived
from pytest_replication._plugin.integrity import hidden
from pytest_replication.faults import LOST


def report(*rows: dict[str, Any], process: int = 1, made: int = 0, worker: str = "") -> pytest.TestReport:
    """A report of a test that passed, with checks of a process that has made some in all."""
    ended = {"worker": worker, "process": process, "made": made}
    more = {"replication_rows": list(rows), "replication_ended": ended}
    return pytest.TestReport(
        "test_it.py::test_it", ("test_it.py", 0, "test_it"), {}, "passed", None, "call", **more
    )


def row(serial: int = 0, process: int = 1, test: str = "test_it", **more: Any) -> dict[str, Any]:
    """A check that passed."""
    number = {"worker": "", "process": process, "test": test, "attempt": 1, "serial": serial}
    return {"asserted": True, "outcome": "pass", **number, **more}


def test_checks_of_other_processes_and_tests_are_other_checks() -> None:
    arrived = Arrived()
    rows = [row(), row(process=2), row(test="test_other"), row(serial=1)]
    for each in rows:
        arrived.take(report(each))
        arrived.take(report(dict(each)))
    assert (arrived.rows, arrived.collided) == (rows, [])


def test_two_checks_are_never_taken_for_one() -> None:
    arrived = Arrived()
    arrived.take(report(row()))
    arrived.take(report(row(outcome="fail")))
    assert len(arrived.collided) == 1


@pytest.mark.parametrize("own", [True, False])
@pytest.mark.parametrize("worker", ["", "gw0"])
def test_checks_that_a_process_made_and_that_are_missing_are_lost(own: bool, worker: str) -> None:
    process = os.getpid() if own else 1  # not as a parameter: each worker of xdist would collect its own
    arrived = Arrived()
    arrived.take(report(row(process=process), process=process, made=1, worker=worker))
    arrived.take(report(row(process=3), process=3, made=1))
    assert hidden(arrived, 0) == ("", "")
    arrived.take(report(process=process, made=2, worker=worker))
    assert hidden(arrived, 0) == (LOST, "3 checks were made but only 2 arrived: some were lost")


def test_a_check_that_this_process_made_last_is_missed() -> None:
    arrived = Arrived()
    arrived.take(report(row(process=os.getpid()), process=os.getpid(), made=1))
    assert hidden(arrived, 1) == ("", "")
    assert hidden(arrived, 2)[0] == LOST
