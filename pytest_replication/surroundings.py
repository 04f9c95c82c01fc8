"""What a check takes from the run it is part of, where the call leaves it open.

Kept apart from `pytest_replication.check`, which imports numpy: the run needs only this.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_replication.context import RUN

if TYPE_CHECKING:
    from pytest_replication.extraction_verdicts import ExtractionVerdict
    from pytest_replication.index.reader import Index
    from pytest_replication.models.samples import Samples
    from pytest_replication.verdicts import Verdict


FEWEST_POINTS = 4
"""Points below which parts of any two images agree, so that no rule may ask for fewer."""
EXACT = "exact"
"""Name of the scan that scores every row."""


@dataclass(frozen=True, slots=True)
class EngineChoice:
    """What may search in the place of the exact scan, and how far it is trusted.

    Attributes:
        engine: ``exact``, or the name of an approximate engine: what that finds is real and may fail
            a check.
        allow_approximate: let a check pass on the word of an approximate engine, under a certificate
            of its recall at the threshold of the check. Without one the exact scan decides.
        min_recall: what a certificate has to prove, between 0 and 1.
    """

    engine: str = EXACT
    allow_approximate: bool = False
    min_recall: float = 0.999


@dataclass(frozen=True, slots=True)
class CanaryChoice:
    """How many canaries of the index a check has to find.

    Attributes:
        count: canaries that go the way of the samples; 0 for no control, which every report says.
        source: where the number comes from, for people. An index without canaries is an error where
            somebody asked for some, and a warning by default.
    """

    count: int = 16
    source: str = "default"

    @property
    def asked_for(self) -> bool:
        """Whether somebody asked for this number."""
        return self.source != "default"


class Surroundings(ABC):
    """A run, as seen from one test."""

    @abstractmethod
    def index(self, path: str | None = None) -> Index:
        """The index of the run, or another one opened with the settings of the run."""

    @abstractmethod
    def threshold(self) -> tuple[float, str] | None:
        """Threshold and its source, None if neither the test nor the run sets one."""

    def fdr(self) -> tuple[float, str] | None:
        """False discovery rate and its source, None if neither the test nor the run sets one."""
        return None

    @abstractmethod
    def max_rate(self) -> tuple[float, str] | None:
        """Tolerated share and its source, None if neither the test nor the run sets one."""

    @abstractmethod
    def engine(self) -> EngineChoice:
        """What searches."""

    @abstractmethod
    def canaries(self) -> tuple[int, str] | None:
        """Canaries that a check has to find and the source of the number, None if the run sets none."""

    @abstractmethod
    def allow_unproved(self) -> bool:
        """Whether a check may pass on vectors of an import that nothing proves."""

    def accepted(self) -> str | None:
        """File of accepted matches, None without one."""
        return None

    @abstractmethod
    def complexity(self) -> bool:
        """Whether complexity figures are wanted."""

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
