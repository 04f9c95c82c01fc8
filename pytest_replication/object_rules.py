"""From how many points on a part counts as a copy in a check, and where the number comes from.

Precedence as for thresholds: call > marker > command line > ini file > calibration of the index > default.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pytest_replication.errors import CalibrationError, IndexCorrupt, SettingsError
from pytest_replication.index.calibration import is_stale
from pytest_replication.index.fingerprint import require_measured
from pytest_replication.index.object_calibration import ObjectCalibration
from pytest_replication.index.reader import Index
from pytest_replication.index.recalibrate import calibrate_again, last_calibration
from pytest_replication.objects import POINTS, ObjectRule
from pytest_replication.search.object_ways import way_of
from pytest_replication.stats.points import share_bound
from pytest_replication.surroundings import Surroundings

_ROUNDING = 1e-9
ObjectsGiven = ObjectRule | int | bool | None
"""What a call may say of parts: a rule, from how many points on, whether they count, or nothing."""


def find_object_rule(given: object, index: Index, run: Surroundings | None) -> ObjectRule | None:
    """Resolve what a call leaves open about parts.

    Args:
        given: of the call, an `ObjectsGiven`.
        index: that samples are checked against.
        run: that the call is part of, None outside one.

    Returns:
        When a part counts as a copy; None where only whole images are judged.

    Raises:
        SettingsError: a value that cannot be used, or a number of a calibration that the fingerprint that is
            pinned does not cover.
        CalibrationError: the number would come from a calibration that was made before the index changed, or
            of parts that were looked for in another way.
        IndexCorrupt: the calibration is damaged.
    """
    if isinstance(given, ObjectRule):
        told = given.false_rate is not None or given.overridden is not None
        return given if told else _compared(given, index)
    if given is None:
        given = run is not None and run.objects()
    if isinstance(given, (bool, np.bool_)):
        return _of_run(index, run) if given else None
    if isinstance(given, (int, np.integer)):
        return _compared(ObjectRule(int(given), "call"), index)
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
        then = None if rule is None else rule.overridden or ("the check of then", rule.points)
        return ObjectRule(points, "command line", overridden=then)
    return None if rule is None else replace(rule, source=f"{rule.source}, as in {file}")


def _of_run(index: Index, run: Surroundings | None) -> ObjectRule:
    chosen = None if run is None else run.object_points()
    if chosen is not None:
        return _compared(ObjectRule(*chosen), index)
    return _of_calibration(index) or ObjectRule()


def _of_calibration(index: Index) -> ObjectRule | None:
    """The rule that was measured for an index; None where none was."""
    if is_stale(index.manifest):
        last = last_calibration(index.path, index.manifest)
        if last is None or last.get("objects") is not None:
            raise CalibrationError(
                f"{index.path} has changed since it was calibrated, and parts with it: calibrate it again "
                f"({_again(index)}), or say from how many points on a part is a copy "
                "(--replication-object-points in pytest, --object-points in check)"
            )
        return None
    if index.calibration is None or (found := index.calibration.objects) is None:
        return None
    what = "from how many points on a part is a copy"
    require_measured(index, what, "give a number of points (--replication-object-points, --object-points)")
    if found.way != tuple(way_of(index)):
        raise CalibrationError(
            f"parts of {index.path} were calibrated by {_shown(found.way)}, this version looks for them by "
            f"{_shown(way_of(index))}: calibrate it again ({_again(index)}), or say from how many points on "
            "a part is a copy (--replication-object-points in pytest, --object-points in check)"
        )
    bound = share_bound(found.null, found.points, found.confidence)
    if abs(bound - found.bound) > _ROUNDING or not (found.proved or found.points >= len(found.counts)):
        raise IndexCorrupt(
            f"the {found.points} points from which on the calibration of {index.path} takes a part for a "
            f"copy do not follow from what was measured: calibrate it again ({_again(index)})"
        )
    kind = index.calibration.described.partition(" ")[2]
    told = f"calibration, {100 * found.rate:g} % of {len(found):,} {kind}"
    if found.proved:
        return ObjectRule(found.points, told, found.bound)
    told = f"{told}, which are too few to prove it"
    # One related image among them can raise the number: every verdict tells what it took the place of.
    raised = ("the default", POINTS) if found.points > POINTS else None
    return ObjectRule(found.points, told, found.bound, overridden=raised)


def _compared(rule: ObjectRule, index: Index) -> ObjectRule:
    """Tell of a number that somebody chose what it took the place of, and its false-positive rate."""
    found = _in_use(index)
    if found is None:
        return replace(rule, overridden=("the default", POINTS))
    bound = share_bound(found.null, rule.points, found.confidence)
    return replace(rule, false_rate=bound, overridden=("the calibration", found.points))


def _in_use(index: Index) -> ObjectCalibration | None:
    found = None if index.calibration is None else index.calibration.objects
    return found if found is not None and found.way == tuple(way_of(index)) else None


def _again(index: Index) -> str:
    return calibrate_again(index.path, index.manifest)


def _shown(way: tuple[object, ...]) -> str:
    return ", ".join(map(str, way))
