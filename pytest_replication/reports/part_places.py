"""Where the parts of a pair lie, in a few words. Standard library only: what is read may be of anyone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytest_replication.reports.values import number


def part_place(pair: Mapping[str, Any]) -> str:
    """Tell where the part that is a copy lies in both images of a pair.

    Args:
        pair: of a file of results, whose ``part`` has corners as fractions of width and height.

    Returns:
        The boxes around both, in whole percent from the left and from the top; empty where there are none.
    """
    part = pair.get("part")
    if not isinstance(part, Mapping):
        return ""
    mine, theirs = _box(part.get("sample")), _box(part.get("training"))
    return f"{mine} of the sample, {theirs} of the training image" if mine and theirs else ""


def _box(corners: object) -> str:
    """The box around corners; empty for what are none."""
    across, down = [], []
    for corner in corners if isinstance(corners, list) else ():
        x, y = map(number, corner) if isinstance(corner, list) and len(corner) == 2 else (None, None)
        if x is None or y is None:
            return ""
        across.append(_percent(x))
        down.append(_percent(y))
    if not across:
        return ""
    return f"{min(across)} to {max(across)} % across, {min(down)} to {max(down)} % down"


def _percent(edge: float) -> int:
    return round(100 * min(1.0, max(0.0, edge)))
