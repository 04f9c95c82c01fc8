"""The side of a calibration that is about parts, in plain text and as plain data."""

from __future__ import annotations

from typing import Any

from pytest_replication.index.calibration import Calibration
from pytest_replication.reports.part_warnings import MANY
from pytest_replication.reports.words import percent
from pytest_replication.stats.points import images_to_prove


def objects_data(found: Calibration) -> dict[str, Any] | None:
    """Turn it into plain data; None where parts were not calibrated."""
    if (parts := found.objects) is None:
        return None
    return {
        "points": int(parts.points),
        "images": len(parts),
        "counts": [int(count) for count in parts.counts],
        "rate": float(parts.rate),
        "bound": float(parts.bound),
        "confidence": float(parts.confidence),
        "proved": bool(parts.proved),
        "grid": parts.grid,
        "candidates": int(parts.candidates),
        "detector": parts.detector,
        "evidence": parts.evidence,
        "planted": int(parts.planted),
        "planted_found": int(parts.planted_found),
        "closest": [
            {
                "uri": one.uri,
                "training_id": one.training_id,
                "training_uri": one.training_uri,
                "points": int(one.points),
            }
            for one in parts.closest
        ],
    }


def objects_lines(found: Calibration) -> list[str]:
    """What was measured of parts, for a terminal; empty where nothing was."""
    if (parts := found.objects) is None:
        return []
    reached, bound = sum(points >= parts.points for points in parts.null), percent(parts.bound)
    return [
        f"  parts        a copy from {parts.points} points on: {reached} of {len(parts)} images have "
        f"as many, at most {bound} of all such (95 % confidence); the most are {len(parts.counts) - 1}",
        *(
            [f"  planted      {parts.planted_found} of {parts.planted} copies of parts are found"]
            if parts.planted
            else []
        ),
        *(
            f"  closest part {one.points} points  {one.uri} -> {one.training_uri}"
            for one in parts.closest[:1]
        ),
    ]


def objects_warnings(found: Calibration) -> list[str]:
    """What weakens it, a sentence each."""
    if (parts := found.objects) is None:
        return []
    said = []
    if not parts.proved:
        said.append(
            f"{len(parts)} images do not prove that at most {percent(parts.rate)} of innocent samples have "
            f"a part that counts as a copy, only {percent(parts.bound)}: it takes "
            f"{images_to_prove(parts.rate):,} or more (--objects N), or a larger --fpr"
        )
    if 2 * parts.planted_found < parts.planted:
        said.append(
            f"{parts.points} points find {parts.planted_found} of {parts.planted} planted copies of parts: "
            "most would pass"
        )
    if parts.points > MANY:
        said.append(
            f"a part counts as a copy from {parts.points} points on, so that small ones pass: images of the "
            "null share parts with training images, such as emblems, lettering or a place; look at the "
            "closest, and leave out what is copied"
        )
    return said
