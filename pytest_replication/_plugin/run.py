"""The run: what its checks take from its settings and its tests, and what it notes of them."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from pytest_replication._plugin.ci import add_properties, place_of, tells
from pytest_replication._plugin.ended import ATTEMPTS
from pytest_replication._plugin.opened import Opened, noting_errors
from pytest_replication._plugin.running import Running
from pytest_replication._plugin.settings.marker import marked
from pytest_replication.choices import EngineChoice
from pytest_replication.errors import SettingsError
from pytest_replication.surroundings import Surroundings

if TYPE_CHECKING:
    from pytest_replication.extraction_verdicts import ExtractionVerdict
    from pytest_replication.index.reader import Index
    from pytest_replication.models import Samples
    from pytest_replication.verdicts import Verdict

ROWS: pytest.StashKey[list[dict[str, Any]]] = pytest.StashKey()
"""Checks of a test that no report has carried away yet, as plain data."""
SAVED: pytest.StashKey[int] = pytest.StashKey()
"""How many checks of a test were saved."""
DRAWN: pytest.StashKey[int] = pytest.StashKey()
"""How many checks of a test were to be drawn."""
_LEAK = "assert_no_leak"
"""The assertion that compares images of a data set and no samples."""
MOST_DRAWN = 50
"""Checks that a process draws: thousands of pictures help nobody."""


class Run(Surroundings):
    """The surroundings of every check of a run.

    One object for the whole session, told which test is running: code that keeps a copy of an
    earlier test's context, such as a runner of coroutines, still asks for the right one.

    Attributes:
        settings: of the command line and the ini file.
        opened: index, model and samples.
        broken: an error of the gate was raised since the last report.
        drawn: number of them that were drawn.
    """

    def __init__(self, running: Running) -> None:
        self.settings = running.settings
        self.opened = Opened(running, self.broke)
        self.broken = False
        self._recorded: Counter[int] = Counter()
        self.drawn = 0
        self._session = running
        self._began: float | None = None

    def index(self, path: str | None = None) -> Index:
        """The index of the run, or another one, opened at first use.

        Raises:
            ReplicationError: there is none, or it cannot be used.
        """
        return self.opened.index(path)

    def threshold(self) -> tuple[float, str] | None:
        """Threshold of marker, command line or ini file."""
        return self._setting("threshold", "threshold")

    def fdr(self) -> tuple[float, str] | None:
        """False discovery rate of marker, command line or ini file."""
        return self._setting("fdr", "fdr")

    def max_rate(self) -> tuple[float, str] | None:
        """Tolerated share of marker, command line or ini file."""
        return self._setting("max_rate", "max-rate")

    def engine(self) -> EngineChoice:
        """Engine of command line or ini file."""
        value = self.settings.value
        return EngineChoice(value("engine"), value("allow-approximate"), value("min-recall"))

    def canaries(self) -> tuple[int, str] | None:
        """Number of canaries of command line or ini file."""
        return self.settings.given("canaries")

    def allow_unproved(self) -> bool:
        """Switch of command line or ini file."""
        allowed: bool = self.settings.value("allow-unproved")
        return allowed

    def complexity(self) -> bool:
        """Switch of command line or ini file."""
        wanted: bool = self.settings.value("complexity")
        return wanted

    def objects(self) -> bool:
        """Switch of marker, command line or ini file; who says how many points asks for parts."""
        if (marked_as := self._marked("objects")) is not None:
            return marked_as is not False
        switch, points = self.settings.given("objects"), self.settings.given("object-points")
        wanted: bool = self.settings.value("objects")
        return wanted or (points is not None and (switch is None or points[1] == "command line"))

    def object_points(self) -> tuple[int, str] | None:
        """Number of marker, command line or ini file."""
        marked_as = self._marked("objects")
        if marked_as is not None and not isinstance(marked_as, bool):
            return marked_as, "marker"
        return self.settings.given("object-points")

    def accepted(self) -> str | None:
        """File of accepted matches of command line or ini file."""
        path: str | None = self.settings.value("accepted")
        return path

    @noting_errors
    def record(self, verdict: Verdict, asserted: bool) -> None:
        """Put a check on the next report of the test, and keep its matches where the run wants that.

        Raises:
            MatchesFileError: they cannot be kept.
        """
        from pytest_replication.reports.data import verdict_data

        item = self._running()
        self.note(verdict_data(verdict, neighbours=0), asserted)
        if (folder := self.settings.value("save")) is not None:
            from pytest_replication._plugin.saving import save_check

            number = item.stash[SAVED] = item.stash.get(SAVED, 0) + 1
            save_check(folder, item.nodeid, number, verdict)

    @noting_errors
    def picture(self, verdict: Verdict, samples: Samples, index: Index) -> None:
        """Tell a report of a check, and draw its closest pairs if it did not pass, where the run wants that.

        Of the first checks that did not pass, that is.

        Raises:
            ReplicationError: they cannot be drawn.
        """
        self._tell(verdict, samples, index)
        folder = self.settings.value("pictures")
        if folder is None or verdict.passed or self.drawn >= MOST_DRAWN:
            return
        from pytest_replication._plugin.saving import draw_check

        item = self._running()
        number = item.stash[DRAWN] = item.stash.get(DRAWN, 0) + 1
        path = draw_check(folder, item.nodeid, number, verdict, samples, index)
        if path is not None:
            self.drawn += 1
            item.stash[ROWS][-1]["pictures"] = str(path)

    def picture_pixels(self, verdict: ExtractionVerdict, samples: Samples, index: Index) -> None:
        """Tell a report of a check of pixels."""
        self._tell(verdict, samples, index)

    def _tell(self, verdict: Verdict | ExtractionVerdict, samples: Samples, index: Index) -> None:
        if self.reports:
            from pytest_replication._plugin.reporting import tell_all

            tell_all(self.settings, self._running().stash[ROWS][-1], verdict, samples, index)

    @property
    def reports(self) -> bool:
        """Whether all that can be told of a check is wanted."""
        return any(self.settings.value(name) is not None for name in ("report", "baseline"))

    def page(self) -> str | None:
        """The page of the report; a private one has no pictures."""
        folder = self.settings.value("report")
        return None if folder is None or self.settings.value("report-private") else f"{folder}/report.html"

    def begin(self) -> None:
        """Start the clock of a check."""
        self._began = time.perf_counter()

    def note(self, row: dict[str, Any], asserted: bool, tell: Callable[[], str] | None = None) -> None:
        """Put a verdict on the next report of the test, as plain data."""
        item = self._running()
        row = row | {"test": item.nodeid, "asserted": asserted} | self._number(item)
        add_properties(self.settings, item, row)
        if self.reports or tells(self.settings):
            row |= {"seconds": self._took()} | place_of(item)
            if tell is not None:
                row["message"] = "" if row["outcome"] == "pass" else tell()
        item.stash.setdefault(ROWS, []).append(row)
        self._recorded[os.getpid()] += 1

    @property
    def recorded(self) -> int:
        """Number of checks that were made in this process: a child that was forked has made none yet."""
        return self._recorded[os.getpid()]

    def amend(self, **told: str) -> None:
        """Add to the check that was noted last."""
        self._running().stash[ROWS][-1].update(told)

    def carry_away(self, item: pytest.Item) -> list[dict[str, Any]]:
        """The checks of a test since its last report, each with whether ``require-checks`` counts it."""
        rows, item.stash[ROWS] = item.stash.get(ROWS, []), []
        return [row | {"of_index": self._compares(row)} for row in rows]

    def broke(self) -> None:
        """Take note that the gate broke during the test."""
        self.broken = True

    def _setting(self, keyword: str, name: str) -> tuple[float, str] | None:
        value = self._marked(keyword)
        return self.settings.given(name) if value is None else (value, "marker")

    def _marked(self, keyword: str) -> Any:
        """What the marker of the running test says, None for nothing."""
        return marked(self._running()).get(keyword)

    def _number(self, item: pytest.Item) -> dict[str, Any]:
        """Which check of its process one is, and of which run of its test: plugins may run tests again."""
        worker = getattr(item.config, "workerinput", {}).get("workerid", "")
        attempt = item.stash.get(ATTEMPTS, 1)
        return {"attempt": attempt, "worker": worker, "process": os.getpid(), "serial": self.recorded}

    def _took(self) -> float | None:
        """How long a check took, in seconds."""
        seconds = None if self._began is None else round(time.perf_counter() - self._began, 3)
        self._began = None
        return seconds

    def _compares(self, row: dict[str, Any]) -> bool:
        """Whether a check has compared samples with the training images that this run is about."""
        own: str | None = self.settings.value("index")
        index = row["index"]
        if not row["searched"] or row.get("assertion") == _LEAK:
            return False
        if own is None:
            return True
        opened = self.opened.fingerprint(own)
        if opened is not None and opened == index["fingerprint"]:
            return True
        return os.path.realpath(str(index["path"])) == os.path.realpath(own)

    def _running(self) -> pytest.Item:
        if self._session.item is None:
            raise SettingsError(
                "a check was made while no test was running: make it inside a test or a fixture"
            )
        return self._session.item
