"""Hooks: put each test into its surroundings, carry checks home, keep a red run red."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from pytest_replication._plugin.run import ROWS, RUN, TestSurroundings
from pytest_replication._plugin.settings import marked
from pytest_replication._plugin.table import header, summary
from pytest_replication.errors import ReplicationDetected, ReplicationError
from pytest_replication.surroundings import surrounded_by

_PACKAGE = str(Path(__file__).parents[1])


class Hooks:
    """The hooks of one session, in workers of pytest-xdist and in their controller.

    Checks ride home on test reports, as plain data: that works with and without pytest-xdist,
    and survives a worker that dies later.
    """

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._worker = hasattr(config, "workerinput")
        self._rows: list[dict[str, Any]] = []
        self._announced = 0
        self._internal_error = False
        self._faults: list[str] = []

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Let the checks of a test find the run."""
        with surrounded_by(TestSurroundings(self._config.stash[RUN], item)):
            return (yield)

    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Refuse a marker that cannot be understood, also where no check would read it."""
        marked(item)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Put checks on the report, and keep a broken gate apart from a model that copies."""
        error = call.excinfo.value if call.excinfo is not None else None
        if isinstance(error, (ReplicationError, ReplicationDetected)):
            self._show_the_message_alone(error)
        report = yield
        report.replication_rows = item.stash.get(ROWS, [])  # type: ignore[attr-defined]
        item.stash[ROWS] = []
        if isinstance(error, ReplicationError):
            report.replication_error = True  # type: ignore[attr-defined]
            if report.skipped:
                # xfail may say that the model is known to copy, never that the gate is broken.
                report.outcome = "failed"
                report.longrepr = f"{type(error).__name__}: {error}"
                vars(report).pop("wasxfail", None)
        return report

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(self, report: pytest.TestReport) -> tuple[str, str, str] | None:
        """Show an unusable gate as an error; a failure is only ever a model that copies."""
        if getattr(report, "replication_error", False) and report.failed:
            return "error", "E", "ERROR"
        return None

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Collect checks; in the controller this also sees the reports of all workers."""
        self._rows += getattr(report, "replication_rows", [])

    def pytest_internalerror(self) -> None:
        """Remember that pytest, or a worker, broke down."""
        self._internal_error = True

    def workers_announced(self, checks: int) -> None:
        """Take note of how many checks a worker made."""
        self._announced += checks

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Generator[None, object, object]:
        """Turn a run green by accident red: a breakdown, lost checks, no checks."""
        if self._worker:  # before pytest-xdist sends it home
            output: dict[str, Any] = self._config.workeroutput  # type: ignore[attr-defined]
            output["replication_checks"] = self._config.stash[RUN].recorded
            return (yield)
        result = yield
        if session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
            self._keep_honest(session)
        return result

    def pytest_report_header(self) -> str | None:
        """Say in one line what samples are checked against."""
        return header(self._config.stash[RUN].settings)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """List the checks of the run."""
        if self._rows or self._faults or self._config.stash[RUN].settings.value("index"):
            summary(terminalreporter, self._rows, self._faults)

    def _keep_honest(self, session: pytest.Session) -> None:
        if self._internal_error:
            self._faults.append("pytest or a worker broke down: the run is not to be trusted")
            session.exitstatus = pytest.ExitCode.INTERNAL_ERROR
        elif len(self._rows) < self._announced:
            self._faults.append(
                f"{self._announced} checks were made but only {len(self._rows)} arrived: some were lost"
            )
            session.exitstatus = pytest.ExitCode.INTERNAL_ERROR
        elif self._no_checks():
            self._faults.append("the run made no replication check, and --replication-require-checks is set")
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def _no_checks(self) -> bool:
        required = self._config.stash[RUN].settings.value("require-checks")
        return required and not self._rows and not self._config.option.collectonly

    def _show_the_message_alone(self, error: BaseException) -> None:
        """End the traceback in the user's code: the message says the rest (--full-trace keeps it)."""
        if self._config.getoption("fulltrace", False) or self._config.getoption("usepdb", False):
            return
        error.__cause__, error.__suppress_context__ = None, True
        user, traceback = None, error.__traceback__
        while traceback is not None:
            if traceback.tb_frame.f_code.co_filename.startswith(_PACKAGE):
                if user is not None:
                    user.tb_next = None
                return
            user, traceback = traceback, traceback.tb_next


class XdistHooks:
    """Hooks that exist only where pytest-xdist does."""

    def __init__(self, hooks: Hooks) -> None:
        self._hooks = hooks

    def pytest_testnodedown(self, node: Any) -> None:
        """Ask a worker that ends how many checks it made; one that crashed cannot tell."""
        output = getattr(node, "workeroutput", None) or {}
        self._hooks.workers_announced(int(output.get("replication_checks", 0)))
