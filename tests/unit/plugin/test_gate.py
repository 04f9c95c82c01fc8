from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pytest_replication._plugin import gate
from pytest_replication._plugin.gate import GATE, TESTS, Gate
from pytest_replication._plugin.settings.resolved import Settings
from pytest_replication._plugin.settings.values import READY_TESTS


def test_the_ready_tests_are_those_that_can_be_asked_for() -> None:
    assert tuple(TESTS) == READY_TESTS


@pytest.mark.parametrize("without", [{"control"}, {"control", "rate"}])
def test_a_ready_test_without_checks_has_to_pass_and_others_to_check(
    monkeypatch: pytest.MonkeyPatch, without: set[str]
) -> None:
    monkeypatch.setattr(gate, "_WITHOUT_ROW", without)
    given = {"replication_gate": READY_TESTS}
    config: Any = SimpleNamespace(
        getoption=lambda name, default=None: given.get(name, default),
        getini={}.get,
        invocation_params=SimpleNamespace(dir=Path()),
    )
    ready = Gate(Settings(config))
    for name in READY_TESTS:
        place = (GATE, None, name)
        ready.pytest_runtest_logreport(
            pytest.TestReport(f"{GATE}::{name}", place, {}, "passed", None, "call")
        )
    told = [said.partition(" was skipped")[0] for said in ready.faults([])]
    assert told == [f"{GATE}::{name}" for name in READY_TESTS if name not in without]
