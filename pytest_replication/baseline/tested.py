"""The tests of one check, then and now: of its rate, and of the upper end of its scores."""

from __future__ import annotations

import math

from pytest_replication.baseline.changes import Test
from pytest_replication.baseline.comparable import same_scores
from pytest_replication.baseline.measured import Measured
from pytest_replication.score_text import score_text
from pytest_replication.stats.releases import detectable_rate, more_hits
from pytest_replication.stats.twosample import tail_test

TAILS = (0.95, 0.99)
"""Percentiles of the baseline above which samples are counted."""
_FEWEST = 2
"""Scores of the baseline above a percentile that it takes to know where that is."""
_DISTINCT = 0.95
"""Share of the samples that has to be distinct, so that their scores are independent enough."""


def tests_of(old: Measured, new: Measured, level: float) -> tuple[list[Test], list[str]]:
    """Test whether a check became worse or better.

    Args:
        old: in the baseline.
        new: now.
        level: p-value that counts as found, for what the tests could have found.

    Returns:
        The tests, and what was not tested, with the reason.
    """
    tests, notes = [], []
    if old.fdr or new.fdr:
        notes.append(
            "rates were not tested: what a false discovery rate finds depends on the number of samples"
        )
    else:
        tests.append(rate_of(old, new, level))
    reason = _untested(old, new) or _too_few(old, new)
    if reason:
        notes.append(f"scores were not tested: {reason}")
    else:
        tests += _tails(old, new, level)
    return tests, notes


def units(one: Measured) -> tuple[float, ...]:
    """Scores of what is independent: the highest of each prompt where samples share prompts, else all."""
    if not one.clustered:
        return one.scores
    highest: dict[int, float] = {}
    for cluster, score in zip(one.clusters, one.scores, strict=True):
        highest[cluster] = max(score, highest.get(cluster, -1.0))
    return tuple(highest.values())


def rate_of(old: Measured, new: Measured, level: float) -> Test:
    """Fisher's exact test of a rate, from the distinct samples; hits are rounded so that it finds less."""
    (k, n), (more, m) = old.counted, new.counted
    then, now = (n, m) if new.clustered else (old.distinct or n, new.distinct or m)
    at_most, at_least = math.ceil(k * then / n), more * now // m
    return Test(
        "rate of prompts" if new.clustered else "rate",
        k / n,
        more / m,
        worse=more_hits((at_most, then), (at_least, now)),
        better=more_hits((math.ceil(more * now / m), now), (k * then // n, then)),
        found=detectable_rate((at_most, then), now, level),
    )


def _untested(old: Measured, new: Measured) -> str:
    if not same_scores(old, new):
        return "those of other embedders, indexes or numbers of samples a prompt mean something else"
    if new.clustered and not (old.clusters and new.clusters):
        return "samples share prompts, and a file does not say which"
    for one, when in ((old, "then"), (new, "now")):
        if not one.clustered and one.distinct and one.distinct < _DISTINCT * one.samples:
            return f"only {one.distinct} of {one.samples} samples are distinct ({when})"
    return ""


def _too_few(old: Measured, new: Measured) -> str:
    """Why not even the lowest percentile is tested; empty where it is."""
    then, now, needed = len(units(old)), len(units(new)), _needed(TAILS[0])
    if min(then, now) >= needed:
        return ""
    what = "prompts" if new.clustered else "samples"
    return (
        f"{then} {what} then and {now} now are too few: it takes {needed} of both releases, and "
        f"{_needed(TAILS[-1])} for the {100 * TAILS[-1]:g}th percentile"
    )


def _needed(tail: float) -> int:
    """Scores of each release that it takes to know where a percentile is."""
    return math.ceil(round(_FEWEST / (1 - tail), 6))


def _tails(old: Measured, new: Measured, level: float) -> list[Test]:
    """Samples above percentiles of the other release: exact, whatever the distribution."""
    then, now = units(old), units(new)
    what = "prompts" if new.clustered else "samples"
    found = []
    for tail in TAILS:
        if min(len(then), len(now)) < _needed(tail):
            continue
        up, down = tail_test(now, then, tail), tail_test(then, now, tail)
        found.append(
            Test(
                f"share of {what} above {score_text(up.cut)}, the {100 * tail:g}th percentile of the "
                "baseline",
                sum(score > up.cut for score in then) / len(then),
                up.share,
                worse=up.p,
                better=down.p,
                found=up.detectable(level),
            )
        )
    return found
