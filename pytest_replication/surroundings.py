"""What a check takes from the run it is part of, where the call leaves it open.

Kept apart from `pytest_replication.check`, which imports numpy: the run needs only this.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pytest_replication.choices import EngineChoice
from pytest_replication.context import RUN

if TYPE_CHECKING:
    from pytest_replication.extraction_verdicts import ExtractionVerdict
    from pytest_replication.index.reader import Index
    from pytest_replication.models.samples import Samples
    from pytest_replication.verdicts import Verdict


class Surroundings(ABC):
    """A run, as seen from one test.

    A run has to have an index and to take note of what checks find. What else it says of them is what
    somebody set: one that says nothing leaves it to the call, the calibration of the index and the defaults.
    """

    @abstractmethod
    def index(self, path: str | None = None) -> Index:
        """The index of the run, or another one opened with the settings of the run."""

    def threshold(self) -> tuple[float, str] | None:
        """Threshold and its source, None if neither the test nor the run sets one."""
        return None

    def fdr(self) -> tuple[float, str] | None:
        """False discovery rate and its source, None if neither the test nor the run sets one."""
        return None

    def max_rate(self) -> tuple[float, str] | None:
        """Tolerated share and its source, None if neither the test nor the run sets one."""
        return None

    def engine(self) -> EngineChoice:
        """What searches."""
        return EngineChoice()

    def canaries(self) -> tuple[int, str] | None:
        """Canaries that a check has to find and the source of the number, None if the run sets none."""
        return None

    def allow_unproved(self) -> bool:
        """Whether a check may pass on vectors of an import that nothing proves."""
        return False

    def accepted(self) -> str | None:
        """File of accepted matches, None without one."""
        return None

    def complexity(self) -> bool:
        """Whether complexity figures are wanted."""
        return False

    def objects(self) -> bool:
        """Whether copies of parts count."""
        return False

    def object_points(self) -> tuple[int, str] | None:
        """From how many points on a part is a copy and the source of the number, None if nothing sets it."""
        return None

    def begin(self) -> None:
        """Take note that a check begins, which `record` or `note` ends."""
        return

    def page(self) -> str | None:
        """The page that will show the pairs of a check side by side, None where the run writes none."""
        return None

    @abstractmethod
    def record(self, verdict: Verdict, asserted: bool) -> None:
        """Take note of a verdict, and whether it fails the test by itself."""

    def picture(self, verdict: Verdict, samples: Samples, index: Index) -> None:
        """Draw what a verdict is about, where the run wants that; called after `record`."""
        return

    def picture_pixels(self, verdict: ExtractionVerdict, samples: Samples, index: Index) -> None:
        """The same for a verdict about pixels; called after `note`."""
        return

    @abstractmethod
    def note(self, row: dict[str, Any], asserted: bool, tell: Callable[[], str] | None = None) -> None:
        """Take note of a verdict of another kind, and whether it fails the test by itself.

        Args:
            row: plain data: ``kind``, ``check``, ``outcome``, ``cells`` (count, closest and rule, in words),
                ``warnings``, ``searched`` and ``index`` as in a verdict about replication, and its own.
            asserted: whether it fails the test by itself.
            tell: what makes the text that its failure shows, for runs that want it.
        """

    def amend(self, **told: str) -> None:
        """Add to the row of the check that was noted last."""
        return

    @abstractmethod
    def broke(self) -> None:
        """Take note that the gate broke: whatever the test makes of it, it must not look green."""


def current() -> Surroundings | None:
    """The run that this code is part of, None outside one and in threads of their own."""
    run = RUN.get()
    return None if run is None else run()


@contextmanager
def surrounded_by(surroundings: Surroundings | None) -> Iterator[None]:
    """Let checks inside the block take what they leave open from a run, None for no run."""
    token = RUN.set(lambda: surroundings)
    try:
        yield
    finally:
        RUN.reset(token)
