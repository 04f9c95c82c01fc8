"""Hooks: put each test into its surroundings, carry checks home, keep a red run red."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_replication._plugin.baselines import Baseline
from pytest_replication._plugin.ci import annotations_of, forget_properties, tells, write_summary
from pytest_replication._plugin.ended import Ended, ended, note_exit
from pytest_replication._plugin.gate import Gate
from pytest_replication._plugin.reporting import Report
from pytest_replication._plugin.run import ATTEMPTS, Run
from pytest_replication._plugin.settings.marker import marked
from pytest_replication._plugin.unrun import Unrun
from pytest_replication.errors import Inconclusive, ReplicationDetected, ReplicationError
from pytest_replication.faults import (
    BASELINE,
    BROKE_DOWN,
    GATE,
    LOST,
    NO_CHECK,
    REGRESSION,
    RERUN,
    STOPPED,
    TURNED,
    UNWRITTEN,
    WORKER,
    fault,
    fault_text,
)
from pytest_replication.surroundings import surrounded_by

if TYPE_CHECKING:
    from pluggy import Result

_OURS = (ReplicationError, ReplicationDetected)
_PACKAGE = str(Path(__file__).parents[1])


class Hooks:
    """The hooks of one session, in workers of pytest-xdist and in their controller.

    Checks ride home on test reports, as plain data: that works with and without pytest-xdist,
    and survives a worker that dies later.
    """

    def __init__(self, config: pytest.Config, run: Run) -> None:
        self._config, self._run = config, run
        self._worker = hasattr(config, "workerinput")
        self._rows: list[dict[str, Any]] = []
        self._made_by_workers = 0
        self._internal_error = False
        self._faults: list[dict[str, str]] = []
        self._caught: list[str] = []
        self._ended = Ended()
        self._arrived: set[tuple[str, int]] = set()
        self._gate = Gate(run.settings)
        if run.settings.value("gate"):
            config.pluginmanager.register(self._gate, "replication-gate")
        self._unrun = Unrun(config)
        config.pluginmanager.register(self._unrun, "replication-unrun")
        self._report = Report(config, run.settings)
        self._baseline = Baseline(run.settings, self._only_looking())
        self._told: list[str] = []

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Find out before anything is measured whether the baseline can be read and a report be written."""
        if self._worker:
            return
        begun = False
        try:
            self._baseline.require_outside_of_the_report()
            self._report.begin()
            begun = True
            self._baseline.begin()
        except pytest.UsageError as error:
            session.exitstatus = pytest.ExitCode.USAGE_ERROR
            self._faults.append(fault(BASELINE if begun else UNWRITTEN, str(error)))
            if begun:
                self._report.write(session, (), self._faults, [])
            self._tell_ci(session)
            for line in self._told:
                print(line)
            raise

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Let the checks of a test find the run, and the run the test."""
        self._run.item = item
        try:
            with surrounded_by(self._run):
                return (yield)
        finally:
            self._run.item = None

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Refuse a marker that cannot be understood, also where no check would read it."""
        item.stash[ATTEMPTS] = item.stash.get(ATTEMPTS, 0) + 1
        forget_properties(item)
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
        if call.excinfo is not None and isinstance(call.excinfo.value, _OURS):
            self._show_the_message_alone(call.excinfo.value)
        began = item.stash.get(ATTEMPTS, 1)
        report = yield
        error = call.excinfo.value if call.excinfo is not None else None
        report.replication_rows = self._run.carry_away(item)  # type: ignore[attr-defined]
        report.replication_ended = ended(item, error, began, item.stash.get(ATTEMPTS, 1))  # type: ignore[attr-defined]
        # The error may have been wrapped, grouped or replaced since: the run remembers that it was raised.
        if isinstance(error, _OURS) and not self._shows_all() and not self._shows_user_code(error):
            report.longrepr = f"{type(error).__name__}: {error}"
        broken, self._run.broken = self._run.broken or isinstance(error, ReplicationError), False
        if broken and error is not None and not isinstance(error, ReplicationDetected):
            self._show_as_error(report, error)
        report.replication_caught = broken and error is None  # type: ignore[attr-defined]
        if broken and error is not None and not isinstance(error, (ReplicationDetected, Inconclusive)):
            own = isinstance(error, ReplicationError)
            report.replication_broke = str(error) if own else f"{type(error).__name__}: {error}"  # type: ignore[attr-defined]
        return report

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(self, report: pytest.TestReport) -> tuple[str, str, str] | None:
        """Show an unusable gate as an error; a failure is only ever a model that copies."""
        if getattr(report, "replication_error", False) and report.failed:
            return "error", "E", "ERROR"
        return None

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Collect checks; in the controller this also sees the reports of all workers."""
        for row in getattr(report, "replication_rows", []):
            number = (row["worker"], row["serial"])
            if number not in self._arrived:  # plugins may send a report twice
                self._arrived.add(number)
                self._rows.append(row)
        self._caught += [report.nodeid] if getattr(report, "replication_caught", False) else []
        self._ended.see(report)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Collect what could not be collected."""
        self._ended.see_collected(report)

    def pytest_internalerror(self) -> None:
        """Remember that pytest, or a worker, broke down."""
        self._internal_error = True

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: object) -> None:
        """Ask a worker of pytest-xdist that ends how many checks it made; a crashed one cannot tell."""
        output = getattr(node, "workeroutput", None) or {}
        self._made_by_workers += int(output.get("replication_checks", 0))
        if error:
            name = getattr(getattr(node, "gateway", None), "id", "of pytest-xdist")
            said = f"the worker {name} died: checks that it was making are missing"
            self._report.missing.append(fault(WORKER, said))

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Generator[None, object, object]:
        """Turn a run green by accident red: a breakdown, lost checks, no checks."""
        if self._worker:  # before pytest-xdist sends it home
            output: dict[str, Any] = self._config.workeroutput  # type: ignore[attr-defined]
            output["replication_checks"] = self._run.recorded
            return (yield)
        result = yield
        if why := self._unrun.why(session):
            self._stopped(session, why)
        if session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
            self._keep_honest(session)
            self._report.explained = bool(self._faults)
        self._report.take(self._ended, self._rows)
        if self._baseline.wanted:
            results = self._report.results(session, self._rows, self._faults, self._caught)
            self._fail(session, BASELINE, self._baseline.hold_against(session, results))
            self._tell_of_baseline(session)
        self._fail(session, UNWRITTEN, self._report.write(session, self._rows, self._wrong(), self._caught))
        self._fail(session, BASELINE, self._baseline.update(session))
        self._tell_ci(session)
        return result

    def _stopped(self, session: pytest.Session, why: str) -> None:
        """Let a run that did not come to its end be red, if it was to check something."""
        if self._rows or self._used() or self._run.settings.value("require-checks"):
            self._fail(session, STOPPED, why)

    def _wrong(self) -> list[dict[str, str]]:
        """What makes the run as a whole red."""
        worse = self._baseline.regression
        return [*self._faults, *([fault(REGRESSION, worse)] if worse else [])]

    def _fail(self, session: pytest.Session, kind: str, said: str) -> None:
        """Let what could not be done make a green run red."""
        if said:
            self._faults.append(fault(kind, said))
            if session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
                session.exitstatus = pytest.ExitCode.INTERNAL_ERROR
                self._report.explained = True

    def _tell_of_baseline(self, session: pytest.Session) -> None:
        """Let a regression make a green run red, and the report tell what was compared."""
        if self._baseline.comparison is not None:
            from pytest_replication.baseline.data import comparison_data

            outcome = "fail" if self._baseline.regression else "pass"  # who updates takes what there is
            self._report.more["baseline"] = comparison_data(self._baseline.comparison) | {"outcome": outcome}
        if self._baseline.regression and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_report_header(self) -> str | None:
        """Say in one line what samples are checked against."""
        told = self._run.settings.told()
        if not told:
            return None
        from pytest_replication.escape import one_line

        return one_line(f"replication: {told}")

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """List the checks of the run."""
        if self._rows or self._faults or self._caught or self._used():
            from pytest_replication._plugin.table import summary

            left_out = () if self._only_looking() else self._gate.left_out()
            said = [fault_text(each) for each in self._faults]
            tried = self._run.settings.value("gate") or self._report.errors or self._report.skipped
            summary(terminalreporter, self._rows, said, self._caught, left_out, tried=bool(tried))
        if self._report.skipped and not self._worker:
            from pytest_replication._plugin.table import show_skipped

            show_skipped(terminalreporter, self._report.skipped)
        self._baseline.show(terminalreporter)
        if self._report.written:
            from pytest_replication.escape import one_line

            terminalreporter.write_line(one_line(f"report: {self._report.written}"))
        for line in self._told:
            terminalreporter.write_line(line)

    def _tell_ci(self, session: pytest.Session) -> None:
        """Write GitHub's step summary, and keep its annotations for the terminal; no verdict hangs on it."""
        settings = self._run.settings
        broken = self._report.missing or any(self._ended.concerns(self._rows))
        told = self._rows or self._wrong() or self._caught or broken or self._used()
        if not tells(settings) or not told:
            return
        try:
            results = self._report.results(session, self._rows, self._wrong(), self._caught)
            said = write_summary(settings, results)
            self._told = annotations_of(settings, self._config, results)
        except Exception as error:
            said = f"GitHub cannot be told of the run ({type(error).__name__}: {error})"
        from pytest_replication.escape import one_line

        self._told += [one_line(f"replication: {said}")] if said else []

    def _used(self) -> bool:
        """Whether this run was to check something."""
        asked = self._run.settings.value("index") or self._run.settings.value("gate")
        return bool(asked) and not self._only_looking()

    def _keep_honest(self, session: pytest.Session) -> None:
        kind, said = self._dishonest()
        self._faults += [fault(kind, each) for each in said]
        if said:
            broke = kind in (BROKE_DOWN, LOST)
            session.exitstatus = pytest.ExitCode.INTERNAL_ERROR if broke else pytest.ExitCode.TESTS_FAILED

    def _dishonest(self) -> tuple[str, list[str]]:
        """What a green run hides, the gravest alone: its kind, and in words; none where it hides nothing."""
        made = self._run.recorded + self._made_by_workers
        if self._internal_error:
            return BROKE_DOWN, ["pytest or a worker broke down: the run is not to be trusted"]
        if len(self._rows) < made:
            said = f"{made} checks were made but only {len(self._rows)} arrived: some were lost"
            return LOST, [said]
        if again := self._ended.rerun(self._rows):
            said = (
                f"a check did not pass and {again} was run again until it did: what was found in "
                "its samples is real, so that another run takes nothing back"
            )
            return RERUN, [said]
        if turned := self._ended.turned(self._rows):
            said = (
                f"{turned} failed of a check, or of an error of one, and is reported as if it had not: look "
                "for a plugin or a conftest.py that changes reports"
            )
            return TURNED, [said]
        if self._no_checks():
            return NO_CHECK, [f"{self._none_asserted()}, and --replication-require-checks is set"]
        return GATE, [] if self._only_looking() else self._gate.faults(self._rows)

    def _none_asserted(self) -> str:
        if not any(row["asserted"] for row in self._rows):
            return "no replication check was asserted"
        index = self._run.settings.value("index") or "of a training set"
        return f"no check that was asserted compares samples with the index {index}"

    def _no_checks(self) -> bool:
        required = self._run.settings.value("require-checks")
        made = any(row["asserted"] and row["of_index"] for row in self._rows)
        return required and not made and not self._only_looking()

    def _only_looking(self) -> bool:
        options = self._config.option
        return any(getattr(options, name, False) for name in ("collectonly", "setupplan", "setuponly"))

    def _shows_all(self) -> bool:
        return any(self._config.getoption(name, False) for name in ("fulltrace", "usepdb"))

    def _shows_user_code(self, error: BaseException) -> bool:
        """Whether the traceback has a line outside of pytest and of this package."""
        traceback = error.__traceback__
        while traceback is not None:
            name = traceback.tb_frame.f_globals.get("__name__", "")
            if name.partition(".")[0] not in ("_pytest", "pluggy", "pytest_replication", "xdist"):
                return True
            traceback = traceback.tb_next
        return False

    def _show_as_error(self, report: pytest.TestReport, error: BaseException) -> None:
        report.replication_error = True  # type: ignore[attr-defined]
        if report.skipped and not isinstance(error, pytest.skip.Exception):
            # xfail may say that the model is known to copy, never that the gate is broken.
            report.outcome = "failed"
            report.longrepr = f"{type(error).__name__}: {error}"
            vars(report).pop("wasxfail", None)

    def _show_the_message_alone(self, error: BaseException) -> None:
        """End the traceback in the user's code: the message says the rest (--full-trace keeps it)."""
        if self._shows_all():
            return
        error.__cause__, error.__suppress_context__ = None, True
        user, traceback = None, error.__traceback__
        while traceback is not None:
            if traceback.tb_frame.f_code.co_filename.startswith(_PACKAGE):
                if user is not None:
                    user.tb_next = None
                return
            user, traceback = traceback, traceback.tb_next
