"""The baseline of a run: read before anything is measured, compared with what was, written if wanted."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_replication._plugin.settings.resolved import Settings
from pytest_replication.errors import ReplicationError

if TYPE_CHECKING:
    from pytest_replication.baseline import Allowed, Comparison
    from pytest_replication.results import Results

_DONE = (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.NO_TESTS_COLLECTED)
_THIS = "this run"
_REMEDY = (
    "restore it; or move it away, and write a new one with --replication-update-baseline, which overwrites "
    "no file that it cannot read"
)


class Baseline:
    """The baseline of one run, in the process that collects its checks.

    Attributes:
        regression: what became worse beyond what chance explains, one sentence; empty for nothing.
        comparison: what was compared, None where nothing was.
    """

    def __init__(self, settings: Settings, looking: bool) -> None:
        self._settings = settings
        self._path: str | None = None if looking else settings.value("baseline")
        self._updates: bool = settings.value("update-baseline")
        self._old: Results | None = None
        self._new: Results | None = None
        self._told: list[str] = []
        self.regression = ""
        self.comparison: Comparison | None = None

    @property
    def wanted(self) -> bool:
        """Whether the run has a baseline."""
        return self._path is not None

    def begin(self) -> None:
        """Read the baseline.

        Raises:
            pytest.UsageError: there is none, it cannot be read, or it could not be written.
        """
        if self._path is None:
            if self._updates and self._settings.value("baseline") is None:
                raise pytest.UsageError(
                    "--replication-update-baseline writes the file of --replication-baseline=FILE: name one"
                )
            return
        if not Path(self._path).exists():
            if not self._updates:
                raise pytest.UsageError(
                    f"there is no baseline {self._path}: write the first one with the same command and "
                    "--replication-update-baseline"
                )
            if not Path(self._path).parent.is_dir():
                raise pytest.UsageError(f"there is no folder for the baseline {self._path}: make it first")
            return
        from pytest_replication.results.file import read_results_or

        try:
            self._old = read_results_or(self._path, _REMEDY)
        except ReplicationError as error:
            raise pytest.UsageError(f"the baseline cannot be used: {error}") from error

    def hold_against(self, session: pytest.Session, results: Results) -> str:
        """Compare the run with its baseline.

        Args:
            session: that has run.
            results: what it found.

        Returns:
            Why they cannot be compared; empty where they can, or there is nothing to compare yet.
        """
        from pytest_replication.results import Results

        if session.exitstatus not in _DONE:
            self._told.append("nothing was compared: the run did not come to its end")
            return ""
        self._new = Results(Path(_THIS), results.data)
        if self._old is None:
            self._told.append(f"there is no baseline {self._path} yet")
            return ""
        from pytest_replication.baseline import compare
        from pytest_replication.baseline.text import regression

        level = self._settings.value("baseline-level")
        try:
            self.comparison = compare(self._old, self._new, level=level, allowed=self._allowed())
        except ReplicationError as error:
            return str(error)
        except Exception as error:  # what a file holds is not ours
            return f"the baseline {self._path} cannot be compared: {type(error).__name__}: {error}"
        if not self._updates:
            self.regression = regression(self.comparison)
        return ""

    def update(self, session: pytest.Session) -> str:
        """Write the run as the new baseline, where that is wanted and the run is not red.

        Returns:
            Why it could not be written; empty where it was, or must not be.
        """
        if self._path is None or not self._updates:
            return ""
        if session.exitstatus != pytest.ExitCode.OK or self._new is None:
            self._told.append(f"the baseline {self._path} was not written: the run is not green")
            return ""
        if not self._new.counted:
            return f"no check was made, so that the baseline {self._path} was not written"
        from pytest_replication.baseline.update import write_baseline

        path = Path(self._path) if self._old is None else self._old.path
        try:
            write_baseline(path, self._new)
        except ReplicationError as error:
            return str(error)
        checks = len(self._new.counted)
        self._told.append(f"the baseline {path} was written: {checks} check{'' if checks == 1 else 's'}")
        return ""

    def show(self, reporter: pytest.TerminalReporter) -> None:
        """Write a section of the summary."""
        if self._path is None or not (self.comparison or self._told):
            return
        from pytest_replication.baseline.text import lines
        from pytest_replication.escape import one_line

        reporter.section("replication baseline")
        colours = {"worse": "red", "better": "green"}
        for change, line in lines(self.comparison) if self.comparison else ():
            colour = colours.get(change.value) if change is not None else None
            reporter.line(one_line(line), **({colour: True} if colour else {}))
        for line in self._told:
            reporter.line(one_line(line))
        if self.regression:
            reporter.line(one_line(f"FAIL: {self.regression}"), red=True, bold=True)

    def _allowed(self) -> Allowed:
        from pytest_replication.baseline import Allowed

        value = self._settings.value
        return Allowed(
            other_index=self._updates or value("baseline-allow-other-index"),
            missing=value("baseline-allow-missing"),
            nothing=self._updates,
            added=self._updates,
        )

    def require_outside_of_the_report(self) -> None:
        """Refuse a baseline in a folder that each run clears.

        Raises:
            pytest.UsageError: it lies there.
        """
        report = self._settings.value("report")
        if None in (report, self._path):
            return
        path = Path(str(self._path))
        if path.resolve().is_relative_to(Path(report).resolve()):
            raise pytest.UsageError(
                f"the baseline {path} lies in the folder of --replication-report, which each run clears: "
                "keep it elsewhere"
            )
