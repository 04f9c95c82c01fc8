"""What results say of the last release."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pytest_replication.reports.headlines import name
from pytest_replication.reports.words import plural

if TYPE_CHECKING:
    from pytest_replication.results import Results


def compared(results: Results) -> Mapping[str, Any]:
    """What a run says of the last release; empty where it was compared with none."""
    found = results.run.get("baseline")
    return found if isinstance(found, Mapping) else {}


def changes(results: Results) -> list[Mapping[str, Any]]:
    """What became of each check since the last release."""
    found = compared(results).get("checks")
    return [each for each in found if isinstance(each, Mapping)] if isinstance(found, list) else []


def change_story(change: Mapping[str, Any]) -> str:
    """A check then and now, in words."""
    then, now = (f"{_rate_of(change.get(key))}" for key in ("old", "new"))
    images = change.get("new_images")
    count = len(images) if isinstance(images, list) else 0
    new = f", {plural(count, 'new training image')} replicated" if count else ""
    return f"{then} then, {now} now{new}"


def _rate_of(measured: object) -> str:
    if not isinstance(measured, Mapping):
        return "unknown"
    rate = measured.get("rate")
    if not isinstance(rate, int | float):
        return name(measured.get("outcome"), 40)
    return (
        f"{name(measured.get('replicated'), 20)} of {name(measured.get('samples'), 20)} ({100 * rate:.3g} %)"
    )
