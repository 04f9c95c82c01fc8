"""A certificate."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pytest_replication.search.engines import Certificate
from pytest_replication.stats.intervals import lower_bound


def certificate(**changes: Any) -> Certificate:
    """A sound certificate, but for what is changed."""
    sound = Certificate(
        threshold=0.5,
        k=20,
        planted=3000,
        misses=0,
        bound=lower_bound(3000, 3000),
        confidence=0.95,
        min_recall=0.999,
        engine="toy",
        library="toy 1",
        parameters={"flavour": 1},
        effort=4,
        generation="g",
        files="f",
        seed=2,
        created="now",
    )
    return replace(sound, **changes)
