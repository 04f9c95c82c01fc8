"""Whether a check found its canaries of parts. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_replication.controls.parts import safe
from pytest_replication.search.sightings import PartSightings


@dataclass(frozen=True, slots=True)
class PartControl:
    """The positive control of the search for parts: copies that were put among the samples, and found.

    There is no control that failed: that is `ControlFailed`, and no verdict.

    Attributes:
        asked: canaries that went the way of the samples, and can reach the number of points.
        fewest: fewest points among them, None without any.
        stored: canaries of parts that the index has.
        tried: copies of parts that were planted when the index was calibrated.
        tried_found: of them, those that were found.
        absent: why there is no control; empty where there is one.
    """

    asked: int = 0
    fewest: int | None = None
    stored: int = 0
    tried: int = 0
    tried_found: int = 0
    absent: str = ""


def judge_part_control(seen: PartSightings, points: int) -> tuple[PartControl, str]:
    """Judge what was seen of the canaries of parts.

    Args:
        seen: what was seen of them.
        points: from which on a part counts as a copy.

    Returns:
        The control, and why it failed; empty if it did not.
    """
    of = [one for one in seen.of if one.planted >= safe(points)]
    control = PartControl(
        len(of),
        min((one.points for one in of), default=None),
        seen.stored,
        seen.tried,
        seen.found,
        seen.absent,
    )
    if seen.of and not of:
        return control, f"none of {len(seen.of)} had the {safe(points)} points that this takes when planted"
    lost = [one for one in of if one.points < points]
    if not lost:
        return control, ""
    return control, (
        f"{len(lost)} of {len(of)} have too few points (down to {min(one.points for one in lost)}; they had "
        f"{min(one.planted for one in lost)} or more when they were planted)"
    )
