"""How a test ended, as its process knows it: rides home on its reports as ``replication_ended``."""

from __future__ import annotations

from typing import Any

import pytest

FIXTURES = frozenset(
    {
        "assert_no_data_copying",
        "assert_no_duplicates_within",
        "assert_no_extraction",
        "assert_no_leak",
        "assert_no_replication",
        "assert_not_closer_than_holdout",
        "assert_percentile_below",
        "assert_prompts_not_memorized",
        "assert_replication_rate_below",
        "check_replication",
        "replication_index",
        "replication_model",
        "replication_prompts",
        "replication_samples",
    }
)
"""Fixtures of tests that are to check something."""
ATTEMPTS: pytest.StashKey[int] = pytest.StashKey()
"""How often a test has begun."""
_HOMES = ("pytest_replication", "pytest_replication.errors")
"""Where classes of our errors say that they are from."""
_ESCAPED: pytest.StashKey[bool] = pytest.StashKey()
"""Whether an error or a failure has left the function of a test."""


def asks(item: pytest.Item) -> bool:
    """Whether a test is one that was to check something: it asks for our fixtures, or has our marker."""
    asked = not FIXTURES.isdisjoint(getattr(item, "fixturenames", ()))
    return asked or is_ready(item) or item.get_closest_marker("replication") is not None


def is_ready(item: pytest.Item | None) -> bool:
    """Whether this is one of the ready tests; says so where their module is not loaded, too."""
    ready: bool = getattr(item, "replication_ready", False)
    return ready


def is_a(error: BaseException, *names: str) -> bool:
    """Whether an error is of one of these classes of `pytest_replication.errors`, or derived from one.

    By name: a test that restores `sys.modules` makes Python load the module, and so its classes, once more.
    """
    return any(each.__module__ in _HOMES and each.__name__ in names for each in type(error).__mro__)


def note_exit(item: pytest.Item, error: BaseException | None) -> None:
    """Take note of how the function of a test ended, whatever plugins around it make of that."""
    if _counts(error):
        item.stash[_ESCAPED] = True


def _counts(error: BaseException | None) -> bool:
    return error is not None and not isinstance(error, (pytest.skip.Exception, pytest.xfail.Exception))


def ended(item: pytest.Item, error: BaseException | None, began: int) -> dict[str, Any]:
    """What a report has to tell of a test beside its checks.

    Args:
        item: the test.
        error: with which the part of it ended that the report is about.
        began: how often it had begun when that part ended; plugins may run it again before they report.
    """
    attempts = item.stash.get(ATTEMPTS, 1)
    left = item.stash.get(_ESCAPED, False) or _counts(error)
    item.stash[_ESCAPED] = False
    worker = getattr(item.config, "workerinput", {}).get("workerid", "")
    again = attempts > began
    return {"attempt": attempts, "worker": worker, "asks": asks(item), "escaped": left, "again": again}
