"""How a test shows an error of ours: as an error, with its message, and the user's code alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_replication._plugin.ended import is_a
from pytest_replication.escape import lines

_PACKAGE = str(Path(__file__).parents[1])


def end_in_user_code(error: BaseException) -> None:
    """End the traceback in the user's code: the message says the rest."""
    error.__cause__, error.__suppress_context__ = None, True
    user, traceback = None, error.__traceback__
    while traceback is not None:
        if traceback.tb_frame.f_code.co_filename.startswith(_PACKAGE):
            if user is not None:
                user.tb_next = None
            return
        user, traceback = traceback, traceback.tb_next


def show(report: pytest.TestReport, error: BaseException, *, broken: bool, alone: bool) -> None:
    """Let a report show an error with which a test ended, and tell the run of it.

    Args:
        report: of the test.
        error: of ours; or any, where an error of ours was raised before it.
        broken: whether one was.
        alone: show the message of ours alone, where no code of the user led to it.
    """
    if alone and not _shows_user_code(error):
        report.longrepr = _in_words(error)
    own = is_a(error, "ReplicationError")
    if is_a(error, "ReplicationDetected") or not (broken or own):
        return
    report.replication_error = True  # type: ignore[attr-defined]
    if report.skipped and not isinstance(error, pytest.skip.Exception):
        # xfail may say that the model is known to copy, never that the gate is broken.
        report.outcome = "failed"
        report.longrepr = _in_words(error)
        vars(report).pop("wasxfail", None)
    if not is_a(error, "Inconclusive"):
        report.replication_broke = str(error) if own else _in_words(error)  # type: ignore[attr-defined]


def _shows_user_code(error: BaseException) -> bool:
    """Whether the traceback has a line outside of pytest and of this package."""
    traceback = error.__traceback__
    while traceback is not None:
        name = traceback.tb_frame.f_globals.get("__name__", "")
        if name.partition(".")[0] not in ("_pytest", "pluggy", "pytest_replication", "xdist"):
            return True
        traceback = traceback.tb_next
    return False


def _in_words(error: BaseException) -> str:
    return lines(f"{type(error).__name__}: {error}")
