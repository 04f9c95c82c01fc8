"""What is tolerated: the threshold, the rate, and what may be set aside."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from pytest_replication.accepted import NOTHING, Accepted
from pytest_replication.errors import SettingsError
from pytest_replication.index import Record
from pytest_replication.objects import ObjectRule
from pytest_replication.search.match import Match
from pytest_replication.stored_fields import NOT_STORED
from pytest_replication.tallies import PER

_ABOUT = 0.9
"""Share of the tolerated rate from which on a false-positive rate is about as large."""


@dataclass(frozen=True, slots=True)
class GroupThresholds:
    """A threshold for each group of training images; a sample has that of its nearest training image.

    Attributes:
        by: ``label`` or ``caption``.
        thresholds: by the name of the group.
        rest: for training images of no such group.
    """

    by: str
    thresholds: Mapping[str, float]
    rest: float


@dataclass(frozen=True, slots=True)
class Policy:
    """What is tolerated.

    A sample is replicated when its score >= `threshold`, or that of its group, or, with `fdr`, when
    Benjamini-Hochberg rejects its conformal p-value among those of all samples; with `objects` also when a
    part of it reaches that rule. With `max_rate` 0 none of the samples may be. With a `max_rate` above 0 the
    policy claims a rate of the model: it passes when the upper bound of the rate is at most `max_rate`, fails
    when the lower bound is above it, and is inconclusive between the two.

    Attributes:
        threshold: score, in (-1, 1].
        threshold_source: where it comes from, for people.
        max_rate: share of replicated samples, in [0, 1).
        max_rate_source: where it comes from, for people.
        confidence: of the one-sided bounds, in [0.5, 1); a certificate that a pass rests on must have
            it too.
        allow_unproved: let imported vectors that nothing proves bring more than a failure.
        accepted: matches that people looked at: they do not count as replicated, and the sample is judged
            by its next match.
        fdr: false discovery rate, in (0, 1), None to judge by the threshold. `threshold` is then the
            score from which on one sample alone is replicated.
        fdr_source: where it comes from, for people.
        groups: thresholds of groups, None for one threshold.
        false_rate: share of real images that the model never saw which reach the threshold, at most
            and on average; None where that was not measured.
        gate: samples of the gate that the threshold was calibrated for; 1 where it is about one sample.
        per: what the rate counts: ``sample``, or ``prompt`` for prompts of which a sample is replicated.
        overridden: what the threshold took the place of, the calibration or the embedder's default, and the
            threshold there; None where there was neither.
        unmeasured: the threshold is the embedder's default: of images like these nothing was measured.
        objects: when a part counts as a copy; None to judge whole images only.

    Raises:
        SettingsError: a value outside its range.
    """

    threshold: float
    threshold_source: str = "call"
    max_rate: float = 0.0
    max_rate_source: str = "default"
    confidence: float = 0.95
    allow_unproved: bool = field(default=False, metadata=NOT_STORED)
    accepted: Accepted = field(default=NOTHING, metadata=NOT_STORED)
    fdr: float | None = None
    fdr_source: str = ""
    groups: GroupThresholds | None = None
    false_rate: float | None = None
    gate: int = 1
    per: str = "sample"
    overridden: tuple[str, float] | None = None
    unmeasured: bool = False
    objects: ObjectRule | None = None

    def __post_init__(self) -> None:
        # Written so that NaN fails each test.
        if self.fdr is not None and not 0 < self.fdr < 1:
            raise SettingsError(
                f"fdr {self.fdr} ({self.fdr_source}) is no false discovery rate: give a number between 0 "
                "and 1"
            )
        if not -1 < self.threshold <= 1:
            raise SettingsError(
                f"threshold {self.threshold} ({self.threshold_source}) can never decide: scores are "
                "cosines, give a number above -1 and at most 1"
            )
        if not 0 <= self.max_rate < 1:
            raise SettingsError(
                f"max_rate {self.max_rate} ({self.max_rate_source}) is no share that could be exceeded: "
                "give a number from 0 to below 1 (5 % is 0.05)"
            )
        if not 0.5 <= self.confidence < 1:
            raise SettingsError(
                f"confidence {self.confidence} proves nothing: give 0.5 to below 1, such as 0.95"
            )
        if self.per not in PER:
            raise SettingsError(f"a rate per {self.per!r} is wanted; expected per='sample' or per='prompt'")

    def at(self, threshold: float, source: str) -> Policy:
        """The same with another threshold; what followed from a calibration does not hold for it.

        Raises:
            SettingsError: it is no score.
        """
        return replace(
            self,
            threshold=threshold,
            threshold_source=source,
            fdr=None,
            fdr_source="",
            groups=None,
            false_rate=None,
            gate=1,
            overridden=self.overridden or (None if self.fdr else ("the check of then", self.threshold)),
            unmeasured=False,
        )

    @property
    def laxer(self) -> bool:
        """Whether the threshold is higher than what it took the place of, so that more passes."""
        return self.fdr is None and self.overridden is not None and self.threshold > self.overridden[1]

    @property
    def unprovable(self) -> bool:
        """Whether a model that copies nothing is flagged about as often as is tolerated, or more.

        No number of its samples then brings the upper bound of the rate down to `max_rate`, but by luck.
        """
        rate = self.false_rate
        return self.fdr is None and rate is not None and 0 < self.max_rate * _ABOUT <= rate

    @property
    def line(self) -> float | Callable[[Record], float]:
        """The threshold for any sample, or where groups have their own what tells it of the nearest image."""
        return self.threshold if self.groups is None else self.threshold_near

    def threshold_for(self, match: Match) -> float:
        """The threshold for a sample, given its best match."""
        return self.threshold_near(match.record)

    def threshold_near(self, record: Record) -> float:
        """The threshold for a sample, given its nearest training image."""
        if self.groups is None:
            return self.threshold
        group = getattr(record, self.groups.by)
        return self.groups.thresholds.get(group or "", self.groups.rest)
