"""Who says from how many points on a part is a copy."""

from __future__ import annotations

import numpy as np
import pytest
from made_run import MadeRun

from pytest_replication import Index
from pytest_replication.errors import SettingsError
from pytest_replication.object_rules import find_object_rule
from pytest_replication.objects import POINTS, ObjectRule
from pytest_replication.surroundings import Surroundings


def made(wanted: bool, points: tuple[int, str] | None = None) -> MadeRun:
    return MadeRun(objects_wanted=wanted, given_points=points)


LINE = (12, "command line")
DEFAULT = ("the default", POINTS)


@pytest.mark.parametrize(
    ("given", "run", "expected"),
    [
        (None, None, None),
        (None, made(False, LINE), None),
        (None, made(True), ObjectRule()),
        (None, made(True, LINE), ObjectRule(12, "command line", overridden=DEFAULT)),
        (False, made(True, LINE), None),
        (np.False_, made(True, LINE), None),
        (True, None, ObjectRule()),
        (True, made(False, LINE), ObjectRule(12, "command line", overridden=DEFAULT)),
        (20, made(True, LINE), ObjectRule(20, "call", overridden=DEFAULT)),
        (np.int64(20), None, ObjectRule(20, "call", overridden=DEFAULT)),
        (ObjectRule(30, "me"), made(True, LINE), ObjectRule(30, "me", overridden=DEFAULT)),
        (ObjectRule(30, "me", 0.1), made(True, LINE), ObjectRule(30, "me", 0.1)),
    ],
)
def test_the_nearest_decides(
    given: object, run: Surroundings | None, expected: ObjectRule | None, pixels_index: Index
) -> None:
    found = find_object_rule(given, pixels_index, run)
    assert found == expected
    assert found is None or found.laxer is (found.points > POINTS and found.false_rate is None)


@pytest.mark.parametrize("given", ["8", 8.0, (8,), 3, -1])
def test_what_says_nothing_is_refused(given: object, pixels_index: Index) -> None:
    with pytest.raises(SettingsError, match=r"objects is|tell no copy"):
        find_object_rule(given, pixels_index, None)
