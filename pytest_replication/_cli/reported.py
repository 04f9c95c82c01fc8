"""``check --report``: the folder of a report, outside pytest."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pytest_replication._cli.options import size
from pytest_replication.errors import ReplicationError, ResultsError
from pytest_replication.faults import UNWRITTEN, fault
from pytest_replication.index.reader import Index
from pytest_replication.models.samples import Samples
from pytest_replication.reports.data import verdict_data
from pytest_replication.reports.details import add_pictures, details
from pytest_replication.reports.folder import BUDGET, begin_report, pictures_for, write_report
from pytest_replication.results.assembled import assemble
from pytest_replication.results.environment import environment_data
from pytest_replication.results.masked import masked_command, masked_value
from pytest_replication.verdicts import Verdict

TEST = "pytest-replication check"
"""What stands in the place of a test."""
_NOT_SETTINGS = ("run", "verb", "json", "report", "report_budget", "report_private")


def add_report(parser: argparse.ArgumentParser) -> None:
    """Declare the folder of a report."""
    parser.add_argument(
        "--report", type=Path, metavar="FOLDER", help="Write a report: results, pictures of the pairs, pages"
    )
    parser.add_argument(
        "--report-budget",
        type=size,
        default=BUDGET,
        metavar="SIZE",
        help="Size to keep the report below; results stay whole, and where they leave no room the page has "
        "half of it (default: 20MB)",
    )
    parser.add_argument(
        "--report-private", action="store_true", help="Leave names, captions and pictures out of the report"
    )


@dataclass
class CheckReport:
    """The report of one check on the command line.

    Args:
        args: of the verb.
        defaults: what they are where nothing is given.

    Attributes:
        row: the check, once it is made.
        unwritten: why pictures are missing; empty where none are.
    """

    args: argparse.Namespace
    defaults: Mapping[str, Any]
    row: dict[str, Any] | None = None
    unwritten: str = ""
    _started: datetime = field(default_factory=lambda: datetime.now(UTC))
    _clock: float = field(default_factory=time.perf_counter)

    @property
    def page(self) -> Path:
        """The page to look at."""
        return Path(self.args.report) / "report.html"

    def begin(self) -> None:
        """Find out before anything is measured whether a report can be written.

        Raises:
            SettingsError: it cannot.
        """
        begin_report(self.args.report, self.args.report_budget)

    def add(self, verdict: Verdict, samples: Samples, index: Index) -> None:
        """Add the check, with its pictures. What goes wrong is for `write` to say: the verdict stands."""
        self.row = verdict_data(verdict, neighbours=0)
        self.row |= {"test": TEST, "asserted": True, "seconds": self._seconds()}
        try:
            self.row |= details(verdict, index)
            if not self.args.report_private:
                pictures = pictures_for(self.args.report, self.args.report_budget)
                add_pictures(self.row, verdict, samples, index, pictures)
        except Exception as error:
            self.unwritten = (
                f"the report in {self.args.report} is not whole: what it tells of the check cannot be "
                f"written ({type(error).__name__}: {error})"
            )

    def write(self, status: int, error: ReplicationError | None = None) -> None:
        """Write it.

        Args:
            status: with which the verb ends.
            error: what kept the check from a verdict.

        Raises:
            ResultsError: it cannot be written.
        """
        run = {
            "command": ["pytest-replication", *masked_command(sys.argv[1:])],
            "started": self._started.isoformat(timespec="seconds"),
            "seconds": self._seconds(),
            "exit_status": status,
            "environment": environment_data(Path.cwd()),
            "settings": [self._setting(name) for name in self.defaults if name not in _NOT_SETTINGS],
            "faults": [fault(UNWRITTEN, self.unwritten)] if self.unwritten else [],
            "caught": [],
            "errors": [] if error is None else [{"test": TEST, "message": str(error)}],
        }
        rows = [] if self.row is None else [self.row]
        write_report(
            self.args.report,
            assemble(rows, run),
            budget=self.args.report_budget,
            private=self.args.report_private,
        )
        if self.unwritten:
            raise ResultsError(self.unwritten)

    def _setting(self, name: str) -> dict[str, Any]:
        value, default = getattr(self.args, name), self.defaults[name]
        plain = value if value is None or isinstance(value, (bool, int, float, list)) else str(value)
        source = "default" if value == default else "command line"
        return {"name": name.replace("_", "-"), "value": masked_value(name, plain), "source": source}

    def _seconds(self) -> float:
        return round(time.perf_counter() - self._clock, 3)
