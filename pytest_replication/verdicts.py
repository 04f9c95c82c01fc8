"""The verdict of the gate: what was measured, what was tolerated, and what follows."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from pytest_replication.accepted import Acceptance
from pytest_replication.controls.judged import Control
from pytest_replication.controls.judged_parts import PartControl
from pytest_replication.policy import Policy
from pytest_replication.search.match import Match
from pytest_replication.search.matches import Matches
from pytest_replication.stats.power import Gate, at_most
from pytest_replication.tallies import Tally, tally

NO_CONTROL = Control(absent="none were planted")


class Outcome(StrEnum):
    """What a verdict says."""

    PASS = "pass"  # noqa: S105
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was measured, what was tolerated, and what follows.

    Attributes:
        outcome: pass, fail or inconclusive.
        policy: what was tolerated.
        matches: everything that was measured.
        replicated: best matches of the replicated samples, worst (highest score) first; where their best
            ones are accepted, the best that are not. Behind them those that are replicated by a part alone,
            most points first (`Match.kind`).
        rate_upper: upper Clopper-Pearson bound of the rate of replicated samples, from the number of
            samples that are distinct, no narrower than over whole prompts where these are known. Where an
            approximate engine searched, it is divided by the recall that its certificate proves;
            without a certificate it is 1. It is 1 with a false discovery rate, too, which bounds no rate
            (see `check_claim`). See `confidence`.
        rate_lower: lower bound; 0 with a false discovery rate.
        needed: samples (or prompts, where the rate counts these) that would settle an inconclusive
            verdict; None if it is settled, or if no number would.
        control: copies that were planted among the samples, and that were found.
        part_control: copies of parts that were planted among the samples, and that were found; None where
            parts do not count.
        beside: best object match of each sample that is replicated by its score while a part of it lies on a
            part of a training image, too: of the one that the score names, where that is among them.
        undecided: best matches of samples with next to nothing in them that reach the threshold and of which
            pixels cannot tell whether they are replicated; the upper bound counts them.
        cleared: those of such samples that are not replicated, since all training images that reach the
            threshold have next to nothing in them either, and clearly something else.
        accepted: matches in reach of the threshold that do not count because they are accepted, worst
            first. Their samples stay in the number that rates are shares of.
        expired: matches that count although they were accepted, since that has expired.
        unused: entries of the file of accepted matches that no match needs here.
        unchecked: numbers of samples of which parts could not be compared with all their candidates, and that
            are not replicated: with one of them nothing passes, and the upper bound counts them.
    """

    outcome: Outcome
    policy: Policy
    matches: Matches
    replicated: tuple[Match, ...]
    rate_upper: float
    rate_lower: float
    needed: int | None = None
    control: Control = NO_CONTROL
    part_control: PartControl | None = None
    beside: tuple[Match, ...] = ()
    undecided: tuple[Match, ...] = ()
    cleared: tuple[Match, ...] = ()
    accepted: tuple[Match, ...] = ()
    expired: tuple[Match, ...] = ()
    unused: tuple[Acceptance, ...] = ()
    unchecked: tuple[int, ...] = ()

    def __bool__(self) -> bool:
        """Refuse: every object is true, so ``assert check_replication(…)`` would always pass.

        Raises:
            TypeError: always.
        """
        raise TypeError("a verdict is not true or false: ask verdict.passed, or use assert_no_replication")

    @property
    def passed(self) -> bool:
        """Whether the outcome is a pass; inconclusive is not."""
        return self.outcome is Outcome.PASS

    @property
    def confidence(self) -> float:
        """Of the bounds of the rate: that of the policy.

        Where they also rest on a certificate, either may be wrong, so that what it leaves open is
        taken off: 0.9 for 0.95 and 0.95.
        """
        return self.policy.confidence - (1 - self.matches.by.confidence)

    @property
    def p_values(self) -> tuple[float, ...]:
        """Conformal p-value of each sample; empty where the index is not calibrated."""
        return self.matches.p_values

    @property
    def expected_false(self) -> float | None:
        """Samples that are expected to reach the threshold if the model copies nothing, at most.

        None where that was not measured, or where a false discovery rate decides.
        """
        rate = self.policy.false_rate
        return None if rate is None or self.policy.fdr is not None else rate * self.samples

    @property
    def beyond_gate(self) -> bool:
        """Whether so many samples fail a model that copies nothing more often than the calibration wanted.

        It was for fewer, and what `max_rate` tolerates does not make up for that, or nobody knows.
        """
        policy, rate = self.policy, self.policy.false_rate
        if not 1 < policy.gate < self.samples:
            return False
        if policy.per != "sample" or policy.max_rate == 0 or rate is None or not 0 < rate < 1:
            return True
        gate = Gate.of(self.samples, policy.max_rate, max(0.5, self.confidence))
        return gate.pass_chance(rate) < at_most(0, policy.gate, rate)

    @property
    def samples(self) -> int:
        """Number of samples."""
        return len(self.matches.of)

    @property
    def rate(self) -> float:
        """Share of the samples that is replicated."""
        return len(self.replicated) / self.samples

    @property
    def tally(self) -> Tally:
        """How many samples, prompts and training images were replicated."""
        return tally(self.matches, self.replicated)

    @property
    def worst(self) -> Match:
        """The match with the highest score, accepted or not."""
        return max(self.matches.best, key=lambda match: match.score)

    @property
    def closest(self) -> Match:
        """The match with the highest score that is not accepted; `worst` if all are."""
        aside = {(match.sample, match.row) for match in self.accepted}
        left = (next((m for m in found if (m.sample, m.row) not in aside), None) for found in self.matches.of)
        return max((m for m in left if m is not None), key=lambda match: match.score, default=self.worst)
