"""What weakens the rule for parts of a verdict, whatever its outcome."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def part_warnings(found: Mapping[str, Any] | None, outcome: str) -> list[str]:
    """What weakens the rule for parts, a sentence each.

    Args:
        found: what `reports.objects.objects_data` makes of a verdict.
        outcome: of the verdict.
    """
    if found is None:
        return []
    said = []
    if (other := found["points_overridden"]) and other["laxer"]:
        said.append(
            f"{found['points']} points of a part ({found['points_source']}) are laxer than {other['name']} "
            f"({other['points']}): copies of parts with fewer pass"
        )
    if found["false_rate"] is None and found["replicated"] and outcome != "pass":
        said.append(
            f"how many innocent images have a part with {found['points']} points was not measured: look at "
            "the pairs, and calibrate the index with parts (calibrate --objects N)"
        )
    return said
