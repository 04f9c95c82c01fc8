"""The checks of a run put together: each once, whatever ran it, and how often."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from pytest_replication import __version__
from pytest_replication.index.manifest import now
from pytest_replication.results.sound import FORMAT, KIND, NONE, OUTCOMES, worst

ATTEMPT, WORKER = "attempt", "worker"
"""Of a row on its way: which run of its test it is of, from 1 on, and which worker made it."""
_ON_ITS_WAY = (ATTEMPT, WORKER, "process", "serial", "of_index")
_DETAILS: dict[str, Any] = {"message": "", "seconds": None}
_DETAILS_OF_SAMPLES: dict[str, Any] = {"scores": [], "null": None, "near_pairs": []}


def assemble(rows: Sequence[Mapping[str, Any]], run: Mapping[str, Any]) -> dict[str, Any]:
    """Put the results of a run together.

    Args:
        rows: its checks as they came home. The last run of a test counts; those of earlier ones, which were
            run again, are marked.
        run: what stands in the file under that name.

    Returns:
        What `write_results` takes.
    """
    checks = _checks(rows)
    return {
        "format": FORMAT,
        "kind": KIND,
        "written": now(),
        "writer": f"pytest-replication {__version__}",
        "outcome": worst(checks, run),
        "measured": _measured(checks),
        "private": False,
        "run": dict(run),
        "checks": checks,
    }


def _checks(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Rows in the order of their tests, however they arrived, each with an id of its own."""
    last: dict[tuple[str, str], int] = {}
    for row in rows:
        place = (row["test"], row.get(WORKER) or "")
        last[place] = max(last.get(place, 0), row.get(ATTEMPT, 1))
    ordered = sorted(rows, key=lambda row: (row["test"], row.get(WORKER) or "", row.get(ATTEMPT, 1)))
    numbers: Counter[tuple[str, bool]] = Counter()
    checks = []
    for row in ordered:
        test = row["test"]
        rerun = row.get(ATTEMPT, 1) < last[(test, row.get(WORKER) or "")]
        numbers[(test, rerun)] += 1
        own = {name: value for name, value in row.items() if name not in _ON_ITS_WAY}
        defaults = _DETAILS if "kind" in row else _DETAILS | _DETAILS_OF_SAMPLES
        named = f"{test}#{'rerun' if rerun else ''}{numbers[(test, rerun)]}"
        again = {"attempt": row.get(ATTEMPT, 1)} if rerun else {}
        checks.append({"id": named, **defaults, **own, "rerun": rerun, **again})
    return checks


def _measured(checks: Sequence[Mapping[str, Any]]) -> str:
    """The worst outcome of what was only measured, and fails no test by itself."""
    found = [str(check["outcome"]) for check in checks if not check["asserted"]]
    return max(found, key=OUTCOMES.index, default=NONE)
