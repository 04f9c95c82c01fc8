"""What is known of a run from its start: its settings, and which test is running."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any, cast

import pytest

if TYPE_CHECKING:
    from pytest_replication._plugin.run import Run
    from pytest_replication._plugin.settings.resolved import Settings


class Running:
    """Makes the run at first use: a suite that checks nothing loads nothing of it.

    Attributes:
        settings: of the command line and the ini file.
        item: the test that is running, None between tests.
        made: the run, None as long as nothing has asked for it.
        started: when the session began, in seconds since 1970.
        clock: the same by a clock that only ever goes forward.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.item: pytest.Item | None = None
        self.made: Run | None = None
        self.started, self.clock = time.time(), time.perf_counter()
        self._making = threading.Lock()

    def run(self) -> Run:
        """The run: one for all tests, and for all threads of one."""
        with self._making:
            if self.made is None:
                from pytest_replication import load_module

                self.made = load_module("_plugin.run").Run(self)
            return cast("Run", self.made)

    @property
    def recorded(self) -> int:
        """Number of checks that were made in this process."""
        return 0 if self.made is None else self.made.recorded

    def take_from(self, item: pytest.Item) -> tuple[bool, list[dict[str, Any]]]:
        """Whether an error of the gate was raised since the last report of a test, and checks since then."""
        if self.made is None:
            return False, []
        broken, self.made.broken = self.made.broken, False
        return broken, self.made.carry_away(item)


RUNNING: pytest.StashKey[Running] = pytest.StashKey()
