"""The run: index, model and samples of a pytest session, loaded once and only if asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pytest_replication._plugin.settings import Settings, marked
from pytest_replication.errors import IndexNotFound, SettingsError

if TYPE_CHECKING:
    from pytest_replication.index.reader import Index
    from pytest_replication.models import Model, Samples
    from pytest_replication.verdicts import Verdict

RUN: pytest.StashKey[Run] = pytest.StashKey()
ROWS: pytest.StashKey[list[dict[str, Any]]] = pytest.StashKey()
"""Checks of a test that no report has carried away yet, as plain data."""

_MODEL_SAMPLES = 256


class Run:
    """What the tests of a session share.

    Attributes:
        settings: of the command line and the ini file.
        recorded: number of checks that were made in this process.
    """

    def __init__(self, config: pytest.Config) -> None:
        self.settings = Settings(config)
        self.recorded = 0
        self._index: Index | None = None
        self._model: Model | None = None
        self._samples: dict[tuple[int | None, int], Samples] = {}

    def index(self) -> Index:
        """Open the index at first use.

        Raises:
            ReplicationError: there is none, or it cannot be used.
        """
        if self._index is None:
            self._index = self._open_index()
        return self._index

    def model(self) -> Model:
        """Load the model under test at first use.

        Raises:
            ReplicationError: there is none, or it cannot be loaded.
        """
        if self._model is None:
            from pytest_replication.models import load_model

            name = self.settings.value("model") or self.settings.value("samples")
            if name is None:
                raise SettingsError(
                    "there is no model under test: give --replication-model=module:function, "
                    "--replication-samples=FOLDER, or the ini key of either"
                )
            self._model = load_model(name)
        return self._model

    def samples(self, count: int | None, seed: int) -> Samples:
        """Draw samples once for each count and seed.

        Raises:
            ReplicationError: there is no model, or it gives no usable samples.
        """
        key = (count, seed)
        if key not in self._samples:
            self._samples[key] = self._draw(count, seed)
        return self._samples[key]

    def _draw(self, count: int | None, seed: int) -> Samples:
        from pytest_replication.models.folder import FolderModel

        folder = self.settings.value("samples")
        model = self.model() if folder is None else FolderModel(folder)
        if isinstance(model, FolderModel) and count is None:
            return model.everything()
        return model.sample(_MODEL_SAMPLES if count is None else count, seed)

    def _open_index(self) -> Index:
        path = self.settings.value("index")
        try:
            if path is None:
                raise IndexNotFound(
                    "there is no index to check against: give --replication-index=FOLDER or the ini key "
                    "replication_index; 'pytest-replication build IMAGES --out FOLDER' makes one"
                )
            from pytest_replication.index.reader import open_index

            return open_index(
                path, embedder=self.settings.value("embedder"), device=self.settings.value("device")
            )
        except IndexNotFound as error:
            if self.settings.value("missing") == "skip":
                pytest.skip(f"{error} (--replication-missing=skip)")
            raise


class TestSurroundings:
    """The run as seen from one test: its marker comes before the settings of the run."""

    __test__ = False

    def __init__(self, run: Run, item: pytest.Item) -> None:
        self._run, self._item = run, item

    def index(self) -> Index:
        """The index of the run."""
        return self._run.index()

    def threshold(self) -> tuple[float, str] | None:
        """Threshold of marker, command line or ini file."""
        return self._setting("threshold", "threshold")

    def max_rate(self) -> tuple[float, str] | None:
        """Tolerated share of marker, command line or ini file."""
        return self._setting("max_rate", "max-rate")

    def record(self, verdict: Verdict, asserted: bool) -> None:
        """Put a check on the next report of the test."""
        from pytest_replication.reports.data import verdict_data

        row = verdict_data(verdict, neighbours=False)
        row |= {"test": self._item.nodeid, "asserted": asserted}
        self._item.stash.setdefault(ROWS, []).append(row)
        self._run.recorded += 1

    def _setting(self, keyword: str, name: str) -> tuple[float, str] | None:
        values = marked(self._item)
        if keyword in values:
            return values[keyword], "marker"
        return self._run.settings.given(name)


def samples_for(run: Run, item: pytest.Item) -> Samples:
    """Samples as the marker of a test wants them, else as the run does."""
    values = marked(item)
    given = run.settings.given("count")
    count = values.get("count", given[0] if given else None)
    samples: Samples = run.samples(count, values.get("seed", run.settings.value("seed")))
    return samples
