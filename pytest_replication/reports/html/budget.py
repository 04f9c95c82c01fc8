"""What a page takes at least, and what pictures may take beside it."""

from __future__ import annotations

import math

from pytest_replication.errors import SettingsError
from pytest_replication.reports.html.bare import ROOM
from pytest_replication.reports.html.escaped import size
from pytest_replication.reports.html.template import file, script
from pytest_replication.results.pictures import SHARE

SPARE = 2_000
"""Bytes kept for what the page says of itself."""


def require_budget(budget: int) -> None:
    """Refuse a budget that is too small for a page of the worst pair without its pictures.

    Args:
        budget: bytes that a report may have.

    Raises:
        SettingsError: it is.
    """
    if budget < least_budget():
        raise SettingsError(too_small(budget))


def least_budget() -> int:
    """Bytes in which a page fits that tells no more than the verdict, the worst checks and the worst pair."""
    fixed = sum(len(text.encode()) for text in (file("page.html"), file("page.css"), script()))
    return fixed + SPARE + ROOM


def too_small(budget: int) -> str:
    """What is said of a budget that is."""
    least = least_budget()
    return (
        f"a page takes up to {size(least)} with no more than the worst pair, without its pictures, and its "
        f"budget is {size(budget)}: give {math.ceil(least / 10_000) * 10}kB or more as "
        "--replication-report-budget (check: --report-budget, report: --budget)"
    )


def room_for_pictures(budget: int) -> int:
    """Bytes that pictures may take of those of a folder: they leave room for the least page."""
    return max(0, min(int(budget * SHARE), budget - least_budget()))
