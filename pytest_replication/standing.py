"""What a verdict has to stand on: finite scores, canaries that were found, vectors that are proved. Pure."""

from __future__ import annotations

import math

from pytest_replication.controls.judged import Control, judge_control
from pytest_replication.controls.judged_parts import PartControl, judge_part_control
from pytest_replication.errors import ControlFailed, IndexMismatch, SampleError, SearchError
from pytest_replication.policy import Policy
from pytest_replication.search.matches import Matches


def check_measured(matches: Matches) -> None:
    """Refuse matches in which something was not measured.

    Raises:
        SampleError: there are no samples.
        SearchError: no row was searched, or a sample has no match with a finite score.
    """
    if not matches.of:
        raise SampleError("there are no samples: nothing was compared, so nothing can pass")
    if matches.searched < 1:
        raise SearchError("no row of the index was searched, so nothing can pass")
    for number, found in enumerate(matches.of):
        if not found or not all(math.isfinite(match.score) for match in found):
            raise SearchError(f"sample {number} has no finite score, so nothing can pass")


def judge_canaries(matches: Matches, policy: Policy, recall: float | None, hits: int) -> Control:
    """Judge the canaries as samples are judged.

    Args:
        matches: everything that was measured.
        policy: what is tolerated.
        recall: what the search finds at least; None where nobody relies on it.
        hits: number of replicated samples.

    Raises:
        ControlFailed: not all of them were found.
        SearchError: so it is, of an engine that nobody relies on.
    """
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
        f"with the command that 'pytest-replication info {index}' shows, or do without a control "
        "(--replication-canaries 0 in pytest, --canaries 0 in pytest-replication check)"
    )


def judge_part_canaries(matches: Matches, policy: Policy) -> PartControl | None:
    """Judge the canaries of parts; None where parts do not count.

    Args:
        matches: everything that was measured, parts among it where they count.
        policy: what is tolerated.

    Raises:
        ControlFailed: not all of them were found.
    """
    if policy.objects is None or matches.objects is None:
        return None
    control, failure = judge_part_control(matches.objects.canaries, policy.objects.points)
    if failure:
        index = matches.subject.index
        raise ControlFailed(
            "the search for parts does not find what it has to: parts of training images of "
            f"{index} were put on others, among the samples, and {failure}, where {policy.objects.points} "
            f"are enough, so that its word on parts of {len(matches.of)} samples counts for nothing: look "
            "for what has changed in the embedder or OpenCV, check the index with 'pytest-replication verify "
            f"{index}', plant others with the command that 'pytest-replication info {index}' shows, or do "
            "without a control "
            "(--replication-canaries 0 in pytest, --canaries 0 in pytest-replication check)"
        )
    return control


def check_ground(
    matches: Matches,
    policy: Policy,
    recall: float | None,
    left_open: tuple[int, ...],
    open_parts: tuple[int, ...] = (),
) -> None:
    """Refuse anything but a failure that would rest on what nothing proves.

    Args:
        matches: everything that was measured.
        policy: what is tolerated.
        recall: what the search finds at least; None if nothing is known.
        left_open: samples of which all kept matches are accepted while others may be in reach.
        open_parts: samples of which that holds of all training images that their parts led to.

    Raises:
        SearchError: it would rest on an engine without a certificate, or on matches that were not kept.
        IndexMismatch: it would rest on vectors of which nothing proves that this embedder made them.
    """
    if recall is None:
        raise SearchError(
            matches.by.note
            or f"{matches.by.engine} found no failure, and has no certificate at {policy.threshold:g}"
        )
    if left_open:
        raise SearchError(_exhausted(matches, left_open))
    if open_parts:
        raise SearchError(_exhausted_parts(matches, open_parts))
    if matches.subject.unproved and not policy.allow_unproved:
        raise IndexMismatch(_unproved(matches))


def _exhausted(matches: Matches, samples: tuple[int, ...]) -> str:
    kept, name = len(matches.of[samples[0]]), matches.subject.samples[samples[0]]
    more = f" (and for {len(samples) - 1} more samples)" if len(samples) > 1 else ""
    return (
        f"all {kept} training images that were kept for {name} are accepted, and others may be as near"
        f"{more}: keep more with top_k= (the call) or --neighbours (pytest-replication check)"
    )


def _exhausted_parts(matches: Matches, samples: tuple[int, ...]) -> str:
    more = f" (and of {len(samples) - 1} more samples)" if len(samples) > 1 else ""
    return (
        f"all training images that parts of {matches.subject.samples[samples[0]]}{more} led to are accepted, "
        "and others may be alike: check the samples anew, with these accepted, so that others are looked at"
    )


def _unproved(matches: Matches) -> str:
    subject = matches.subject
    return (
        f"vectors of {subject.index} were imported and nothing proves that {subject.embedder} made them, so "
        f"that {len(matches.of)} samples far from all of them prove nothing: import again with --images "
        "FOLDER --overwrite, or allow it with --replication-allow-unproved (pytest), --allow-unproved "
        "(pytest-replication check) or allow_unproved=True (the call)"
    )
