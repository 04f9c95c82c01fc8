"""Counts and sizes in words, the same in every report, and back. Standard library only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytest_replication.score_text import score_text


def plural(count: int, one: str, several: str = "") -> str:
    """A number with what is counted: 1 image, 2 images."""
    return f"{count} {one if count == 1 else several or one + 's'}"


def many(amount: int, one: str, several: str = "") -> str:
    """The same with thousands set apart: 1,000 images."""
    return f"{amount:,} {one if amount == 1 else several or one + 's'}"


def percent(share: float, digits: int = 3) -> str:
    """A share of 0 to 1 as a percentage."""
    return f"{100 * share:.{digits}g} %"


def controlled(control: Mapping[str, Any], threshold: float) -> str:
    """What was found of the copies that were planted among the samples, beside the threshold."""
    aside = f"; {control['beyond']} more were measured that cannot" if control["beyond"] else ""
    return (
        f"{control['found']} of {control['asked']} planted copies found (lowest score "
        f"{score_text(control['lowest'], threshold)}; {control['reachable']} of {control['stored']} "
        f"can reach the threshold{aside})"
    )


def read_number(text: str) -> float:
    """Take a number as Python writes it, and tell how to write it so.

    Raises:
        ValueError: it is none; the message begins with "is".
    """
    try:
        return float(text)
    except ValueError:
        plain = text.strip().removesuffix("%").strip().replace(",", ".")
        try:
            meant = float(plain) / (100 if "%" in text else 1)
        except ValueError:
            raise ValueError("is not a number") from None
        raise ValueError(f"is not a number: write {meant:.12g}") from None


_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30}
_UNITS |= {f"{letter}b": _UNITS[letter] for letter in "kmg"}


def read_size(text: str) -> int:
    """Take a size in bytes, kB, MB, GB (the B may be left out) or their binary kin.

    Raises:
        ValueError: it is none; the message begins with "is".
    """
    digits = text.strip().lower().rstrip("kmgib")
    unit = text.strip().lower()[len(digits) :]
    try:
        bytes_ = round(float(digits) * _UNITS[unit])
    except (KeyError, ValueError, OverflowError):
        raise ValueError("is no size: write 20MB, 500kB or 1GiB") from None
    if bytes_ < 1:
        raise ValueError("is no size: write 20MB, 500kB or 1GiB")
    return bytes_


def objects_words(row: Mapping[str, Any]) -> str:
    """What a check, as plain data, says of copies of a part; empty where they were not asked for."""
    told = row.get("objects")
    if not isinstance(told, Mapping):
        return ""
    control = told.get("control")
    planted = control.get("asked") if isinstance(control, Mapping) else None
    hits = f"{told.get('replicated')} by a part alone"
    hits += f", {told['beside']} by a part, too" if told.get("beside") else ""
    most = f"at most {told['most_points']} points alike, " if "most_points" in told else ""
    found = f"; all of {planted} planted parts found" if planted else ""
    return f"{hits}; {most}{told.get('points')} are enough ({told.get('points_source')}){found}"
