"""``--replication-gate``: ready tests for a repository that has none of its own.

The tests are functions of this module, collected under one node of their own. They ask for fixtures as any
test does, so that fixtures of a ``conftest.py`` in the root folder (prompts, samples) count for them, too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import pytest

from pytest_replication._plugin.running import RUNNING
from pytest_replication.errors import SettingsError

if TYPE_CHECKING:
    from pytest_replication._plugin.settings.resolved import Settings

GATE = "replication gate"
"""Node under which the tests are collected: their ids are ``replication gate::NAME``."""


def no_replication(request: pytest.FixtureRequest) -> None:
    """No sample replicates a training image; with a max rate, as `assert_no_replication` takes it."""
    from pytest_replication.assertions import assert_no_replication

    assert_no_replication(_samples(request))


def rate(request: pytest.FixtureRequest) -> None:
    """The samples prove that the rate is below the max rate of the run."""
    from pytest_replication.assertions import assert_replication_rate_below

    limit = request.getfixturevalue("replication_settings").value("max-rate")
    if not limit:
        raise SettingsError(
            "the gate rate proves a rate, and none is claimed: give --replication-max-rate=SHARE above 0, or "
            "the ini key replication_max_rate"
        )
    assert_replication_rate_below(_samples(request), limit)


def control() -> None:
    """The index has planted copies, and all that a check takes of them are found. Needs no model."""
    from pytest_replication.control_check import check_control

    check_control()


TESTS: dict[str, Callable[..., None]] = {test.__name__: test for test in (no_replication, rate, control)}
"""The ready tests by name: those that `READY_TESTS` lists."""
_WITHOUT_ROW = frozenset({"control"})
"""Those that make no check of samples."""


class GateModule(pytest.Module):
    """The node of the ready tests, which stands in no file."""

    def _getobj(self) -> Any:
        import sys

        return sys.modules[__name__]

    def collect(self) -> Iterable[pytest.Item | pytest.Collector]:
        """Make the tests that the run wants."""
        for name in self.config.stash[RUNNING].settings.value("gate"):
            yield GateTest.from_parent(self, name=name, callobj=TESTS[name])


class GateTest(pytest.Function):
    """A ready test.

    Attributes:
        replication_ready: says that it is one where this module is not loaded.
    """

    replication_ready = True

    def reportinfo(self) -> tuple[str, int, str]:
        """Name it as its id does; a line is what pytest wants to show where it was skipped."""
        return GATE, 0, f"{GATE}::{self.name}"


class Gate:
    """Collects the ready tests of a run, and finds out afterwards which of them checked something."""

    def __init__(self, settings: Settings) -> None:
        self._names: tuple[str, ...] = settings.value("gate")
        self._strict = settings["gate"].source == "command line" or settings.value("require-checks")
        self._seen: set[str] = set()
        self._passed: set[str] = set()

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, session: pytest.Session, items: list[pytest.Item]) -> None:
        """Put the ready tests behind all others, in time for options that deselect some."""
        # The place says which conftest.py holds: that of the root folder.
        module = GateModule.from_parent(session, path=session.config.rootpath, name=GATE, nodeid=GATE)
        ready = list(module.collect())
        items += [item for item in ready if isinstance(item, pytest.Item)]
        # Whoever counts what is collected, as the terminal does, counts reports.
        report = pytest.CollectReport(GATE, "passed", None, ready)
        session.config.hook.pytest_collectreport(report=report)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take note of which were run; in the controller this also sees the reports of all workers."""
        self._seen.add(report.nodeid)
        if report.when == "call" and report.passed:
            self._passed.add(report.nodeid)

    def left_out(self) -> tuple[str, ...]:
        """Ids of the tests that were wanted and never run: options such as -k left them out."""
        return tuple(each for each in self._ids() if each not in self._seen)

    def faults(self, rows: Sequence[dict[str, Any]]) -> list[str]:
        """Why a run is not green, though none of its tests failed.

        Args:
            rows: checks of the run.
        """
        asserted = {row["test"] for row in rows if row["asserted"]}
        not_passed = {row["test"] for row in rows if row["asserted"] and row["outcome"] != "pass"}
        left_out = self.left_out()
        found = []
        for each in self._ids():
            name = each.removeprefix(f"{GATE}::")
            done = each in (self._passed if name in _WITHOUT_ROW else asserted)
            if each in left_out:
                if self._strict:
                    found.append(f"{left_out_of_run(each)}: run it, or leave out --replication-gate")
            elif each in not_passed:
                found.append(
                    f"{each} did not pass, and something such as xfail keeps pytest from failing it: a ready "
                    "test takes no such mark"
                )
            elif not done:
                found.append(
                    f"{each} was skipped, or checked nothing: a gate that is asked for has to be run"
                )
        return found

    def _ids(self) -> tuple[str, ...]:
        return tuple(f"{GATE}::{name}" for name in self._names)


def left_out_of_run(test: str) -> str:
    """What is said of a ready test that was deselected."""
    return f"{test} was left out of this run (by -k, -m, --deselect or the like), and checked nothing"


def _samples(request: pytest.FixtureRequest) -> object:
    """The samples of the run, once it is known that they could be judged: they may take hours."""
    from pytest_replication.asked import Asked
    from pytest_replication.check import require_rule

    require_rule(Asked())
    return request.getfixturevalue("replication_samples")
