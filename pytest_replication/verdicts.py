"""Matches and a policy → a verdict. Pure: nothing is read, embedded, searched or shown here."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from pytest_replication.accepted import NOTHING, Acceptance, Accepted
from pytest_replication.accepted.sorting import in_reach, sort_out
from pytest_replication.blank import judge_blanks
from pytest_replication.controls.judged import Control, judge_control
from pytest_replication.errors import (
    CalibrationError,
    ControlFailed,
    IndexMismatch,
    SampleError,
    SearchError,
    SettingsError,
)
from pytest_replication.index import Record
from pytest_replication.search.matches import Match, Matches
from pytest_replication.stats.fdr import benjamini_hochberg
from pytest_replication.stats.null import needed as null_needed
from pytest_replication.tallies import PER, Tally, bounds, tally

_ABOUT = 0.9
"""Share of the tolerated rate from which on a false-positive rate is about as large."""
NO_CONTROL = Control(absent="none were planted")


class Outcome(StrEnum):
    """What a verdict says."""

    PASS = "pass"  # noqa: S105
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"


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
    Benjamini-Hochberg rejects its conformal p-value among those of all samples. With `max_rate` 0 none
    of the samples may be. With a `max_rate` above 0 the policy claims a rate of the model: it passes
    when the upper bound of the rate is at most `max_rate`, fails when the lower bound is above it, and
    is inconclusive between the two.

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

    Raises:
        SettingsError: a value outside its range.
    """

    threshold: float
    threshold_source: str = "call"
    max_rate: float = 0.0
    max_rate_source: str = "default"
    confidence: float = 0.95
    allow_unproved: bool = field(default=False, metadata={"stored": False})
    accepted: Accepted = field(default=NOTHING, metadata={"stored": False})
    fdr: float | None = None
    fdr_source: str = ""
    groups: GroupThresholds | None = None
    false_rate: float | None = None
    gate: int = 1
    per: str = "sample"

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
        )

    @property
    def unprovable(self) -> bool:
        """Whether a model that copies nothing is flagged about as often as is tolerated, or more.

        No number of its samples then brings the upper bound of the rate down to `max_rate`, but by luck.
        """
        rate = self.false_rate
        return self.fdr is None and rate is not None and 0 < self.max_rate * _ABOUT <= rate

    def threshold_for(self, match: Match) -> float:
        """The threshold for a sample, given its best match."""
        return self.threshold_near(match.record)

    def threshold_near(self, record: Record) -> float:
        """The threshold for a sample, given its nearest training image."""
        if self.groups is None:
            return self.threshold
        group = getattr(record, self.groups.by)
        return self.groups.thresholds.get(group or "", self.groups.rest)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was measured, what was tolerated, and what follows.

    Attributes:
        outcome: pass, fail or inconclusive.
        policy: what was tolerated.
        matches: everything that was measured.
        replicated: best matches of the replicated samples, worst (highest score) first; where their best
            ones are accepted, the best that are not.
        rate_upper: upper Clopper-Pearson bound of the rate of replicated samples, from the number of
            samples that are distinct, no narrower than over whole prompts where these are known. Where an
            approximate engine searched, it is divided by the recall that its certificate proves;
            without a certificate it is 1. It is 1 with a false discovery rate, too, which bounds no rate
            (see `check_claim`). See `confidence`.
        rate_lower: lower bound; 0 with a false discovery rate.
        needed: samples (or prompts, where the rate counts these) that would settle an inconclusive
            verdict; None if it is settled, or if no number would.
        control: copies that were planted among the samples, and that were found.
        undecided: best matches of samples with next to nothing in them that reach the threshold and of which
            pixels cannot tell whether they are replicated; the upper bound counts them.
        cleared: those of such samples that are not replicated, since all training images that reach the
            threshold have next to nothing in them either, and clearly something else.
        accepted: matches in reach of the threshold that do not count because they are accepted, worst
            first. Their samples stay in the number that rates are shares of.
        expired: matches that count although they were accepted, since that has expired.
        unused: entries of the file of accepted matches that no match needs here.
    """

    outcome: Outcome
    policy: Policy
    matches: Matches
    replicated: tuple[Match, ...]
    rate_upper: float
    rate_lower: float
    needed: int | None = None
    control: Control = NO_CONTROL
    undecided: tuple[Match, ...] = ()
    cleared: tuple[Match, ...] = ()
    accepted: tuple[Match, ...] = ()
    expired: tuple[Match, ...] = ()
    unused: tuple[Acceptance, ...] = ()

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


def judge(matches: Matches, policy: Policy) -> Verdict:
    """Judge matches under a policy.

    Matches that were measured once can be judged again under another policy.

    Raises:
        SettingsError: a rate is claimed of what a false discovery rate finds.
        SampleError: there are no samples.
        SearchError: no row was searched, a sample has no match, a score is not a number, or anything
            but a failure would rest on an engine without a certificate for this threshold and
            confidence, or on matches that were not kept because those that were are all accepted.
        CalibrationError: a false discovery rate has to decide and the samples have no p-values, or none
            that could tell a single one of them.
        IndexMismatch: anything but a failure would rest on vectors of which nothing proves that this
            embedder made them, and the policy does not allow it.
        ControlFailed: canaries were put among the samples and not all of them were found.
    """
    check_claim(policy)
    _check(matches)
    recall = _recall(matches, policy)
    reaches = _reaching(matches, policy)
    found = sort_out(matches, reaches, policy.accepted)
    found.hits.sort(key=lambda match: (-match.score, match.sample))
    blanks = judge_blanks(
        matches,
        found.hits,
        reaches,
        found.accepted,
        one_line=policy.groups is None and policy.fdr is None,
    )
    hits, undecided = blanks.replicated, blanks.undecided
    bound = bounds(matches, hits, policy.per, policy.confidence)
    most = bounds(matches, (*hits, *undecided), policy.per, policy.confidence) if undecided else bound
    upper, lower = 1.0 if recall is None else min(1.0, most.upper / recall), bound.lower
    if policy.fdr is not None:
        upper, lower = 1.0, 0.0
    outcome = _outcome(len(hits), len(undecided), upper, lower, policy.max_rate)
    control = _control(matches, policy, recall, len(hits))
    if recall is None and outcome is not Outcome.FAIL:
        raise SearchError(
            matches.by.note
            or f"{matches.by.engine} found no failure, and has no certificate at {policy.threshold:g}"
        )
    if found.open and outcome is not Outcome.FAIL:
        raise SearchError(_exhausted(matches, found.open))
    if matches.subject.unproved and outcome is not Outcome.FAIL and not policy.allow_unproved:
        raise IndexMismatch(_unproved(matches))
    needed = None
    if outcome is Outcome.INCONCLUSIVE and not undecided and not policy.unprovable:
        k, n = tally(matches, hits).of(policy.per)
        needed = bound.needed(k / n, policy.max_rate, policy.confidence)
    return Verdict(
        outcome,
        policy,
        matches,
        hits,
        upper,
        lower,
        needed,
        control,
        undecided,
        blanks.cleared,
        accepted=found.accepted,
        expired=found.expired,
        unused=found.unused,
    )


def check_claim(policy: Policy) -> None:
    """Refuse to claim a rate of what a false discovery rate finds.

    Whether Benjamini-Hochberg rejects a sample depends on all others: it rejects fewer than are as close, so
    that no bound of their number is one of a rate of the model.

    Raises:
        SettingsError: so it is.
    """
    if policy.fdr is not None and policy.max_rate > 0:
        raise SettingsError(
            f"a false discovery rate of {policy.fdr:g} ({policy.fdr_source}) decides which samples are "
            f"replicated, and proves no rate of the model: a rate of {policy.max_rate:g} "
            f"({policy.max_rate_source}) takes a threshold; give threshold= in the call, or leave one of the "
            "two out"
        )


def reached(matches: Matches, policy: Policy, sample: int) -> tuple[Match, ...]:
    """Kept matches of a sample, best first, up to the first that would not make it replicated.

    Raises:
        CalibrationError: as `judge`.
    """
    return in_reach(matches.of[sample], _reaching(matches, policy))


def unused_entries(matches: Matches, policy: Policy, accepted: Accepted) -> tuple[Acceptance, ...]:
    """Entries of a file of accepted matches that no match needs under a policy.

    Raises:
        CalibrationError: as `judge`.
    """
    return sort_out(matches, _reaching(matches, policy), accepted).unused


def _reaching(matches: Matches, policy: Policy) -> Callable[[Match, int], bool]:
    """Whether a match, in its place among its sample's, makes it replicated if none before it counts."""
    if policy.fdr is None:
        return lambda match, place: match.score >= policy.threshold_for(match)
    rejected = _rejected(matches, policy.fdr)
    # Where the best match is accepted, the one behind it is held against the same line: what is accepted for
    # one sample moves nothing for the others. Without its p-value it counts.
    line = policy.fdr * sum(rejected) / len(rejected)
    return lambda match, place: (
        rejected[match.sample] and (place == 0 or (matches.p_value(match.sample, place) or 0.0) <= line)
    )


def _exhausted(matches: Matches, samples: tuple[int, ...]) -> str:
    kept, name = len(matches.of[samples[0]]), matches.subject.samples[samples[0]]
    more = f" (and for {len(samples) - 1} more samples)" if len(samples) > 1 else ""
    return (
        f"all {kept} training images that were kept for {name} are accepted, and others may be as near"
        f"{more}: keep more with top_k= (the call) or --neighbours (pytest-replication check)"
    )


def _rejected(matches: Matches, fdr: float) -> list[bool]:
    """Which samples Benjamini-Hochberg rejects."""
    n, again = len(matches.of), f"'pytest-replication calibrate {matches.subject.index} --holdout IMAGES'"
    if len(matches.p_values) != n or not all(0 < p <= 1 for p in matches.p_values):
        raise CalibrationError(
            f"{n} samples have {len(matches.p_values)} p-values from 0 to 1, and a false discovery rate "
            f"takes one of each: calibrate the index ({again}), or give a threshold"
        )
    check_least(fdr, n, matches.p_least, matches.subject.index)
    return [bool(taken) for taken in benjamini_hochberg(matches.p_values, fdr)]


def check_least(fdr: float, samples: int, least: float, index: str) -> None:
    """Refuse a false discovery rate at which no sample alone could be told among so many.

    Args:
        fdr: the false discovery rate.
        samples: how many there are.
        least: the smallest p-value that there can be.
        index: for the message.

    Raises:
        CalibrationError: so it is.
    """
    rate = fdr / samples
    if not least <= rate:
        raise CalibrationError(
            f"a false discovery rate of {100 * fdr:g} % among {samples} samples takes "
            f"{null_needed(rate)} images in the calibration of {index} (or in a group of it), which has "
            f"{round(1 / least) - 1}: no single sample could be told; calibrate with more images "
            f"('pytest-replication calibrate {index} --holdout IMAGES'), give fewer samples or a threshold"
        )


def _recall(matches: Matches, policy: Policy) -> float | None:
    """What the search finds at least, 1 for all; None if nothing is known for this policy."""
    by = matches.by
    if by.exact:
        return 1.0
    if policy.fdr is not None or policy.groups is not None:
        return None  # a certificate is about one threshold
    same = by.threshold is not None and abs(by.threshold - policy.threshold) < 1e-6
    sure = by.confidence >= policy.confidence
    return by.recall if same and sure and by.recall is not None and 0 < by.recall <= 1 else None


def _control(matches: Matches, policy: Policy, recall: float | None, hits: int) -> Control:
    """Judge the canaries as samples are judged."""
    control, failure = judge_control(matches.canaries, policy.threshold_for)
    if not failure:
        return control
    by, index = matches.by, matches.subject.index
    if not control.asked:
        raise ControlFailed(
            f"nothing controls a gate at {policy.threshold:g}: the {control.beyond} canaries that were "
            f"measured are right, but {failure}: 'pytest-replication check {index} SAMPLES --threshold "
            f"{policy.threshold:g}'; or do without a control (--canaries 0)"
        )
    told = f"{by.engine} found only {control.found} of {control.asked} canaries ({failure})"
    if recall is None:  # nobody relies on this engine: the exact scan decides
        raise SearchError(told)
    other = "" if by.exact else "leave the engine out or certify it again, "
    raise ControlFailed(
        f"the gate does not find what it has to: {told}: canaries are edited copies of training images of "
        f"{index}, put among the samples, that score >= {policy.threshold:g} where all works, so that its "
        f"word on {len(matches.of)} samples ({hits} replicated) counts for nothing; {other}look for what has "
        f"changed in the embedder, check the index with 'pytest-replication verify {index}', plant others "
        f"with 'pytest-replication calibrate {index}', or do without a control (--replication-canaries 0 in "
        "pytest, --canaries 0 in pytest-replication check)"
    )


def _unproved(matches: Matches) -> str:
    subject = matches.subject
    return (
        f"vectors of {subject.index} were imported and nothing proves that {subject.embedder} made them, so "
        f"that {len(matches.of)} samples far from all of them prove nothing: import again with --images "
        "FOLDER --overwrite, or allow it with --replication-allow-unproved (pytest), --allow-unproved "
        "(pytest-replication check) or allow_unproved=True (the call)"
    )


def _check(matches: Matches) -> None:
    if not matches.of:
        raise SampleError("there are no samples: nothing was compared, so nothing can pass")
    if matches.searched < 1:
        raise SearchError("no row of the index was searched, so nothing can pass")
    for number, found in enumerate(matches.of):
        if not found or not all(math.isfinite(match.score) for match in found):
            raise SearchError(f"sample {number} has no finite score, so nothing can pass")


def _outcome(hits: int, undecided: int, upper: float, lower: float, max_rate: float) -> Outcome:
    if max_rate == 0:
        if hits:
            return Outcome.FAIL
        return Outcome.INCONCLUSIVE if undecided else Outcome.PASS
    if upper <= max_rate:
        return Outcome.PASS
    return Outcome.FAIL if lower > max_rate else Outcome.INCONCLUSIVE
