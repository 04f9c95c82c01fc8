"""What a file of results has to have, so that a report can be made of it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

FORMAT = 1
KIND = "pytest-replication results"
OUTCOMES = ("pass", "inconclusive", "error", "fail")
"""Of a run, the worst last. Copies that were found are real, whatever else broke."""
NONE = "none"
"""Outcome of a run that made no check."""
PAIRS = ("pairs", "undecided_pairs", "near_pairs")
"""Lists of pairs in a check."""
_PICTURE = re.compile(r"pictures/[0-9a-f]{32,64}\.webp")
_WHOLE: dict[str, tuple[type, ...]] = {
    "format": (int,),
    "kind": (str,),
    "written": (str,),
    "writer": (str,),
    "outcome": (str,),
    "private": (bool,),
    "run": (dict,),
    "checks": (list,),
}
_NUMBER: tuple[type, ...] = (int, float)
_RUN: dict[str, tuple[type, ...]] = {
    "command": (list, type(None)),
    "started": (str,),
    "seconds": _NUMBER,
    "environment": (dict,),
    "settings": (list,),
    "faults": (list,),
    "caught": (list,),
    "errors": (list,),
}
_CHECK: dict[str, tuple[type, ...]] = {
    "id": (str,),
    "test": (str,),
    "check": (str,),
    "asserted": (bool,),
    "rerun": (bool,),
    "outcome": (str,),
    "seconds": (*_NUMBER, type(None)),
    "message": (str,),
}
_OF_SAMPLES: dict[str, tuple[type, ...]] = {
    "samples": (int,),
    "replicated": (int,),
    "rate": _NUMBER,
    "rate_lower": _NUMBER,
    "rate_upper": _NUMBER,
    "confidence": _NUMBER,
    "threshold": _NUMBER,
    "threshold_source": (str,),
    "max_rate": _NUMBER,
    "worst_score": _NUMBER,
    "closest_score": _NUMBER,
    "searched": (int,),
    "index": (dict,),
    "pairs": (list,),
    "undecided_pairs": (list,),
    "near_pairs": (list,),
    "scores": (list,),
    "null": (dict, type(None)),
}
"""Of a check of each sample, which has no ``kind``."""


def require_sound(data: Any) -> None:
    """Refuse what is no results.

    Raises:
        ValueError: says what was found.
    """
    _require(data, _WHOLE, "the file")
    if data["kind"] != KIND or data["format"] != FORMAT:
        raise ValueError(f"it is of the kind {data['kind'][:40]!r}")
    if data["outcome"] not in (*OUTCOMES, NONE):
        raise ValueError(f"its outcome is {data['outcome'][:20]!r}")
    _require(data["run"], _RUN, "the run")
    seen: set[str] = set()
    for check in data["checks"]:
        _require(check, _CHECK, "a check")
        if check["outcome"] not in OUTCOMES:
            raise ValueError(f"the outcome of a check is {check['outcome'][:20]!r}")
        if check["id"] in seen:
            raise ValueError(f"two checks have the id {check['id'][:80]!r}")
        seen.add(check["id"])
        if "kind" not in check:
            _require(check, _OF_SAMPLES, f"the check {check['id'][:80]!r}")
        for pair in pairs_of(check):
            _require_pictures(pair)


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
        if path is not None and not (isinstance(path, str) and _PICTURE.fullmatch(path)):
            raise ValueError(f"a picture is {str(path)[:80]!r}, which is none of the folder of pictures")


def _require(data: Any, kinds: Mapping[str, tuple[type, ...]], where: str) -> None:
    if not isinstance(data, dict):
        raise ValueError(f"{where} is no object")
    for name, kind in kinds.items():
        if name not in data:
            raise ValueError(f"{where} has no {name}")
        value = data[name]
        if not isinstance(value, kind) or (isinstance(value, bool) and bool not in kind):
            raise ValueError(f"{name} of {where} is {str(value)[:40]!r}")
