"""A check, a pair and a name in one line, for lists. What is quoted in it comes from data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytest_replication.escape import one_line
from pytest_replication.reports.about import accepted_told
from pytest_replication.reports.part_places import part_place
from pytest_replication.reports.words import objects_words
from pytest_replication.score_text import score_text, threshold_text

LEFT_OUT = "what it said was left out"
"""In the place of a message that private results do not hold."""

LONGEST = 300
"""Characters of a name that came from data and is quoted in a message."""


def headline(check: Mapping[str, Any]) -> str:
    """What a check says, in one line."""
    if check["message"]:
        return one_line(str(check["message"]).split("\n", 1)[0])
    if "kind" in check:
        cells = ", ".join(str(cell) for cell in check.get("cells") or [] if cell)  # private ones are empty
        return one_line(str(check.get("story") or cells or LEFT_OUT))
    k, n = check["replicated"], check["samples"]
    score = score_text(check["worst_score"], check["threshold"])
    what = f"{k} of {n} samples {'replicates a training image' if k == 1 else 'replicate training images'}"
    story = what if k else f"none of {n} samples replicates a training image"
    parts = f"; parts: {objects_words(check)}" if check.get("objects") else ""
    found = f"{story} (highest score {score}, threshold {threshold_text(check['threshold'])}{parts})"
    return found + accepted_told(check)


def title(check: Mapping[str, Any]) -> str:
    """The test of a check and its name, in one line."""
    named = f" [{check['check']}]" if check["check"] else ""
    again = ", a run that was repeated" if check["rerun"] else ""
    return one_line(f"{check['test']}{named}{again}")


def name(value: object, longest: int = LONGEST) -> str:
    """A name that came from data, in one line that is not too long: its beginning and its end."""
    text, half = str(value), longest // 2
    text = one_line(text if len(text) <= 2 * longest else f"{text[:longest]}…{text[-longest:]}")
    return text if len(text) <= longest else f"{text[:half]}…{text[len(text) - half + 1 :]}"


def pair_story(pair: Mapping[str, Any]) -> str:
    """Which sample is like which training image, and by how much."""
    place = f": {where}" if (where := part_place(pair)) else ""
    told = f"{measure(pair)}{place if _by_part(pair) else ''}"
    return f"{name(pair.get('sample'))}{seed(pair)} -> {name(pair.get('training_uri'))} ({told})"


def seed(pair: Mapping[str, Any]) -> str:
    """The seed of a sample in parentheses; empty where it has none."""
    return "" if pair.get("seed") is None else f" (seed {name(pair['seed'], 40)})"


def _by_part(pair: Mapping[str, Any]) -> bool:
    """Whether a part of a pair counts, and not the score of the whole images."""
    part = pair.get("part")
    return pair.get("kind") == "object" and isinstance(part, Mapping) and "points" in part


def measure(pair: Mapping[str, Any]) -> str:
    """What makes a pair count, in words: points of a part, a score, or the distance of pixels."""
    score, threshold = pair.get("score"), pair.get("threshold")
    if _by_part(pair):
        return f"a part, {name(pair['part']['points'], 20)} points"
    if isinstance(score, int | float):
        shown = score_text(score, threshold if isinstance(threshold, int | float) else None)
        return f"score {shown}"
    rmse = pair.get("rmse")
    return f"RMSE {rmse:.3f}" if isinstance(rmse, int | float) else "no score"
