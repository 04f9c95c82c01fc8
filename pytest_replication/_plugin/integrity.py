"""What a green run hides: checks that were lost, run again until they passed, turned, or never made."""

from __future__ import annotations

import os

from pytest_replication._plugin.arrived import Arrived, passed_not
from pytest_replication._plugin.settings.resolved import Settings
from pytest_replication.faults import BROKE_DOWN, LOST, RERUN, TURNED


def hidden(arrived: Arrived, recorded: int) -> tuple[str, str]:
    """What a green run hides, the gravest alone.

    Args:
        arrived: what its reports tell.
        recorded: checks that this process has made.

    Returns:
        Its kind, and in words; both empty where the run hides nothing.
    """
    here = ("", os.getpid())
    made = sum((arrived.made | {here: max(recorded, arrived.made.get(here, 0))}).values())
    if arrived.internal_error:
        return BROKE_DOWN, "pytest or a worker broke down: the run is not to be trusted"
    if len(arrived.rows) < made:
        return LOST, f"{made} checks were made but only {len(arrived.rows)} arrived: some were lost"
    if again := _rerun(arrived):
        return RERUN, (
            f"a check did not pass and {again} was run again until it did: what was found in "
            "its samples is real, so that another run takes nothing back"
        )
    if turned := _turned(arrived):
        return TURNED, (
            f"{turned} failed of a check, or of an error of one, and is reported as if it had not: look "
            "for a plugin or a conftest.py that changes reports"
        )
    return "", ""


def unchecked(arrived: Arrived, settings: Settings) -> str:
    """Why a run lacks the checks that it requires; empty where it has one, or requires none."""
    if not settings.value("require-checks"):
        return ""
    asserted = [row for row in arrived.rows if row["asserted"]]
    if any(row["of_index"] for row in asserted):
        return ""
    index = settings.value("index") or "of a training set"
    none = f"no check that was asserted compares samples with the index {index}"
    none = none if asserted else "no replication check was asserted"
    return f"{none}, and --replication-require-checks is set"


def _rerun(arrived: Arrived) -> str:
    """A test with a check that did not pass, and that was run again until it did; empty for none."""
    last = dict(arrived.last)
    for row in arrived.rows:
        place = (row["test"], row.get("worker", ""))
        last[place] = max(row.get("attempt", 1), last.get(place, 0))
    earlier = (
        row["test"]
        for row in passed_not(arrived.rows)
        if row.get("attempt", 1) < last[row["test"], row.get("worker", "")]
    )
    return next(iter([*arrived.again, *earlier]), "")


def _turned(arrived: Arrived) -> str:
    """A test that a check or its error failed, and that is reported otherwise; empty for none.

    One that broke may be run again, or have checked something then.
    """
    checked = {row["test"] for row in arrived.rows}
    mended = (
        place[0]
        for place, attempt in arrived.mended
        if place[0] not in checked and attempt >= arrived.last[place]
    )
    return next(iter([*arrived.turned, *mended]), "")
