"""Verdicts about samples as a set: each is a few findings, of which some decide and some only inform."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pytest_replication.errors import SearchError
from pytest_replication.search.subject import Subject
from pytest_replication.stats.data_copying import DataCopying
from pytest_replication.stats.percentile import PercentileBounds
from pytest_replication.stats.twosample import MannWhitney, TailTest
from pytest_replication.verdicts import Outcome


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was measured.

    Attributes:
        name: of the test or the figure.
        said: what came out, in words.
        outcome: what it says by itself; None where it only informs.
        p: of a test, adjusted for the tests beside it; None where there is none.
        numbers: what came out, for programs.
    """

    name: str
    said: str
    outcome: Outcome | None = None
    p: float | None = None
    numbers: Mapping[str, float | int | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for number in (self.p, *self.numbers.values()):
            if number is not None and not math.isfinite(number):
                raise SearchError(f"{self.name} came to {number}: nothing can be told from it")


@dataclass(frozen=True, slots=True, kw_only=True)
class SetVerdict:
    """What was measured of a set of samples, and what follows.

    Attributes:
        outcome: pass, fail or inconclusive.
        assertion: name of the assertion.
        story: what came out, in one line.
        findings: what was measured; the outcome follows from those that have one.
        subject: what was compared with what.
        searched: rows of the index that were compared with every sample; 0 where none had to be.
        holdout: hold-out images that were used; 0 where there were none.
        holdout_source: where they come from.
        notes: what a reader has to know to weigh it.
        to_settle: what would settle it, where it is inconclusive.
        canaries: planted copies that the index holds for its positive control, None for none; 0 where
            no training image was searched.
    """

    outcome: Outcome
    assertion: str
    story: str
    findings: tuple[Finding, ...]
    subject: Subject
    searched: int = 0
    holdout: int = 0
    holdout_source: str = ""
    notes: tuple[str, ...] = ()
    to_settle: str = ""
    canaries: int | None = 0

    def __bool__(self) -> bool:
        """Refuse: every object is true, so that ``assert`` on a verdict would always pass.

        Raises:
            TypeError: always.
        """
        raise TypeError(f"a verdict is not true or false: ask verdict.passed, or use {self.assertion}")

    @property
    def passed(self) -> bool:
        """Whether the outcome is a pass; inconclusive is not."""
        return self.outcome is Outcome.PASS

    @property
    def samples(self) -> int:
        """Number of samples."""
        return len(self.subject.samples)


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldoutVerdict(SetVerdict):
    """Whether samples are closer to the training images than hold-out images are.

    Attributes:
        shift: the sets as a whole.
        tail: their upper ends.
        alpha: false alarms of both tests together.
    """

    shift: MannWhitney
    tail: TailTest
    alpha: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PercentileVerdict(SetVerdict):
    """Whether a percentile of the scores of samples is below a value.

    Attributes:
        bounds: the percentile and its bounds.
        value: what it has to be below.
    """

    bounds: PercentileBounds
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyingVerdict(SetVerdict):
    """Whether samples lie closer to training images than hold-out images do, cell by cell.

    Attributes:
        copying: the test of each cell, and C_T.
        alpha: false alarms of all cells together.
    """

    copying: DataCopying
    alpha: float


@dataclass(frozen=True, slots=True, kw_only=True)
class WithinVerdict(SetVerdict):
    """Whether samples repeat each other.

    Attributes:
        threshold: score from which on two samples are one image twice.
        threshold_source: where it comes from.
        groups: numbers of the samples of each image that was given more than once, largest group first.
        repeated: samples that repeat an earlier one.
        max_share: share of the samples that may.
    """

    threshold: float
    threshold_source: str
    groups: tuple[tuple[int, ...], ...]
    repeated: int
    max_share: float


def overall(findings: Sequence[Finding]) -> Outcome:
    """What findings say together: one failure fails, and a pass needs all that decide.

    Raises:
        SearchError: none of them decides, so that nothing can pass.
    """
    said = [finding.outcome for finding in findings if finding.outcome is not None]
    if not said:
        raise SearchError("nothing was tested, so nothing can pass")
    if Outcome.FAIL in said:
        return Outcome.FAIL
    return Outcome.INCONCLUSIVE if Outcome.INCONCLUSIVE in said else Outcome.PASS
