"""Whether a gate found its canaries. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from pytest_replication.score_text import score_text
from pytest_replication.search.match import Match
from pytest_replication.search.sightings import Sighting, Sightings


@dataclass(frozen=True, slots=True)
class Control:
    """The positive control of a verdict: copies that were put among its samples, and that it found.

    There is no control that failed: that is `ControlFailed`, and no verdict.

    Attributes:
        asked: canaries that went the way of the samples.
        found: canaries whose training image was found, with a score that counts as replicated.
        lowest: lowest score among them, None without any.
        stored: canaries that the index has, None if none were planted.
        reachable: those of them that scored enough when they were planted, at most.
        tried: copies that were planted when the index was calibrated.
        tried_found: copies of them that were found.
        absent: why there is no control; empty where there is one.
        beyond: canaries that were found, and scored too little for this threshold when they were planted:
            they control nothing. None in a check that measures, which draws no such canary; there may be some
            where matches are judged again.
    """

    asked: int = 0
    found: int = 0
    lowest: float | None = None
    stored: int | None = None
    reachable: int = 0
    tried: int = 0
    tried_found: int = 0
    absent: str = ""
    beyond: int = 0


def judge_control(seen: Sightings, line: Callable[[Match], float]) -> tuple[Control, str]:
    """Judge what was seen of the canaries.

    Args:
        seen: what was seen of them.
        line: the score from which on a match makes a sample count as replicated.

    Returns:
        The control, and why it failed; empty if it did not.
    """
    beyond = [one for one in seen.of if _is_beyond(one, seen.allowance, line)]
    of = [one for one in seen.of if one not in beyond]
    hits = [one for one in of if one.match is not None and one.match.score >= line(one.match)]
    moved = [one for one in of if _moved(one) > seen.allowance]
    good = [one for one in hits if one not in moved]
    control = Control(
        asked=len(of),
        found=len(good),
        lowest=min((one.match.score for one in of if one.match is not None), default=None),
        stored=seen.stored,
        reachable=seen.reachable - len(beyond),
        tried=seen.tried,
        tried_found=seen.found,
        absent=seen.absent,
        beyond=len(beyond),
    )
    if beyond and not of:
        return control, (
            f"none of them can reach this threshold: they control one of up to {_controlled_up_to(seen):g}; "
            "measure again, with canaries that can"
        )
    if len(good) == len(of):
        return control, ""
    lost = [one for one in of if one.match is None]
    low = [one for one in of if one.match is not None and one not in hits]
    reasons = [
        _told(lost, "did not lead to the training image that they copy"),
        _told(low, f"scored too little (down to {_lowest(low, line)})"),
        _told(moved, f"scored otherwise than when they were planted (by up to {_farthest(moved):.2g})"),
    ]
    return control, ", ".join(reason for reason in reasons if reason)


def _is_beyond(one: Sighting, allowance: float, line: Callable[[Match], float]) -> bool:
    """Whether a canary was found as it was planted, and no check at this threshold would have drawn it."""
    if one.match is None or not _moved(one) <= allowance:
        return False
    limit = line(one.match)
    return one.planted < limit + min(allowance, (1 - limit) / 2)


def _controlled_up_to(seen: Sightings) -> float:
    """The highest threshold that a canary can reach with its margin, rounded down."""
    best = max(one.planted for one in seen.of)
    return math.floor(1e6 * max(best - seen.allowance, 2 * best - 1)) / 1e6


def _moved(one: Sighting) -> float:
    """How far the score is from what it was; NaN would count as far."""
    if one.match is None:
        return 0.0
    distance = abs(one.match.score - one.planted)
    return distance if distance == distance else float("inf")


def _told(ones: list[Sighting], what: str) -> str:
    edits = ", ".join(sorted({one.edit for one in ones}))
    return f"{len(ones)} {what} (edits: {edits})" if ones else ""


def _lowest(ones: list[Sighting], line: Callable[[Match], float]) -> str:
    """The lowest score beside the threshold that it missed; empty without one."""
    found = min((one.match for one in ones if one.match is not None), key=lambda it: it.score, default=None)
    return "" if found is None else score_text(found.score, line(found))


def _farthest(ones: list[Sighting]) -> float:
    return max(map(_moved, ones), default=0.0)
