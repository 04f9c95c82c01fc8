"""How a run ends: what makes it red as a whole, its baseline, its report, and what CI and people are told."""

from __future__ import annotations

import pytest

from pytest_replication._plugin.arrived import Arrived
from pytest_replication._plugin.baselines import Baseline
from pytest_replication._plugin.ci import annotations_of, tells, write_summary
from pytest_replication._plugin.gate import Gate
from pytest_replication._plugin.integrity import hidden, unchecked
from pytest_replication._plugin.reporting import Report
from pytest_replication._plugin.running import Running
from pytest_replication._plugin.unjudged import concerns
from pytest_replication._plugin.unrun import Unrun
from pytest_replication.escape import one_line
from pytest_replication.faults import (
    BASELINE,
    BROKE_DOWN,
    GATE,
    LOST,
    NO_CHECK,
    REGRESSION,
    STOPPED,
    UNWRITTEN,
    fault,
    fault_text,
)


class RunEnd:
    """The outcome of one run, in the process that collects its checks."""

    def __init__(
        self,
        config: pytest.Config,
        running: Running,
        arrived: Arrived,
        unrun: Unrun,
        gate: Gate | None,
    ) -> None:
        self._config, self._running, self._settings = config, running, running.settings
        self._arrived, self._unrun, self._gate = arrived, unrun, gate
        self._report = Report(config, running)
        self._baseline = Baseline(running.settings, self._only_looking())
        self._faults: list[dict[str, str]] = []
        self._told: list[str] = []

    def begin(self, session: pytest.Session) -> None:
        """Find out before anything is measured whether the baseline can be read and a report be written.

        Raises:
            pytest.UsageError: they cannot.
        """
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

    def end(self, session: pytest.Session) -> None:
        """Turn a run green by accident red, and tell of it."""
        if why := self._unrun.why(session):
            self._stopped(session, why)
        for said in dict.fromkeys(self._arrived.collided):
            self._fail(session, LOST, said)
        if session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
            self._keep_honest(session)
            self._report.explained = bool(self._faults)
        self._report.take(self._arrived)
        if self._baseline.wanted:
            results = self._report.results(session, self._arrived.rows, self._faults, self._arrived.caught)
            self._fail(session, BASELINE, self._baseline.hold_against(session, results))
            self._tell_of_baseline(session)
        self._fail(
            session,
            UNWRITTEN,
            self._report.write(session, self._arrived.rows, self._wrong(), self._arrived.caught),
        )
        self._fail(session, BASELINE, self._baseline.update(session))
        self._tell_ci(session)

    def _stopped(self, session: pytest.Session, why: str) -> None:
        """Let a run that did not come to its end be red, if it was to check something."""
        if self._arrived.rows or self._used() or self._settings.value("require-checks"):
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

    def show(self, terminalreporter: pytest.TerminalReporter) -> None:
        """List the checks of the run."""
        if self._arrived.rows or self._faults or self._arrived.caught or self._used():
            from pytest_replication._plugin.table import summary

            left_out = self._gate.left_out() if self._gate and not self._only_looking() else ()
            said = [fault_text(each) for each in self._faults]
            tried = self._settings.value("gate") or self._report.errors or self._report.skipped
            summary(
                terminalreporter, self._arrived.rows, said, self._arrived.caught, left_out, tried=bool(tried)
            )
        if self._report.skipped:
            from pytest_replication._plugin.table import show_skipped

            show_skipped(terminalreporter, self._report.skipped)
        self._baseline.show(terminalreporter)
        if self._report.written:
            terminalreporter.write_line(one_line(f"report: {self._report.written}"))
        for line in self._told:
            terminalreporter.write_line(line)

    def _tell_ci(self, session: pytest.Session) -> None:
        """Write GitHub's step summary, and keep its annotations for the terminal; no verdict hangs on it."""
        settings = self._settings
        broken = self._arrived.missing or any(concerns(self._arrived))
        told = self._arrived.rows or self._wrong() or self._arrived.caught or broken or self._used()
        if not tells(settings) or not told:
            return
        try:
            results = self._report.results(session, self._arrived.rows, self._wrong(), self._arrived.caught)
            said = write_summary(settings, results)
            self._told = annotations_of(settings, self._config, results)
        except Exception as error:
            said = f"GitHub cannot be told of the run ({type(error).__name__}: {error})"
        self._told += [one_line(f"replication: {said}")] if said else []

    def _used(self) -> bool:
        """Whether this run was to check something."""
        asked = self._settings.value("index") or self._settings.value("gate")
        return bool(asked) and not self._only_looking()

    def _keep_honest(self, session: pytest.Session) -> None:
        for kind, said in self._dishonest():
            self._faults.append(fault(kind, said))
            broke = kind in (BROKE_DOWN, LOST)
            session.exitstatus = pytest.ExitCode.INTERNAL_ERROR if broke else pytest.ExitCode.TESTS_FAILED

    def _dishonest(self) -> list[tuple[str, str]]:
        """What a green run hides, the gravest alone, else what it has not checked: kinds, and in words."""
        kind, said = hidden(self._arrived, self._running.recorded)
        if kind:
            return [(kind, said)]
        if self._only_looking():
            return []
        if said := unchecked(self._arrived, self._settings):
            return [(NO_CHECK, said)]
        return [(GATE, each) for each in self._gate.faults(self._arrived.rows)] if self._gate else []

    def _only_looking(self) -> bool:
        options = self._config.option
        return any(getattr(options, name, False) for name in ("collectonly", "setupplan", "setuponly"))
