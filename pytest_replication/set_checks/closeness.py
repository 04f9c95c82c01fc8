"""Are samples closer to the training images than images that the model never saw?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pytest_replication.choices import CanaryChoice
from pytest_replication.errors import SampleError
from pytest_replication.index.reader import Index
from pytest_replication.models.samples import Samples
from pytest_replication.score_text import score_text
from pytest_replication.search import Subject
from pytest_replication.set_checks.holdout import (
    NAME,
    HoldoutRule,
    HoldoutScores,
    score_holdout,
    stored_scores,
)
from pytest_replication.set_checks.independent import one_a_prompt, told_of_prompts
from pytest_replication.set_checks.running import Call, Scores, run_check, search_samples
from pytest_replication.set_checks.unseen import holdout_samples
from pytest_replication.set_verdicts import Finding, HoldoutVerdict, overall
from pytest_replication.stats.holm import holm
from pytest_replication.stats.twosample import (
    MannWhitney,
    TailTest,
    detectable_superiority,
    mann_whitney,
    samples_to_detect,
    tail_test,
)
from pytest_replication.verdicts import Outcome

POWER = 0.8


def measure_closeness(samples: object, holdout: object, rule: HoldoutRule, call: Call) -> HoldoutVerdict:
    """Compare the scores of samples with those of a hold-out.

    Raises:
        ReplicationError: the samples, the hold-out, the index or the settings do not allow a verdict.
    """

    def work(index: Index, choice: CanaryChoice) -> HoldoutVerdict:
        rule.check()
        stored = stored_scores(index, rule) if holdout is None else None
        found = search_samples(index, Samples.of(samples), call.name, choice)
        unseen = stored or score_holdout(index, holdout_samples(holdout), rule, found.vectors, found.subject)
        return judge_closeness(found.scores, unseen, rule, found.subject, index.rows, found.notes)

    return run_check(call, work)


def judge_closeness(
    scores: Scores,
    unseen: HoldoutScores,
    rule: HoldoutRule,
    subject: Subject,
    searched: int,
    notes: Sequence[str],
) -> HoldoutVerdict:
    """Test both histograms against each other; nothing is measured here.

    A pass is given only if the sets are large enough to find an effect of `rule.detect`: what so few
    images cannot show is not shown to be absent. Repeated samples count once for that. Of samples that share
    a prompt one is tested, drawn at random; if all of them together would fail, nothing passes.

    Raises:
        SampleError: all scores are the same.
    """
    drawn = one_a_prompt(subject)
    try:
        shift, tail, (p_shift, p_tail) = _tests(scores[drawn], unseen.scores, rule)
        together = min(_tests(scores, unseen.scores, rule)[2])
    except ValueError as error:
        raise SampleError(f"samples and hold-out cannot be compared: {error}") from error
    n, m = min(len(drawn), subject.distinct or len(drawn)), len(unseen.scores)
    findings = (
        _whole(shift, p_shift, detectable_superiority(n, m, rule.alpha / 2, POWER), rule),
        _tail(tail, p_tail, _detectable_share(n, unseen.scores, rule), rule),
        *told_of_prompts(len(scores), len(drawn), together, rule.alpha),
    )
    outcome = overall(findings)
    return HoldoutVerdict(
        outcome=outcome,
        assertion=NAME,
        story=_story(outcome, shift, tail),
        findings=findings,
        subject=subject,
        searched=searched,
        holdout=m,
        holdout_source=unseen.source,
        notes=(*notes, *unseen.notes, f"alpha {rule.alpha:g} over both tests (Holm)"),
        to_settle=_needed(rule, n, m) if outcome is Outcome.INCONCLUSIVE else "",
        shift=shift,
        tail=tail,
        alpha=rule.alpha,
    )


def _tests(
    scores: Scores, holdout: Scores, rule: HoldoutRule
) -> tuple[MannWhitney, TailTest, tuple[float, float]]:
    """Both tests, and their p-values adjusted for each other."""
    shift, tail = mann_whitney(scores, holdout), tail_test(scores, holdout, rule.level)
    first, second = holm([shift.p, tail.p])
    return shift, tail, (first, second)


def _detectable_share(n: int, holdout: Scores, rule: HoldoutRule) -> float | None:
    """Share of n samples above the percentile that the test of the tail would find; None if none."""
    return tail_test(np.zeros(n), holdout, rule.level).detectable(rule.alpha / 2, POWER)


def _whole(shift: MannWhitney, p: float, least: float, rule: HoldoutRule) -> Finding:
    """What the test of the whole histograms says.

    Args:
        shift: the test.
        p: adjusted.
        least: probability of superiority that sets of this size find.
        rule: how it is decided.
    """
    return Finding(
        "whole",
        f"Mann-Whitney p {p:.3g}; a sample scores higher than a hold-out image with probability "
        f"{shift.superiority:.3f} (95 % from {shift.lower:.3f} to {shift.upper:.3f}; Cliff's delta "
        f"{shift.cliffs_delta:+.3f}); {100 * POWER:g} % power from {min(1.0, least):.3f} on",
        _outcome(p, rule.alpha, least <= rule.detect),
        p,
        {
            "superiority": shift.superiority,
            "lower": shift.lower,
            "upper": shift.upper,
            "cliffs_delta": shift.cliffs_delta,
            "p_alone": shift.p,
            "detectable": min(1.0, least),
        },
    )


def _tail(tail: TailTest, p: float, share: float | None, rule: HoldoutRule) -> Finding:
    """What the test of the tails says.

    Args:
        tail: the test.
        p: adjusted.
        share: share above the percentile that sets of this size find; None if none.
        rule: how it is decided.
    """
    return Finding(
        "tail",
        f"p {p:.3g}; {tail.above} of {tail.samples} samples above {score_text(tail.cut)}, the hold-out's "
        f"{100 * rule.level:g}th percentile; chance brings {tail.expected:.1f}"
        + (f"; {100 * POWER:g} % power from {100 * share:.3g} % on" if share else ""),
        _outcome(p, rule.alpha, share is not None),
        p,
        {
            "above": tail.above,
            "expected": tail.expected,
            "cut": tail.cut,
            "level": tail.level,
            "p_alone": tail.p,
            "detectable": share,
        },
    )


def _outcome(p: float, alpha: float, large_enough: bool) -> Outcome:
    if p <= alpha:
        return Outcome.FAIL
    return Outcome.PASS if large_enough else Outcome.INCONCLUSIVE


def _story(outcome: Outcome, shift: MannWhitney, tail: TailTest) -> str:
    numbers = (
        f"(probability of superiority {shift.superiority:.3f}, {100 * tail.share:.3g} % above the "
        f"{100 * tail.level:g}th percentile)"
    )
    if outcome is Outcome.FAIL:
        return f"{shift.samples} samples are closer to the training images than the hold-out {numbers}"
    if outcome is Outcome.PASS:
        return f"{shift.samples} samples are not closer to the training images than the hold-out {numbers}"
    return f"inconclusive: {shift.samples} samples and {shift.holdout} hold-out images are too few {numbers}"


def _needed(rule: HoldoutRule, n: int, m: int) -> str:
    each = samples_to_detect(rule.detect, rule.alpha / 2, POWER)
    return (
        f"about {each} independent samples and as many hold-out images find a probability of superiority of "
        f"{rule.detect:g}; {n} and {m} were given"
    )
