"""What a file of results has to have, so that a report can be made of it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pytest_replication.results.fields import (
    CHANGE,
    CHECK,
    COMPARED,
    ERROR,
    FAULT,
    MORE_OF_CHECK,
    MORE_OF_PAIR,
    MORE_OF_RUN,
    OF_SAMPLES,
    PARTS,
    RUN,
    SETTING,
    WHOLE,
    Types,
)

FORMAT = 1
KIND = "pytest-replication results"
OUTCOMES = ("pass", "inconclusive", "error", "fail")
"""Of a run, the worst last. Copies that were found are real, whatever else broke."""
NONE = "none"
"""Outcome of a run that made no check."""
PAIRS = ("pairs", "undecided_pairs", "near_pairs")
"""Lists of pairs in a check."""
PICTURE = re.compile(r"pictures/[0-9a-f]{32,64}\.webp")
"""Path of a picture from the folder of the file."""
_MOST = 1e300
"""Numbers beyond that are none that a report could show."""


def require_sound(data: Any) -> None:
    """Refuse what is no results.

    Raises:
        ValueError: says what was found.
    """
    _require(data, WHOLE, "the file")
    if data["kind"] != KIND or data["format"] != FORMAT:
        raise ValueError(f"it is of the kind {data['kind'][:40]!r}")
    if data["outcome"] not in (*OUTCOMES, NONE):
        raise ValueError(f"its outcome is {data['outcome'][:20]!r}")
    _require_finite(data)
    _require_run(data["run"])
    seen: set[str] = set()
    for check in data["checks"]:
        _require_check(check)
        if check["id"] in seen:
            raise ValueError(f"two checks have the id {check['id'][:80]!r}")
        seen.add(check["id"])
        if "kind" not in check:
            _require_consistent(check)
    _require_outcome(data)


def _require_run(run: Any) -> None:
    _require(run, RUN, "the run", MORE_OF_RUN)
    for name, kinds, where in (
        ("faults", FAULT, "a fault"),
        ("errors", ERROR, "an error"),
        ("settings", SETTING, "a setting"),
    ):
        for each in run[name]:
            _require(each, kinds, where)
    for each in run.get("skipped", []):
        _require(each, ERROR, "a test that was skipped")
    _require_texts(run["caught"], "a test that caught an error")
    if "baseline" in run:
        compared = run["baseline"]
        _require(compared, COMPARED, "the comparison")
        for each in compared["checks"]:
            _require(each, CHANGE, "a check of the comparison")
        for name in ("missing", "added"):
            _require_texts(compared.get(name, []), "a check of the comparison")


def _require_check(check: Any) -> None:
    _require(check, CHECK, "a check")
    if check["outcome"] not in OUTCOMES:
        raise ValueError(f"the outcome of a check is {check['outcome'][:20]!r}")
    of_samples = {} if "kind" in check else OF_SAMPLES
    _require(check, of_samples, f"the check {check['id'][:80]!r}", MORE_OF_CHECK)
    for name, (where, more) in PARTS.items():
        if check.get(name) is not None:
            _require(check[name], {}, where, more)
    for pair in pairs_of(check):
        _require(pair, {}, "a pair", MORE_OF_PAIR)
        _require_pictures(pair)


def _require_consistent(check: Mapping[str, Any]) -> None:
    """Refuse a check of samples whose figures contradict each other: pages would tell different things."""
    where, replicated = f"the check {check['id'][:80]!r}", check["replicated"]
    if len(check["pairs"]) != replicated:
        raise ValueError(f"{where} has {len(check['pairs'])} pairs of {replicated} replicated samples")
    if not 0 <= replicated <= check["samples"]:
        raise ValueError(f"{where} has {replicated} replicated of {check['samples']} samples")
    tolerated = check["rate_upper"] <= check["max_rate"] if check["max_rate"] else not replicated
    if check["outcome"] == "pass" and not tolerated:
        raise ValueError(
            f"{where} passed with {replicated} replicated of {check['samples']} samples (rate up to "
            f"{check['rate_upper']:.3g}), and a max rate of {check['max_rate']:.3g}"
        )


def _require_outcome(data: Mapping[str, Any]) -> None:
    """Refuse a run whose outcome is better than what its checks, faults and errors make of it."""
    told, least = data["outcome"], worst(data["checks"], data["run"])
    better = least != NONE and (told == NONE or OUTCOMES.index(told) < OUTCOMES.index(least))
    if better or (told == "pass" and least == NONE):
        raise ValueError(f"its outcome is {told!r}, and its checks and errors make it {least!r}")


def worst(checks: Sequence[Mapping[str, Any]], run: Mapping[str, Any]) -> str:
    """The worst outcome of what fails tests; of what was only measured, where nothing does.

    Runs of a test that was run again count: what was found in their samples is real.
    """
    asserted = [check for check in checks if check["asserted"]]
    found = {str(check["outcome"]) for check in asserted or checks}
    if run["faults"] or run["errors"]:
        found.add("error")
    if (run.get("baseline") or {}).get("outcome") == "fail":
        found.add("fail")
    if run.get("exit_status") and found == {"pass"}:
        found.add("error")  # a run that is red for another reason is no evidence
    return max(found, key=OUTCOMES.index, default=NONE)


def pairs_of(check: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """All pairs of a check: replicated, undecided, accepted, and close ones.

    Raises:
        ValueError: one is no object.
    """
    accepted = check.get("accepted")
    lists = [check.get(name) for name in PAIRS]
    if isinstance(accepted, dict):
        lists += [accepted.get("matches"), accepted.get("expired")]
    for pairs in lists:
        for pair in pairs if isinstance(pairs, list) else ():
            if not isinstance(pair, dict):
                raise ValueError("a pair is no object")
            yield pair


def pictures_of(pair: Mapping[str, Any]) -> list[str]:
    """The pictures of a pair, as paths from the folder of the file."""
    return [path for path in (pair.get("pictures") or {}).values() if path is not None]


def _require_pictures(pair: Mapping[str, Any]) -> None:
    """No path of a file leads out of the folder of pictures."""
    pictures = pair.get("pictures")
    if pictures is None:
        return
    if not isinstance(pictures, dict) or not pictures.keys() <= {"sample", "training"}:
        raise ValueError("the pictures of a pair are those of its sample and its training image")
    for path in pictures.values():
        if path is not None and not (isinstance(path, str) and PICTURE.fullmatch(path)):
            raise ValueError(f"a picture is {str(path)[:80]!r}, which is none of the folder of pictures")


def _require(data: Any, kinds: Types, where: str, more: Types | None = None) -> None:
    """Refuse what is no object, lacks a field, or has one of another type."""
    if not isinstance(data, dict):
        raise ValueError(f"{where} is no object")
    for name in kinds:
        if name not in data:
            raise ValueError(f"{where} has no {name}")
    there = {name: kind for name, kind in (more or {}).items() if name in data}
    for name, kind in (there | kinds).items():
        value = data[name]
        if not isinstance(value, kind) or (isinstance(value, bool) and bool not in kind):
            raise ValueError(f"{name} of {where} is {str(value)[:40]!r}")


def _require_texts(found: Any, where: str) -> None:
    if not isinstance(found, list):
        raise ValueError(f"{where} is {str(found)[:40]!r}")
    for each in found:
        if not isinstance(each, str):
            raise ValueError(f"{where} is {str(each)[:40]!r}")


def _require_finite(data: Any) -> None:
    """Refuse numbers that no report could show; 1e999 is read as infinity."""
    if isinstance(data, dict):
        for value in data.values():
            _require_finite(value)
    elif isinstance(data, list):
        for value in data:
            _require_finite(value)
    elif isinstance(data, int | float) and not abs(data) <= _MOST:
        raise ValueError("a number is not finite, or beyond all that can be shown")
