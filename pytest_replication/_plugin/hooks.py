"""Hooks: put each test into its surroundings, carry checks home, keep a red run red.

They are there in every suite that has the plugin installed. So they hold what has to be seen as it happens,
and load the rest once it is known that the run is about checks.
"""

from __future__ import annotations

import os
from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import pytest

from pytest_replication._plugin.arrived import Arrived
from pytest_replication._plugin.ended import ATTEMPTS, ended, is_a, note_exit
from pytest_replication._plugin.running import Running
from pytest_replication._plugin.unrun import Unrun
from pytest_replication.context import RUN

if TYPE_CHECKING:
    from pluggy import Result

    from pytest_replication._plugin.gate import Gate
    from pytest_replication._plugin.run_end import RunEnd


class Hooks:
    """The hooks of one session, in workers of pytest-xdist and in their controller.

    Checks ride home on test reports, as plain data: that works with and without pytest-xdist,
    and survives a worker that dies later.
    """

    def __init__(self, config: pytest.Config, running: Running) -> None:
        self._config, self._running = config, running
        self._worker = hasattr(config, "workerinput")
        self._arrived = Arrived()
        self._gate: Gate | None = None
        if running.settings.value("gate"):
            from pytest_replication._plugin.gate import Gate

            self._gate = Gate(running.settings)
            config.pluginmanager.register(self._gate, "replication-gate")
        self._unrun = Unrun(config)
        config.pluginmanager.register(self._unrun, "replication-unrun")
        self._outcome: RunEnd | None = None

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Find out before anything is measured whether the run can end as its settings want it."""
        if not self._worker and self._running.settings.any_given():
            self._outcome = self._of_run()
            self._outcome.begin(session)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Let the checks of a test find the run, and the run the test."""
        self._running.item = item
        token = RUN.set(self._running.run)
        try:
            return (yield)
        finally:
            RUN.reset(token)
            self._running.item = None

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Refuse a marker that cannot be understood, also where no check would read it."""
        item.stash[ATTEMPTS] = item.stash.get(ATTEMPTS, 0) + 1
        if self._running.made is not None:
            from pytest_replication._plugin.ci import forget_properties

            forget_properties(item)
        if item.get_closest_marker("replication") is not None:
            from pytest_replication._plugin.settings.marker import marked

            marked(item)

    @pytest.hookimpl(hookwrapper=True, trylast=True)  # of the old style, which leaves no frame in tracebacks
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> Generator[None, Result[object], None]:
        """Remember that a failure left a test, whatever plugins around it make of that."""
        outcome = yield
        note_exit(pyfuncitem, outcome.exception)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Put checks on the report, and keep a broken gate apart from a model that copies."""
        error = call.excinfo.value if call.excinfo is not None else None
        ours = error is not None and _is_ours(error) and not self._shows_all()
        if error is not None and ours:
            from pytest_replication._plugin.shown import end_in_user_code

            end_in_user_code(error)
        began = item.stash.get(ATTEMPTS, 1)
        report = yield
        error = _named(call.excinfo.value) if call.excinfo is not None else None
        broken, rows = self._running.take_from(item)
        report.replication_rows = rows  # type: ignore[attr-defined]
        told = ended(item, error, began) | {"process": os.getpid(), "made": self._running.recorded}
        report.replication_ended = told  # type: ignore[attr-defined]
        # The error may have been wrapped, grouped or replaced since: the run remembers that it was raised.
        if error is not None and (broken or _is_ours(error)):
            from pytest_replication._plugin.shown import show

            show(report, error, broken=broken, alone=ours)
        report.replication_caught = broken and error is None  # type: ignore[attr-defined]
        return report

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(self, report: pytest.TestReport) -> tuple[str, str, str] | None:
        """Show an unusable gate as an error; a failure is only ever a model that copies."""
        if getattr(report, "replication_error", False) and report.failed:
            return "error", "E", "ERROR"
        return None

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Collect checks; in the controller this also sees the reports of all workers."""
        self._arrived.take(report)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Collect what could not be collected."""
        self._arrived.take_collected(report)

    def pytest_internalerror(self) -> None:
        """Remember that pytest, or a worker, broke down."""
        self._arrived.internal_error = True

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: object) -> None:
        """Hear from a worker of pytest-xdist that ends."""
        self._arrived.take_worker(node, error)

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Generator[None, object, object]:
        """Turn a run green by accident red: a breakdown, lost checks, no checks."""
        if self._worker:  # before pytest-xdist sends it home
            output: dict[str, Any] = self._config.workeroutput  # type: ignore[attr-defined]
            output["replication_checks"] = self._running.recorded
            output["replication_process"] = os.getpid()
            return (yield)
        result = yield
        if self._outcome is None and (self._arrived.of_checks() or self._running.made is not None):
            self._outcome = self._of_run()
        if self._outcome is not None:
            self._outcome.end(session)
        return result

    def pytest_report_header(self) -> str | None:
        """Say in one line what samples are checked against."""
        told = self._running.settings.told()
        if not told:
            return None
        from pytest_replication.escape import one_line

        return one_line(f"replication: {told}")

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """List the checks of the run."""
        if self._outcome is not None:
            self._outcome.show(terminalreporter)

    def _of_run(self) -> RunEnd:
        from pytest_replication._plugin.run_end import RunEnd

        return RunEnd(self._config, self._running, self._arrived, self._unrun, self._gate)

    def _shows_all(self) -> bool:
        return any(self._config.getoption(name, False) for name in ("fulltrace", "usepdb"))


def _named(error: BaseException) -> BaseException:
    """An error, as one of ours where this package could not import something."""
    if not isinstance(error, ImportError):
        return error
    traceback = error.__traceback__
    while traceback is not None:
        module: str = traceback.tb_frame.f_globals.get("__name__", "")
        if module.partition(".")[0] == "pytest_replication":
            from pytest_replication.errors import unloadable

            return unloadable(module, error)
        traceback = traceback.tb_next
    return error


def _is_ours(error: BaseException) -> bool:
    """Whether this is an error or a failure of ours."""
    return is_a(error, "ReplicationError", "ReplicationDetected")
