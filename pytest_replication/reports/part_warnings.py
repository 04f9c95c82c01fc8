"""What weakens the rule for parts of a verdict, whatever its outcome."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

MANY = 24
"""Points above which a rule overlooks small copies: three times the default."""


def part_warnings(found: Mapping[str, Any] | None, outcome: str, *, controlled: bool = False) -> list[str]:
    """What weakens the rule for parts, a sentence each.

    Args:
        found: what `reports.objects.objects_data` makes of a verdict.
        outcome: of the verdict.
        controlled: whether there is a control of whole images, so that none of parts is a gap.
    """
    if found is None:
        return []
    said = []
    if (other := found["points_overridden"]) and other["laxer"]:
        said.append(
            f"{found['points']} points of a part ({found['points_source']}) are laxer than {other['name']} "
            f"({other['points']}): copies of parts with fewer pass"
        )
    if found["points"] > MANY:
        said.append(
            f"a part counts as a copy from {found['points']} points on: copies of small parts, which have "
            "fewer, pass"
        )
    if found["false_rate"] is None and found["replicated"] and outcome != "pass":
        said.append(
            f"how many innocent images have a part with {found['points']} points was not measured: look at "
            "the pairs, and calibrate the index with parts (calibrate --objects N)"
        )
    control = found["control"]
    if control["absent"] and controlled:
        said.append(f"no positive control of parts: {control['absent']} (calibrate --objects N plants some)")
    if control["asked"] and 2 * control["planted_found"] < control["planted"]:
        said.append(
            f"nearly blind to parts: only {control['planted_found']} of {control['planted']} planted parts "
            "of training images were found when the index was calibrated"
        )
    return said
