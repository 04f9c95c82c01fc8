"""The run: index, model and samples of a pytest session, loaded once and only if asked for."""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

import pytest

from pytest_replication._plugin.ci import add_properties, place_of, tells
from pytest_replication._plugin.gate import is_ready
from pytest_replication._plugin.settings.marker import marked
from pytest_replication._plugin.settings.resolved import Settings
from pytest_replication.errors import IndexNotFound, ReplicationError, SettingsError
from pytest_replication.surroundings import EngineChoice, Surroundings

if TYPE_CHECKING:
    from pytest_replication.extraction_verdicts import ExtractionVerdict
    from pytest_replication.index.reader import Index
    from pytest_replication.models import Model, Samples
    from pytest_replication.prompts import Prompts
    from pytest_replication.verdicts import Verdict

P = ParamSpec("P")
T = TypeVar("T")
RUN: pytest.StashKey[Run] = pytest.StashKey()
ROWS: pytest.StashKey[list[dict[str, Any]]] = pytest.StashKey()
"""Checks of a test that no report has carried away yet, as plain data."""
SAVED: pytest.StashKey[int] = pytest.StashKey()
"""How many checks of a test were saved."""
DRAWN: pytest.StashKey[int] = pytest.StashKey()
"""How many checks of a test were to be drawn."""
ATTEMPTS: pytest.StashKey[int] = pytest.StashKey()
"""How often a test has begun."""
_LEAK = "assert_no_leak"
"""The assertion that compares images of a data set and no samples."""
MOST_DRAWN = 50
"""Checks that a process draws: thousands of pictures help nobody."""


def _noting_errors(method: Callable[Concatenate[Any, P], T]) -> Callable[Concatenate[Any, P], T]:
    """Let the run remember an error of the gate, whatever the test makes of it."""

    @functools.wraps(method)
    def noting(self: Any, /, *args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return method(self, *args, **kwargs)
        except ReplicationError:
            self.broke()
            raise

    return noting


class Run(Surroundings):
    """What the tests of a session share; the surroundings of every check in it.

    One object for the whole session, told which test is running: code that keeps a copy of an
    earlier test's context, such as a runner of coroutines, still asks for the right one.

    Attributes:
        settings: of the command line and the ini file.
        item: the test that is running, None between tests.
        broken: an error of the gate was raised since the last report.
        recorded: number of checks that were made in this process.
        drawn: number of them that were drawn.
    """

    def __init__(self, config: pytest.Config) -> None:
        self.settings = Settings(config)
        self.item: pytest.Item | None = None
        self.broken = False
        self.recorded = 0
        self.drawn = 0
        self._began: float | None = None
        self._indexes: dict[str, Index] = {}
        self._model: Model | None = None
        self._samples: dict[tuple[object, ...], Samples] = {}
        self._prompts: dict[tuple[object, ...], Prompts] = {}

    @_noting_errors
    def index(self, path: str | None = None) -> Index:
        """Open an index at first use.

        Args:
            path: its folder, None for the index of the run.

        Raises:
            ReplicationError: there is none, or it cannot be used.
        """
        # By its place: another test may stand in another folder, and mean another index by the same name.
        wanted = os.path.abspath(path) if path else self.settings.value("index")  # noqa: PTH100
        if wanted not in self._indexes:
            self._indexes[wanted] = self._open(wanted, may_skip=path is None)
        if (expected := self.settings.given("index-fingerprint")) and wanted == self.settings.value("index"):
            from pytest_replication.index.fingerprint import require_fingerprint

            require_fingerprint(self._indexes[wanted], *expected)
        return self._indexes[wanted]

    @_noting_errors
    def model(self) -> Model:
        """Load the model under test at first use.

        Raises:
            ReplicationError: there is none, or it cannot be loaded.
        """
        if self._model is None:
            from pytest_replication.models import load_model

            value = self.settings.value
            self._model = load_model(
                self._model_name(), value("model-option") or (), device=value("device"), cache=value("cache")
            )
        return self._model

    @_noting_errors
    def prompts(self, given: object, count: int | None, seeds: int | None, seed: int) -> Prompts:
        """Read prompts once for each name, number of samples and seed.

        Raises:
            ReplicationError: there are no such prompts, or they make another number of samples.
        """
        from pytest_replication.prompts import load_prompts

        key = (given, count, seeds, seed) if isinstance(given, str) else ()
        if not key or key not in self._prompts:
            found = load_prompts(given, self.index, count=count, seeds_per_prompt=seeds or 1, seed=seed)
            if not key:
                return found
            self._prompts[key] = found
        return self._prompts[key]

    @_noting_errors
    def samples(
        self, count: int | None, seed: int, prompts: Prompts | None = None, seeds: int | None = None
    ) -> Samples:
        """Draw samples once for each count, seed, and choice of prompts.

        Raises:
            ReplicationError: there is no model, or it gives no usable samples.
        """
        key = (count, seed, prompts, seeds)
        if key not in self._samples:
            from pytest_replication.prompts import draw_samples

            if self.settings.value("index") is not None:
                _ = self.index().embedder  # hours of sampling should not end in a typo
            self._samples[key] = draw_samples(
                self.model(), prompts, count=count, seeds_per_prompt=seeds, seed=seed
            )
        return self._samples[key]

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

    @_noting_errors
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

    @_noting_errors
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
        self.recorded += 1

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
        return {"attempt": item.stash.get(ATTEMPTS, 1), "worker": worker, "serial": self.recorded}

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
        if own is None or (own in self._indexes and self._fingerprint(own) == index["fingerprint"]):
            return True
        return os.path.realpath(str(index["path"])) == os.path.realpath(own)

    def _fingerprint(self, path: str) -> str:
        return self._indexes[path].manifest.fingerprint

    def _running(self) -> pytest.Item:
        if self.item is None:
            raise SettingsError(
                "a check was made while no test was running: make it inside a test or a fixture"
            )
        return self.item

    def _model_name(self) -> str:
        given = {name: self.settings.given(name) for name in ("model", "samples")}
        chosen = {name: pair for name, pair in given.items() if pair is not None}
        if not chosen:
            raise SettingsError(
                "there is no model under test: give --replication-model=module:function, "
                "--replication-samples=FOLDER, or the ini key of either"
            )
        nearest = "command line" if any(pair[1] == "command line" for pair in chosen.values()) else "ini file"
        names = [name for name, pair in chosen.items() if pair[1] == nearest]
        if len(names) > 1:
            raise SettingsError(
                f"both a model and a folder of samples are set ({nearest}): set one of the two"
            )
        value: str = chosen[names[0]][0]
        return value if names[0] == "model" else f"folder:{value}"

    def _open(self, path: str | None, may_skip: bool) -> Index:
        try:
            if path is None:
                raise IndexNotFound(
                    "there is no index to check against: give --replication-index=FOLDER or the ini key "
                    "replication_index; 'pytest-replication build IMAGES --out FOLDER' makes one"
                )
            from pytest_replication.index.opening import open_index

            return open_index(
                path, embedder=self.settings.value("embedder"), device=self.settings.value("device")
            )
        except IndexNotFound as error:
            skips = self.settings.value("missing") == "skip" and not is_ready(self.item)
            if may_skip and skips:
                pytest.skip(f"{error} (--replication-missing=skip)")
            raise


def prompts_for(run: Run, item: pytest.Item, given: object = None) -> Prompts | None:
    """Prompts as a test gives them, else as its marker wants them, else as the run does; None for none."""
    if given is None:
        given = marked(item).get("prompts", run.settings.value("prompts"))
    return None if given is None else run.prompts(given, *_wanted(run, item))


def samples_for(run: Run, item: pytest.Item, given: object = None) -> Samples:
    """Samples of the prompts of a test, as many as its marker wants, else as the run does."""
    count, seeds, seed = _wanted(run, item)
    prompts = None if given is None else prompts_for(run, item, given)
    return run.samples(count, seed, prompts, seeds)


def _wanted(run: Run, item: pytest.Item) -> tuple[int | None, int | None, int]:
    """Number of samples, of seeds a prompt, and first seed: of the marker of a test, else of the run."""
    values = marked(item)
    count = values.get("count", run.settings.value("count"))
    seeds = values.get("seeds_per_prompt", run.settings.value("seeds-per-prompt"))
    return count, seeds, values.get("seed", run.settings.value("seed"))
