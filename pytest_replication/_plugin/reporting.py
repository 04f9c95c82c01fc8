"""The report of a run: what a check adds to it where it is made, and what the controller writes."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_replication._plugin.arrived import Arrived
from pytest_replication._plugin.running import Running
from pytest_replication._plugin.settings.resolved import Settings
from pytest_replication._plugin.unjudged import errors, skipped
from pytest_replication.errors import ReplicationError
from pytest_replication.faults import STOPPED, fault
from pytest_replication.faults import UNWRITTEN as NOT_WRITTEN

if TYPE_CHECKING:
    from pytest_replication.extraction_verdicts import ExtractionVerdict
    from pytest_replication.index.reader import Index
    from pytest_replication.models.samples import Samples
    from pytest_replication.results import Results
    from pytest_replication.verdicts import Verdict

_STOPPED = {
    int(pytest.ExitCode.INTERRUPTED): "the run was interrupted: checks after that are missing",
    int(pytest.ExitCode.INTERNAL_ERROR): "pytest broke down: checks may be missing",
}
UNWRITTEN = "report_error"
"""Key of a row: why pictures of its check are missing."""


def tell_all(
    settings: Settings,
    row: dict[str, Any],
    verdict: Verdict | ExtractionVerdict,
    samples: Samples,
    index: Index,
) -> None:
    """Add to the row of a check what a report tells of it, and store its pictures.

    What goes wrong here is noted in the row: it is an error of the run, and changes no verdict.
    """
    try:
        _tell_all(settings, row, verdict, samples, index)
    except Exception as error:
        told = (
            str(error)
            if isinstance(error, (OSError, ReplicationError))
            else f"{type(error).__name__}: {error}"
        )
        row[UNWRITTEN] = f"what a report tells of {row['test']} cannot be written ({told})"


def _tell_all(
    settings: Settings,
    row: dict[str, Any],
    verdict: Verdict | ExtractionVerdict,
    samples: Samples,
    index: Index,
) -> None:
    from pytest_replication.extraction_verdicts import ExtractionVerdict
    from pytest_replication.reports.details import add_pictures, details

    if not isinstance(verdict, ExtractionVerdict):  # of which all was said when it was noted
        row |= details(verdict, index)
    folder = settings.value("report")
    if folder is not None and not settings.value("report-private"):
        from pytest_replication.reports.folder import pictures_for

        add_pictures(row, verdict, samples, index, pictures_for(folder, budget(settings)))


def budget(settings: Settings) -> int:
    """Bytes that the folder of a report may take."""
    from pytest_replication.reports.folder import BUDGET

    return settings.value("report-budget") or BUDGET


class Report:
    """The report of one run, in the process that collects its checks.

    Attributes:
        errors: tests that ended without a verdict, with what was said.
        skipped: tests that were to check something and were skipped, likewise.
        missing: why checks may be missing, where no fault of the gate says it.
        more: what else is told of the run.
        explained: a fault of ours made the exit status what it is, so that nothing else did.
        written: the page that was written last; empty for none.
    """

    def __init__(self, config: pytest.Config, running: Running) -> None:
        self.config, self.settings = config, running.settings
        self.errors: list[dict[str, Any]] = []
        self.skipped: list[dict[str, Any]] = []
        self.missing: list[dict[str, str]] = []
        self.more: dict[str, Any] = {}
        self.explained = False
        self.written = ""
        self._started = datetime.fromtimestamp(running.started, UTC)
        self._clock = running.clock

    def begin(self) -> None:
        """Find out before anything is measured whether a report can be written.

        Raises:
            pytest.UsageError: it cannot.
        """
        if (folder := self._folder()) is None:
            return
        from pytest_replication.reports.folder import begin_report
        from pytest_replication.reports.own_files import PAGE

        other = getattr(self.config.option, "htmlpath", None)  # of pytest-html
        if other and Path(other).resolve() == (Path(folder) / PAGE).resolve():
            raise pytest.UsageError(
                f"--html={other} is the page of --replication-report={folder}: give one of them another name"
            )

        try:
            begin_report(folder, budget(self.settings))
        except ReplicationError as error:
            raise pytest.UsageError(str(error)) from error

    def take(self, arrived: Arrived) -> None:
        """Take over how tests ended; checks are told whether pytest reports their tests as failed."""
        for row in arrived.rows:
            row["test_failed"] = row["test"] in arrived.failed
        self.errors, self.skipped, self.missing = errors(arrived), skipped(arrived), arrived.missing

    def write(
        self,
        session: pytest.Session,
        rows: Sequence[dict[str, Any]],
        faults: Sequence[dict[str, str]],
        caught: list[str],
    ) -> str:
        """Write it, where the run wants one.

        Returns:
            What could not be written, or told of a check, and why; empty for nothing.
        """
        unwritten = next((row[UNWRITTEN] for row in rows if UNWRITTEN in row), "")
        if (folder := self._folder()) is None:
            return unwritten  # what a baseline is held against lacks it, too
        from pytest_replication.reports.folder import write_report, write_unfinished

        def data(*said: str) -> Mapping[str, Any]:
            more = [fault(NOT_WRITTEN, each) for each in said if each]
            return self.results(session, rows, [*faults, *more], caught).data

        try:
            write_report(folder, data(unwritten), budget=budget(self.settings))
        except Exception as error:  # whatever a renderer raises: the run says it in one sentence
            own = isinstance(error, ReplicationError)
            told = str(error) if own else f"{type(error).__name__}: {error}"
            told = told if own else f"the report cannot be written to {folder} ({told})"
            if session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
                session.exitstatus, self.explained = pytest.ExitCode.INTERNAL_ERROR, True
            with contextlib.suppress(Exception):  # what broke the report may break this, too: the run is red
                write_unfinished(folder, data(unwritten, told))
            return told
        self.written = str(Path(folder) / "report.html")
        return unwritten

    def results(
        self,
        session: pytest.Session,
        rows: Sequence[dict[str, Any]],
        faults: Sequence[dict[str, str]],
        caught: list[str],
    ) -> Results:
        """What `write` writes, as a folder of that name would hold it; private where that is wanted."""
        from pytest_replication.results.assembled import assemble
        from pytest_replication.results.file import NAME, Results
        from pytest_replication.results.private import without_private

        plain = [{name: value for name, value in row.items() if name != UNWRITTEN} for row in rows]
        data = assemble(plain, self._run(session, faults, caught))
        if self.settings.value("report-private"):
            data = without_private(data)
        return Results(Path(self._folder() or ".") / NAME, data)

    def _folder(self) -> str | None:
        options = self.config.option
        looking = any(getattr(options, name, False) for name in ("collectonly", "setupplan", "setuponly"))
        folder: str | None = None if looking else self.settings.value("report")
        return folder

    def _run(
        self, session: pytest.Session, faults: Sequence[dict[str, str]], caught: list[str]
    ) -> dict[str, Any]:
        from pytest_replication.results.environment import environment_data
        from pytest_replication.results.masked import masked_command, masked_value

        stopped = None if self.explained else _STOPPED.get(int(session.exitstatus))
        stopped = stopped or (f"the run was stopped: {why}" if (why := _why_stopped(session)) else None)
        return {
            "command": ["pytest", *masked_command([*map(str, self.config.invocation_params.args)])],
            "started": self._started.isoformat(timespec="seconds"),
            "seconds": round(time.perf_counter() - self._clock, 3),
            "exit_status": int(session.exitstatus),
            "environment": environment_data(self.config.rootpath),
            "settings": [
                {"name": name, "value": masked_value(name, resolved.value), "source": resolved.source}
                for name, resolved in self.settings.items()
            ],
            "faults": [*faults, *self.missing, *([fault(STOPPED, stopped)] if stopped else [])],
            "caught": list(caught),
            "errors": list(self.errors),
            "skipped": list(self.skipped),
            **self.more,
        }


def _why_stopped(session: pytest.Session) -> str:
    """What ended a run before its last test, such as --maxfail; empty for nothing."""
    for why in (session.shouldstop, session.shouldfail):
        if why:
            return str(why)
    return ""
