"""Whether a gate found its canaries. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pytest_replication.search.matches import Match, Sighting, Sightings


@dataclass(frozen=True, slots=True)
class Control:
    """The positive control of a verdict: copies that were put among its samples, and that it found.

    There is no control that failed: that is `ControlFailed`, and no verdict.

    Attributes:
        asked: canaries that went the way of the samples.
        found: canaries whose training image was found, with a score that counts as replicated.
        lowest: lowest score among them, None without any.
        stored: canaries that the index has, None if none were planted.
        reachable: those of them that scored enough when they were planted.
        tried: copies that were planted when the index was calibrated.
        tried_found: copies of them that were found.
        absent: why there is no control; empty where there is one.
    """

    asked: int = 0
    found: int = 0
    lowest: float | None = None
    stored: int | None = None
    reachable: int = 0
    tried: int = 0
    tried_found: int = 0
    absent: str = ""


def judge_control(seen: Sightings, counts: Callable[[Match], bool]) -> tuple[Control, str]:
    """Judge what was seen of the canaries.

    Args:
        seen: what was seen of them.
        counts: whether a match would make a sample count as replicated.

    Returns:
        The control, and why it failed; empty if it did not.
    """
    hits = [one for one in seen.of if one.match is not None and counts(one.match)]
    moved = [one for one in seen.of if _moved(one) > seen.allowance]
    good = [one for one in hits if one not in moved]
    control = Control(
        asked=len(seen.of),
        found=len(good),
        lowest=min((one.match.score for one in seen.of if one.match is not None), default=None),
        stored=seen.stored,
        reachable=seen.reachable,
        tried=seen.tried,
        tried_found=seen.found,
        absent=seen.absent,
    )
    if len(good) == len(seen.of):
        return control, ""
    lost = [one for one in seen.of if one.match is None]
    low = [one for one in seen.of if one.match is not None and one not in hits]
    reasons = [
        _told(lost, "did not lead to the training image that they copy"),
        _told(low, f"scored too little (down to {_lowest(low):.3f})"),
        _told(moved, f"scored otherwise than when they were planted (by up to {_farthest(moved):.2g})"),
    ]
    return control, ", ".join(reason for reason in reasons if reason)


def _moved(one: Sighting) -> float:
    """How far the score is from what it was; NaN would count as far."""
    if one.match is None:
        return 0.0
    distance = abs(one.match.score - one.planted)
    return distance if distance == distance else float("inf")


def _told(ones: list[Sighting], what: str) -> str:
    edits = ", ".join(sorted({one.edit for one in ones}))
    return f"{len(ones)} {what} (edits: {edits})" if ones else ""


def _lowest(ones: list[Sighting]) -> float:
    return min((one.match.score for one in ones if one.match is not None), default=float("nan"))


def _farthest(ones: list[Sighting]) -> float:
    return max(map(_moved, ones), default=0.0)
