"""Which check of a run is which of the baseline. Pure.

A check is known by its test, by the name that it was given (``name=``), and by its number among those of that
name: the order of checks of other names may change.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from pytest_replication.baseline.measured import Measured, measured
from pytest_replication.results import Results

Key = tuple[str, str, int]
"""Test, name, and number among the checks of that name in one run of the test, from 1 on."""


def last(results: Results) -> dict[Key, Measured]:
    """The checks of the last run of each test.

    Raises:
        BaselineError: one of them does not tell what is needed.
    """
    return dict(_keyed(results, rerun=False))


def earlier(results: Results) -> list[tuple[Key, Measured]]:
    """The checks of runs that were repeated: what was found in their samples is as real as in the last.

    Raises:
        BaselineError: one of them does not tell what is needed.
    """
    return list(_keyed(results, rerun=True))


def _keyed(results: Results, *, rerun: bool) -> Iterator[tuple[Key, Measured]]:
    numbers: Counter[tuple[str, str, int]] = Counter()
    for check in results.checks:
        if check["rerun"] is rerun:
            test, name = str(check["test"]), str(check["check"])
            attempt = check.get("attempt") if rerun else None
            place = (test, name, attempt if type(attempt) is int else 0)
            numbers[place] += 1
            yield (test, name, numbers[place]), measured(check, str(results.path))
