"""Figures of a file that anyone may have written."""

from __future__ import annotations

import math


def number(value: object) -> float | None:
    """A finite number; None for all else."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:
        return None


def count(value: object) -> int:
    """A whole number that is not negative; 0 for all else."""
    given = number(value)
    return 0 if given is None else max(0, int(given))
