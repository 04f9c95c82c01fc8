"""What chance alone brings at a calibrated threshold, and what to do where a verdict is no more than that.

A verdict stays what it is: nobody but the user can say that replicated samples are innocent.
"""

from __future__ import annotations

from pytest_replication.verdicts import Outcome, Verdict

_USUAL = 0.05
"""Probability from which on as many replicated samples are no more than chance brings."""


def as_many_by_chance(verdict: Verdict) -> float | None:
    """Probability that as many samples of a model that copies nothing reach the threshold, at most.

    All that reach it count, accepted ones too; samples are taken as independent. None where the rate of
    false positives was not measured, or where a false discovery rate decides.
    """
    from pytest_replication.stats.power import more_than

    rate = verdict.policy.false_rate
    if rate is None or verdict.policy.fdr is not None:
        return None
    matches = verdict.matches.best
    reached = sum(match.score >= verdict.policy.threshold_for(match) for match in matches)
    return 1.0 if rate >= 1 else float(more_than(reached - 1, len(matches), rate)) if reached else 1.0


def chance_lines(verdict: Verdict) -> list[str]:
    """What a model that copies nothing would show, and the ways out where this is all that was found."""
    policy = verdict.policy
    if policy.fdr is not None:
        who = "replicated samples" if policy.objects is None else "samples replicated by their score"
        return [f"  by chance  of the {who} at most {_share(policy.fdr)} are innocent, on average"]
    if verdict.expected_false is None:
        return []
    rate, samples = _share(policy.false_rate or 0), verdict.samples
    line = (
        f"  by chance  {rate} of real images that the model never saw score as high: of {samples} samples of "
        f"a model that copies nothing, {verdict.expected_false:.2g} are expected"
    )
    as_many = as_many_by_chance(verdict) or 0.0
    by_part = any(match.part is not None for match in verdict.replicated)  # of these the rate says nothing
    if by_part or policy.max_rate or verdict.outcome is not Outcome.FAIL or as_many < _USUAL:
        return [line]
    index = verdict.matches.subject.index
    return [
        f"{line}; {len(verdict.replicated)} is not more than chance brings: as many in {_share(as_many)} of "
        "such gates",
        "  ways out   look at the pairs first: a copy counts even where chance brings as many; if all are "
        f"innocent, tolerate a rate well above {rate} (--max-rate; --replication-max-rate in pytest), bound "
        "the innocent share of what is replicated (--fdr; --replication-fdr), or take the threshold of a "
        f"whole gate ('pytest-replication calibrate {index} --samples {samples}', with the --holdout and "
        "--fpr of before)",
    ]


def _share(rate: float) -> str:
    return f"{100 * rate:.3g} %"
