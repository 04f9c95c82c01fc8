"""The positive control by itself."""

from __future__ import annotations

from pathlib import Path

import pytest
from made_run import MadeRun

from pytest_replication import control_check
from pytest_replication.control_check import check_control
from pytest_replication.errors import ControlFailed, ReplicationError, SettingsError
from pytest_replication.index.opening import open_index
from pytest_replication.search import search
from pytest_replication.surroundings import surrounded_by


def made(folder: Path, threshold: float = 0.9, canaries: int | None = None) -> MadeRun:
    given = None if canaries is None else (canaries, "test")
    return MadeRun(open_index(folder), (threshold, "test"), given_canaries=given)


def test_planted_copies_are_found(built_guarded: Path) -> None:
    run = made(built_guarded)
    with surrounded_by(run):
        found = check_control()
    assert found.asked == found.found > 0
    assert (run.breaks, run.verdicts, run.noted) == (0, [], [])  # there is no verdict


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
    run = made(built_guarded, threshold, canaries)
    with surrounded_by(run), pytest.raises(error, match=told):
        check_control()
    assert (run.breaks, run.verdicts, run.noted) == (1, [], [])


def test_no_canaries_are_no_control(built_pixels: Path) -> None:
    with surrounded_by(made(built_pixels)), pytest.raises(ControlFailed, match="no canaries were planted"):
        check_control()


def test_a_search_that_loses_them(built_guarded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control_check, "search", lambda index, vectors, k: search(index, -vectors, k))
    with (
        surrounded_by(made(built_guarded)),
        pytest.raises(ControlFailed, match="0 were found: .*did not lead"),
    ):
        check_control()


def test_a_breakdown_is_an_error_of_ours(built_guarded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control_check, "search", lambda index, vectors, k: 1 / 0)
    run = made(built_guarded)
    with (
        surrounded_by(run),
        pytest.raises(ReplicationError, match="the control broke down: ZeroDivisionError"),
    ):
        check_control()
    assert (run.breaks, run.verdicts, run.noted) == (1, [], [])
