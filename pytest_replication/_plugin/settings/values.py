"""Values of settings: from the text that somebody wrote, or a ValueError that says what is wrong with it."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable

READY_TESTS = ("no_replication", "rate", "control")
"""Names of the tests that ``--replication-gate`` collects; the first is meant where none is named."""
_ON, _OFF = ("true", "yes", "on", "1"), ("false", "no", "off", "0")


def text(value: str) -> str:
    """Parse a text that is not empty."""
    if not value.strip():
        raise ValueError("is empty")
    return value


def baseline(value: str) -> str:
    """Parse a path, or that none is wanted: then it is empty."""
    return "" if value.strip().lower() == "off" else text(value)


def option(value: str) -> str:
    """Parse KEY=VALUE."""
    if not value.partition("=")[0].strip() or "=" not in value:
        raise ValueError("is no KEY=VALUE, such as steps=25")
    return value


def number(value: str) -> float:
    """Parse a finite number."""
    from pytest_replication.reports.words import read_number

    parsed = read_number(value)
    if not math.isfinite(parsed):
        raise ValueError("is not finite")
    return parsed


def score(value: str) -> float:
    """Parse a threshold."""
    parsed = number(value)
    if not -1 < parsed <= 1:
        raise ValueError("is no score: give a number above -1 and at most 1")
    return parsed


def share(value: str) -> float:
    """Parse a share."""
    parsed = number(value)
    if not 0 <= parsed < 1:
        raise ValueError("is no share from 0 to below 1 (5 % is 0.05)")
    return parsed


def rate(value: str) -> float:
    """Parse a false discovery rate."""
    parsed = number(value)
    if not 0 < parsed < 1:
        raise ValueError("is no rate between 0 and 1 (1 % is 0.01)")
    return parsed


def recall(value: str) -> float:
    """Parse a recall."""
    parsed = number(value)
    if not 0 < parsed < 1:
        raise ValueError("is no recall between 0 and 1 (99.9 % is 0.999)")
    return parsed


def count(value: str) -> int:
    """Parse a whole number from 1 on."""
    parsed = int(value)
    if parsed < 1:
        raise ValueError("is below 1")
    return parsed


def points(value: str) -> int:
    """Parse from how many points on a part is a copy."""
    from pytest_replication.choices import FEWEST_POINTS

    parsed = int(value)
    if parsed < FEWEST_POINTS:
        raise ValueError(f"is below {FEWEST_POINTS}, which parts of any two images have alike")
    return parsed


def parts(value: str) -> bool | int:
    """Parse what a marker says of parts: whether they count, or from how many points on."""
    return value == "True" if value in ("True", "False") else points(value)


def whole(value: str) -> int:
    """Parse a whole number from 0 on."""
    parsed = int(value)
    if parsed < 0:
        raise ValueError("is below 0")
    return parsed


def prompts(value: object) -> str | tuple[str, ...]:
    """Take the prompts of a marker: a list of texts, or the name of some."""
    if isinstance(value, str):
        return text(value)
    listed = tuple(value) if isinstance(value, Iterable) else ()
    if not listed or not all(isinstance(each, str) for each in listed):
        raise ValueError("is neither a list of texts nor the name of prompts")
    return listed


def size(value: str) -> int:
    """Parse a number of bytes."""
    from pytest_replication.reports.words import read_size

    return read_size(value)


def ci(value: str) -> str:
    """Parse what CI systems are told."""
    names = [name.strip() for name in value.split(",")]
    if value not in ("auto", "off") and not set(names) <= {"summary", "annotations", "properties"}:
        raise ValueError("is neither auto nor off, nor some of summary,annotations,properties")
    return ",".join(names)


def missing(value: str) -> str:
    """Parse what to do without an index."""
    if value not in ("error", "skip"):
        raise ValueError("is neither error nor skip")
    return value


def switch(value: str) -> bool:
    """Parse a switch."""
    if value.lower() not in (*_ON, *_OFF):
        raise ValueError("is neither true nor false")
    return value.lower() in _ON


def gates(value: str) -> tuple[str, ...]:
    """Parse which ready tests are wanted: names, or whether there are any."""
    if value.strip().lower() in _OFF:
        return ()
    if value.strip().lower() in _ON:
        return READY_TESTS[:1]
    names = tuple(dict.fromkeys(re.split(r"[,\s]+", value.strip(" ,"))))
    for name in names:
        if name not in READY_TESTS:
            from pytest_replication.errors import meant

            raise ValueError(
                f"is no list of ready tests: {name!r} is none of {', '.join(READY_TESTS)}"
                f"{meant(name, READY_TESTS)}; write --replication-gate=NAMES, with = before the names, and "
                "paths in front of it"
            )
    return names


def reason(error: ValueError) -> str:
    """What is wrong with a value, to be put behind it; words of ours begin with "is"."""
    said = str(error)
    return said if said.startswith("is ") else "is not a number"
