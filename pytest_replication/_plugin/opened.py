"""Index, model, prompts and samples of a run, loaded once and only if asked for."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

import pytest

from pytest_replication._plugin.ended import is_a, is_ready
from pytest_replication._plugin.running import Running
from pytest_replication._plugin.settings.marker import marked
from pytest_replication.errors import (
    IndexNotFound,
    ReplicationError,
    SettingsError,
    is_breakage,
    unloadable,
)

if TYPE_CHECKING:
    from pytest_replication.index.reader import Index
    from pytest_replication.models import Model, Samples
    from pytest_replication.prompts import Prompts

P = ParamSpec("P")
T = TypeVar("T")


def noting_errors(method: Callable[Concatenate[Any, P], T]) -> Callable[Concatenate[Any, P], T]:
    """Let the run remember an error of the gate, whatever the test makes of it."""

    @functools.wraps(method)
    def noting(self: Any, /, *args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return method(self, *args, **kwargs)
        except BaseException as error:
            if not is_breakage(error):
                raise
            self.broke()
            if is_a(error, "ReplicationError"):
                raise
            if isinstance(error, ImportError):  # of what is loaded in there: a model's is a ModelError
                raise unloadable(method.__module__, error) from error
            raise ReplicationError(f"the gate broke down: {type(error).__name__}: {error}") from error

    return noting


class Opened:
    """What the tests of a run share.

    Attributes:
        broke: called where an error of the gate is raised.
    """

    def __init__(self, running: Running, broke: Callable[[], None]) -> None:
        self.settings = running.settings
        self.broke = broke
        self._running = running
        self._indexes: dict[str, Index] = {}
        self._model: Model | None = None
        self._samples: dict[tuple[object, ...], Samples] = {}
        self._prompts: dict[tuple[object, ...], Prompts] = {}

    @noting_errors
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
        index, expected = self._indexes[wanted], self.settings.given("index-fingerprint")
        if expected and index.pinned is None and wanted == self.settings.value("index"):
            from pytest_replication.index.fingerprint import require_fingerprint

            require_fingerprint(index, *expected)
        return index

    @noting_errors
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

    @noting_errors
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

    @noting_errors
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

    def fingerprint(self, path: str) -> str | None:
        """Fingerprint of an index, None where that is not open."""
        index = self._indexes.get(path)
        return None if index is None else index.manifest.fingerprint

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
            skips = self.settings.value("missing") == "skip" and not is_ready(self._running.item)
            if may_skip and skips:
                pytest.skip(f"{error} (--replication-missing=skip)")
            raise


def prompts_for(opened: Opened, item: pytest.Item, given: object = None) -> Prompts | None:
    """Prompts as a test gives them, else as its marker wants them, else as the run does; None for none."""
    if given is None:
        given = marked(item).get("prompts", opened.settings.value("prompts"))
    return None if given is None else opened.prompts(given, *_wanted(opened, item))


def samples_for(opened: Opened, item: pytest.Item, given: object = None) -> Samples:
    """Samples of the prompts of a test, as many as its marker wants, else as the run does."""
    count, seeds, seed = _wanted(opened, item)
    prompts = None if given is None else prompts_for(opened, item, given)
    return opened.samples(count, seed, prompts, seeds)


def _wanted(opened: Opened, item: pytest.Item) -> tuple[int | None, int | None, int]:
    """Number of samples, of seeds a prompt, and first seed.

    Each is that of the marker of a test, else of the settings of the run.
    """
    values = marked(item)
    count = values.get("count", opened.settings.value("count"))
    seeds = values.get("seeds_per_prompt", opened.settings.value("seeds-per-prompt"))
    return count, seeds, values.get("seed", opened.settings.value("seed"))
