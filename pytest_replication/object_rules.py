"""From how many points on a part counts as a copy in a check, and where the number comes from.

Precedence as for thresholds: call > marker > command line > ini file > default.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pytest_replication.errors import SettingsError
from pytest_replication.objects import ObjectRule
from pytest_replication.surroundings import Surroundings

ObjectsGiven = ObjectRule | int | bool | None
"""What a call may say of parts: a rule, from how many points on, whether they count, or nothing."""


def find_object_rule(given: object, run: Surroundings | None) -> ObjectRule | None:
    """Resolve what a call leaves open about parts.

    Args:
        given: of the call, an `ObjectsGiven`.
        run: that the call is part of, None outside one.

    Returns:
        When a part counts as a copy; None where only whole images are judged.

    Raises:
        SettingsError: a value that cannot be used.
    """
    if isinstance(given, ObjectRule):
        return given
    if given is None:
        given = run is not None and run.objects()
    if isinstance(given, (bool, np.bool_)):
        return _of_run(run) if given else None
    if isinstance(given, (int, np.integer)):
        return ObjectRule(int(given), "call")
    raise SettingsError(
        f"objects is {given!r}; expected True, False, from how many points on a part is a copy, or an "
        "ObjectRule"
    )


def object_rule_again(rule: ObjectRule | None, points: int | None, file: str) -> ObjectRule | None:
    """The rule under which stored matches are judged again.

    Args:
        rule: that of then.
        points: given now; what was measured of the rule of then does not hold for it.
        file: that the matches were read from.

    Raises:
        SettingsError: no such number.
    """
    if points is not None:
        return ObjectRule(points, "command line")
    return None if rule is None else replace(rule, source=f"{rule.source}, as in {file}")


def _of_run(run: Surroundings | None) -> ObjectRule:
    chosen = None if run is None else run.object_points()
    return ObjectRule() if chosen is None else ObjectRule(*chosen)
