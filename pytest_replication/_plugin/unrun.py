"""Tests that were collected and never ran: a run that was ended early is green by its exit status alone."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest

_TOLD = (pytest.ExitCode.INTERRUPTED, pytest.ExitCode.INTERNAL_ERROR)
"""Exit statuses that say it themselves."""
_SENT = "replication_stopped"


class Unrun:
    """Finds out whether a run came to its end, in workers of pytest-xdist and in their controller."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._ran = False
        self._finished: set[str] = set()
        self._exit = ""

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self) -> None:
        """Take note that tests are run: what is only listed never runs."""
        self._ran = not self._config.option.collectonly

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take note of a test that was torn down."""
        if report.when == "teardown":
            self._finished.add(report.nodeid)

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        """Take note of a test that has ended."""
        self._finished.add(nodeid)

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Take note of `pytest.exit`, which may end a run with any exit status."""
        self._exit = str(excinfo.value) or type(excinfo.value).__name__

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_sessionfinish(self) -> Generator[None, object, object]:
        """Tell the controller of it, before pytest-xdist sends what a worker has to say."""
        output: dict[str, Any] | None = getattr(self._config, "workeroutput", None)
        if output is not None:
            output[_SENT] = self._exit
        return (yield)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Hear of it from a worker."""
        self._exit = self._exit or str((getattr(node, "workeroutput", None) or {}).get(_SENT) or "")

    def why(self, session: pytest.Session) -> str:
        """Why checks may be missing, where neither the exit status nor the session says it.

        Args:
            session: at its end.

        Returns:
            A sentence; empty where all tests ran, or something else tells that they did not.
        """
        if session.exitstatus in _TOLD or session.shouldstop or session.shouldfail:
            return ""
        if self._exit:
            return f"the run was ended by pytest.exit ({self._exit}): checks after that are missing"
        items = session.items if self._ran else []  # in a controller there are none: its workers run all
        unrun = [item.nodeid for item in items if item.nodeid not in self._finished]
        if not unrun:
            return ""
        return (
            f"{len(unrun)} of {len(items)} collected tests never ran, and nothing says why: {unrun[0]} first"
        )
