"""Is a percentile of the scores of samples below a value?"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pytest_replication.choices import CanaryChoice
from pytest_replication.errors import SettingsError
from pytest_replication.index.reader import Index
from pytest_replication.models.samples import Samples
from pytest_replication.score_text import score_text
from pytest_replication.search import Subject
from pytest_replication.set_checks.independent import first_of_each, independent
from pytest_replication.set_checks.running import Call, Scores, run_check, search_samples
from pytest_replication.set_verdicts import Finding, PercentileVerdict
from pytest_replication.stats.intervals import samples_to_prove
from pytest_replication.stats.percentile import PercentileBounds, percentile_bounds, widest
from pytest_replication.verdicts import Outcome

NAME = "assert_percentile_below"


def measure_percentile(
    samples: object, *, percentile: float, value: float, confidence: float, call: Call
) -> PercentileVerdict:
    """Bound a percentile of the scores of samples, and compare it with a value.

    Raises:
        ReplicationError: the samples, the index or the settings do not allow a verdict.
    """

    def work(index: Index, choice: CanaryChoice) -> PercentileVerdict:
        _check(percentile, value, confidence)
        found = search_samples(index, Samples.of(samples), call.name, choice)
        return judge_percentile(
            found.scores,
            percentile,
            value,
            confidence,
            found.subject,
            index.rows,
            found.notes,
            first_of_each(found.vectors),
        )

    return run_check(call, work)


def judge_percentile(
    scores: Scores,
    percentile: float,
    value: float,
    confidence: float,
    subject: Subject,
    searched: int,
    notes: tuple[str, ...] = (),
    first: NDArray[np.int64] | None = None,
) -> PercentileVerdict:
    """Pass where the upper bound is below the value, fail where the lower bound is not.

    The bounds hold with and without repeats: one image given many times may not push others out of sight.

    Args:
        scores: (n,) of the samples.
        percentile: 1 to below 100.
        value: what it has to be below.
        confidence: of each bound.
        subject: what was compared with what.
        searched: rows of the index.
        notes: what a reader has to know.
        first: numbers of the samples that repeat no earlier one; None where none does.
    """
    level, n = percentile / 100, len(scores)
    distinct = independent(subject)
    bounds = _bounds(scores, level, confidence, distinct, first)
    what = f"the {percentile:g}th percentile of {n} scores is {score_text(bounds.estimate, value)}"
    outcome, story = _judged(bounds, value, what)
    reach = int((scores >= value).sum())
    finding = Finding(
        f"{percentile:g}th",
        f"{score_text(bounds.estimate, value)}, {_told(bounds, value)} at {100 * confidence:g} % confidence; "
        f"{reach} of {n} samples reach {value:g}",
        outcome,
        None,
        _figures(percentile, value, confidence, bounds, reach),
    )
    return PercentileVerdict(
        outcome=outcome,
        assertion=NAME,
        story=story,
        findings=(finding,),
        subject=subject,
        searched=searched,
        notes=notes,
        to_settle=_needed(reach / n, level, confidence, n, distinct)
        if outcome is Outcome.INCONCLUSIVE
        else "",
        bounds=bounds,
        value=value,
    )


def _bounds(
    scores: Scores, level: float, confidence: float, distinct: int, first: NDArray[np.int64] | None
) -> PercentileBounds:
    """Bounds that hold with repeats and without them."""
    bounds = percentile_bounds(scores, level, confidence, distinct=distinct)
    if first is None or len(first) == len(scores):
        return bounds
    once = percentile_bounds(scores[first], level, confidence, distinct=min(distinct, len(first)))
    return widest(bounds, once)


def _figures(
    percentile: float, value: float, confidence: float, bounds: PercentileBounds, reach: int
) -> dict[str, float | None]:
    return {
        "percentile": percentile,
        "value": value,
        "estimate": bounds.estimate,
        "lower": bounds.lower,
        "upper": bounds.upper,
        "confidence": confidence,
        "reach": reach,
    }


def _check(percentile: float, value: float, confidence: float) -> None:
    if not 1 <= percentile < 100:
        raise SettingsError(f"percentile {percentile}: give 1 to below 100, such as 95 for the 95th")
    if not -1 < value <= 1:
        raise SettingsError(f"value {value} is no score: give a number above -1 and at most 1")
    if not 0.5 <= confidence < 1:
        raise SettingsError(f"confidence {confidence} proves nothing: give 0.5 to below 1, such as 0.95")


def _told(bounds: PercentileBounds, value: float) -> str:
    above = "unbounded below" if bounds.lower is None else f"at least {score_text(bounds.lower, value)}"
    below = "unbounded above" if bounds.upper is None else f"at most {score_text(bounds.upper, value)}"
    return f"{above}, {below}"


def _judged(bounds: PercentileBounds, value: float, what: str) -> tuple[Outcome, str]:
    """The outcome, and a sentence that begins with what was measured."""
    if bounds.lower is not None and bounds.lower >= value:
        at_least = score_text(bounds.lower, value)
        return Outcome.FAIL, f"{what}, and at least {at_least}: not below {value:g}"
    if bounds.upper is not None and bounds.upper < value:
        at_most = score_text(bounds.upper, value)
        return Outcome.PASS, f"{what}, and at most {at_most}: below {value:g}"
    told = f"{what}, {_told(bounds, value)}; it has to be below {value:g}"
    return Outcome.INCONCLUSIVE, f"inconclusive: {told}"


def _needed(share: float, level: float, confidence: float, n: int, distinct: int) -> str:
    needed = samples_to_prove(share, 1 - level, confidence)
    if needed is None:
        return "the percentile is at the value: no feasible number of samples tells them apart"
    return (
        f"about {needed} independent samples, if as many reach the value; {distinct} of {n} are independent"
    )
