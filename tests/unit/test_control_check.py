"""The positive control by itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_replication import control_check
from pytest_replication.control_check import check_control
from pytest_replication.errors import ControlFailed, ReplicationError, SettingsError
from pytest_replication.index.opening import open_index
from pytest_replication.search import search
from pytest_replication.surroundings import EngineChoice, Surroundings, surrounded_by


class _Run(Surroundings):
    """A run with a threshold and a number of canaries."""

    def __init__(self, index: Path, threshold: float = 0.9, canaries: int | None = None) -> None:
        self._index, self._threshold, self._canaries = open_index(index), threshold, canaries
        self.broken = False

    def index(self, path=None):
        return self._index

    def threshold(self):
        return self._threshold, "test"

    def max_rate(self):
        return None

    def engine(self):
        return EngineChoice()

    def canaries(self):
        return None if self._canaries is None else (self._canaries, "test")

    def allow_unproved(self):
        return False

    def complexity(self):
        return False

    def record(self, verdict, asserted):
        raise AssertionError("there is no verdict")

    note = record

    def broke(self):
        self.broken = True


def test_planted_copies_are_found(built_guarded: Path) -> None:
    with surrounded_by(_Run(built_guarded)):
        found = check_control()
    assert found.asked == found.found > 0


@pytest.mark.parametrize(
    ("threshold", "canaries", "error", "told"),
    [
        (0.9, 0, SettingsError, "canaries are 0"),
        (0.9, 10**6, ControlFailed, "have to be found"),
        (0.99999, None, ControlFailed, "can reach"),
    ],
)
def test_a_control_that_cannot_be_checked(
    built_guarded: Path, threshold: float, canaries: int | None, error: type[Exception], told: str
) -> None:
    run = _Run(built_guarded, threshold, canaries)
    with surrounded_by(run), pytest.raises(error, match=told):
        check_control()
    assert run.broken


def test_no_canaries_are_no_control(built_pixels: Path) -> None:
    with surrounded_by(_Run(built_pixels)), pytest.raises(ControlFailed, match="no canaries were planted"):
        check_control()


def test_a_search_that_loses_them(built_guarded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control_check, "search", lambda index, vectors, k: search(index, -vectors, k))
    with (
        surrounded_by(_Run(built_guarded)),
        pytest.raises(ControlFailed, match="0 were found: .*did not lead"),
    ):
        check_control()


def test_a_breakdown_is_an_error_of_ours(built_guarded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control_check, "search", lambda index, vectors, k: 1 / 0)
    run = _Run(built_guarded)
    with (
        surrounded_by(run),
        pytest.raises(ReplicationError, match="the control broke down: ZeroDivisionError"),
    ):
        check_control()
    assert run.broken
