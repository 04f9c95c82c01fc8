"""What a comparison of two releases says. Values only."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from pytest_replication.baseline.images import Image
from pytest_replication.baseline.measured import Measured

NOT_ALIKE = "not measured alike: "
"""How a note begins that says what two measurements do not have in common."""


class Change(StrEnum):
    """What became of a check since the baseline."""

    WORSE = "worse"
    BETTER = "better"
    NO_DIFFERENCE = "no difference shown"


@dataclass(frozen=True, slots=True)
class Test:
    """One test of two releases, in both directions.

    Attributes:
        what: what was compared, in words.
        old: the figure then.
        new: the figure now.
        worse: one-sided p-value: how often chance alone brings a rise as large.
        better: one-sided p-value of a fall.
        found: smallest figure of the new release that would have been found worse in 4 of 5 runs; None where
            so few samples could find nothing.
    """

    __test__ = False

    what: str
    old: float
    new: float
    worse: float
    better: float
    found: float | None = None


@dataclass(frozen=True, slots=True)
class Compared:
    """One check, then and now.

    Attributes:
        old: in the baseline.
        new: in the run.
        change: what became of it.
        tests: what was tested; p-values as they came out.
        worse: p-value of each for a rise, adjusted for the number of all tests of the comparison.
        better: the same for a fall.
        new_images: training images that samples replicate now, and none did then; worst first.
        gone_images: the other way round.
        notes: what was not tested, and what may explain a change.
    """

    old: Measured
    new: Measured
    change: Change
    tests: tuple[Test, ...] = ()
    worse: tuple[float, ...] = ()
    better: tuple[float, ...] = ()
    new_images: tuple[Image, ...] = ()
    gone_images: tuple[Image, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two runs, compared.

    Attributes:
        old: file of the baseline.
        old_written: when it was written.
        old_outcome: of its run.
        new: file of the run, empty where there is none yet.
        level: adjusted p-value from which on a change is one.
        checks: those of both runs; of a test that was run again, those of each time.
        missing: checks that only the baseline has: id, and name where there is one.
        added: checks that only the run has.
        notes: what holds for all checks.
        private: names in it are digests, as both runs have them.
    """

    old: str
    old_written: str
    old_outcome: str
    new: str
    level: float
    checks: tuple[Compared, ...]
    missing: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    private: bool = False

    @property
    def worse(self) -> tuple[Compared, ...]:
        """Checks that became worse, beyond what chance explains."""
        return tuple(check for check in self.checks if check.change is Change.WORSE)

    @property
    def better(self) -> tuple[Compared, ...]:
        """Checks that became better, beyond what chance explains."""
        return tuple(check for check in self.checks if check.change is Change.BETTER)
