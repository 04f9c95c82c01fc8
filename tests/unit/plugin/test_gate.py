from __future__ import annotations

from pytest_replication._plugin.gate import TESTS
from pytest_replication._plugin.settings.values import READY_TESTS


def test_the_ready_tests_are_those_that_can_be_asked_for() -> None:
    assert tuple(TESTS) == READY_TESTS
