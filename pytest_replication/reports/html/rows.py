"""Pairs of all checks as rows of a page: plain text and numbers, the worst first."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pytest_replication.models.identity import ModelIdentity
from pytest_replication.reports.about import severity_of_pair
from pytest_replication.reports.html.compared import image_key
from pytest_replication.reports.html.escaped import listed, part, text
from pytest_replication.reports.html.pictures import named
from pytest_replication.reports.remade import command
from pytest_replication.reports.values import count, number

OUTCOMES = ("replicated", "undecided", "expired", "accepted", "near")
"""What became of a pair, the worst first."""
_LISTS = {"replicated": "pairs", "undecided": "undecided_pairs", "near": "near_pairs"}
_OF_ACCEPTED = {"expired": "expired", "accepted": "matches"}
_CORNERS = 64
"""Corners of an outline that are drawn."""
_MOST = 1e9
_COMMAND = 4_000
"""Characters of a command that people still copy."""


def rows_of(
    checks: Sequence[Mapping[str, Any]],
    *,
    private: bool = False,
    new: Mapping[tuple[str, str], str] | None = None,
) -> list[dict[str, Any]]:
    """Turn the pairs of checks into rows, the worst first.

    Worst is what is replicated, then the share of the way from the threshold to an exact copy; of copies of
    parts, how many times the points that are enough.

    Args:
        checks: of a file of results.
        private: prompts and names are digests, of which nothing can be made again.
        new: what is said of training images that the last release did not replicate, as `new_since` gives it.

    Returns:
        Rows without what is not known. ``check`` is the place of the check, ``severity`` in [0, 1].
    """
    rows: list[dict[str, Any]] = []
    for place, check in enumerate(checks):
        found = list(_pairs(check))
        times = Counter(str(pair.get("training_uri")) for outcome, pair in found if outcome == "replicated")
        for outcome, pair in found:
            row = _row(check, pair, times[str(pair.get("training_uri"))])
            if private:
                row.pop("again", None)
            image = image_key(pair, "training_")
            if outcome == "replicated" and (said := (new or {}).get((str(check.get("id")), image))):
                row["then"] = said
            rows.append({"check": place, "outcome": outcome, **row})
    rows.sort(key=_worst_first)
    for rank, row in enumerate(rows):
        row["rank"] = rank
    return rows


def _worst_first(row: Mapping[str, Any]) -> tuple[int, float, float, float]:
    """Those that are within the limits are not severe at all: the nearest of them come first."""
    score, distance = row.get("score"), row.get("distance")
    return (
        OUTCOMES.index(row["outcome"]),
        -row["severity"],
        0.0 if score is None else -score,
        math.inf if distance is None else distance,
    )


def _pairs(check: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    of_accepted = part(check, "accepted")
    lists = [(name, listed(check, place)) for name, place in _LISTS.items()]
    lists += [(name, listed(of_accepted, place)) for name, place in _OF_ACCEPTED.items()]
    for name, pairs in lists:
        for pair in pairs:
            if isinstance(pair, Mapping):
                yield name, pair


def _row(check: Mapping[str, Any], pair: Mapping[str, Any], times: int) -> dict[str, Any]:
    copied, of_part = part(pair, "part"), pair.get("kind") == "object"
    row = {
        "kind": "part" if of_part else "whole",
        **(_measure_of_part(check, pair, copied) if of_part else _measure(check, pair)),
        **(_outlines(copied) if copied else {}),
        **({} if of_part else _beside(pair, copied)),
        "severity": round(severity_of_pair(check, pair), 4),
        "sample": text(pair.get("sample")),
        "seed": text(pair.get("seed")),
        "class": text(pair.get("class")),
        "prompt": text(pair.get("prompt")),
        "training": text(pair.get("training_uri")),
        "caption": text(pair.get("caption")),
        "label": text(pair.get("label")),
        "copies": count(pair.get("copies")) or None,
        "exact": count(pair.get("exact_copies")) or None,
        "times": times or None,
        "p": number(pair.get("p_value")),
        "view": _view(pair.get("view")),
        "sampleView": _view(pair.get("sample_view")),
        "reason": text(pair.get("reason")),
        "again": _again(check, pair),
        "pictures": _pictures(pair),
    }
    return {
        name: value for name, value in row.items() if not (value is None or value is False or value == "")
    }


def _measure_of_part(
    check: Mapping[str, Any], pair: Mapping[str, Any], copied: Mapping[str, Any]
) -> dict[str, Any]:
    """What makes a part count, and how clearly."""
    points, needed = count(copied.get("points")), count(part(check, "objects").get("points"))
    return {
        "score": number(pair.get("score")),
        "points": points,
        "needed": needed,
        "correlation": number(copied.get("correlation")),
        "mirrored": copied.get("mirrored") is True,
        "scale": number(copied.get("scale")),
        "degrees": number(copied.get("degrees")),
    }


def _outlines(copied: Mapping[str, Any]) -> dict[str, Any]:
    return {"inSample": _corners(copied.get("sample")), "inTraining": _corners(copied.get("training"))}


def _beside(pair: Mapping[str, Any], copied: Mapping[str, Any]) -> dict[str, Any]:
    """The part that was found of a sample whose score speaks, here or in another training image."""
    other = part(pair, "elsewhere")
    return {
        "within": count(copied.get("points")) or None,
        "elsewhere": text(other.get("training_uri")),
        "pointsElsewhere": count(part(other, "part").get("points")) or None,
    }


def _measure(check: Mapping[str, Any], pair: Mapping[str, Any]) -> dict[str, Any]:
    """What makes a pair count, and how clearly."""
    score, threshold = number(pair.get("score")), number(pair.get("threshold"))
    if score is not None:
        return {"score": score, "threshold": threshold}
    distance = number(pair.get(str(check.get("rule"))))
    if distance is None:
        distance = number(pair.get("rmse"))
    return {
        "distance": distance,
        "rule": text(check.get("rule")),
        "limit": number(check.get("limit")),
    }


def _corners(given: object) -> list[list[float]] | None:
    """Corners of an outline as fractions of width and height; None where they are not that."""
    corners: list[list[float]] = []
    for point in given if isinstance(given, list) else ():
        pair = [number(value) for value in point] if isinstance(point, list) else []
        if len(pair) != 2 or any(value is None or abs(value) > _MOST for value in pair):
            return None
        corners.append([round(min(1.0, max(0.0, value or 0.0)), 4) for value in pair])
    return corners if 3 <= len(corners) <= _CORNERS else None


def _pictures(pair: Mapping[str, Any]) -> list[str | None] | None:
    """Paths of the pictures of sample and training image; None where a report has neither."""
    given = part(pair, "pictures")
    paths = [named(given.get("sample")), named(given.get("training"))]
    return paths if any(paths) else None


def _view(value: object) -> str:
    told = text(value)
    return "" if told == "whole" else told


def _again(check: Mapping[str, Any], pair: Mapping[str, Any]) -> str:
    """The command that makes a sample again; empty where nothing is known to."""
    model, seed = part(check, "model"), pair.get("seed")
    if not model or model.get("ready") or isinstance(seed, bool) or not isinstance(seed, int):
        return ""
    if abs(seed) >= 1 << 64:
        return ""
    identity = ModelIdentity(str(model.get("name")), options=tuple(map(str, listed(model, "options"))))
    takes = model.get("takes")
    prompt, label = pair.get("prompt"), pair.get("class")
    if isinstance(takes, list):
        prompt, label = prompt if "prompt" in takes else None, label if "label" in takes else None
    told = command(
        identity, seed, None if prompt is None else str(prompt), None if label is None else str(label)
    )
    return told if len(told) <= _COMMAND else ""  # cut, it would make another sample
