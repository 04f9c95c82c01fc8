"""What a check is about, how bad it is, and what a run that passed has found. From plain data alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pytest_replication.reports.values import count, number
from pytest_replication.reports.words import many

REPLICATED, CLOSER, REPEATS, LEAK, MEMORISED = "replicated", "closer", "repeats", "leak", "memorised"
FAILURES = {
    REPLICATED: "The model copies training images",
    CLOSER: "The samples are closer to the training images than they may be",
    REPEATS: "The samples repeat each other more often than they may",
    LEAK: "A test set shares images with a training set",
    MEMORISED: "Prompts behave as memorised ones do",
}
"""What it means that a check failed, by what it is about."""
_ASSERTIONS = {
    "assert_no_data_copying": CLOSER,
    "assert_no_duplicates_within": REPEATS,
    "assert_no_leak": LEAK,
    "assert_not_closer_than_holdout": CLOSER,
    "assert_percentile_below": CLOSER,
    "assert_prompts_not_memorized": MEMORISED,
}
_KINDS = {"set": CLOSER, "screen": MEMORISED}
Check = Mapping[str, Any]


def about(check: Check) -> str:
    """What a check is about: one of `FAILURES`."""
    kind = _KINDS.get(str(check.get("kind")), REPLICATED)
    return _ASSERTIONS.get(str(check.get("assertion")), kind)


def severity(check: Check) -> float:
    """How far the worst pair of a check lies beyond its limit, from 0 to 1; 0 where it has no pairs."""
    pairs = [*pairs_of(check, "pairs"), *pairs_of(check, "undecided_pairs")]
    return max(
        (severity_of_pair(check, pair) for pair in pairs), default=_beyond(check.get("worst_score"), check)
    )


def severity_of_pair(check: Check, pair: Mapping[str, Any]) -> float:
    """How far a pair lies beyond the limit of its check, from 0 to 1.

    As a share of what there is beyond it: of the scores up to 1, of the distances down to 0; points of a
    part by how many times more there are than the fewest that count.
    """
    part, rule = pair.get("part"), check.get("objects")
    found = [_beyond(pair.get("score"), pair if number(pair.get("threshold")) is not None else check)]
    if isinstance(part, Mapping) and (points := number(part.get("points"))):
        fewest = number(rule.get("points")) if isinstance(rule, Mapping) else None
        found.append(1 - (fewest or 1.0) / points)
    limit, distance = number(check.get("limit")), number(pair.get(str(check.get("rule"))))
    if limit and distance is not None:
        found.append(1 - distance / limit)
    return min(1.0, max(0.0, *found))


def pairs_of(check: Check, name: str) -> Sequence[Mapping[str, Any]]:
    """A list of pairs of a check; an empty one where it has none."""
    pairs = check.get(name)
    return [pair for pair in pairs if isinstance(pair, Mapping)] if isinstance(pairs, list) else []


def accepted(check: Check, name: str = "matches") -> Sequence[Mapping[str, Any]]:
    """Matches of a check that people have accepted, or those whose acceptance has ``expired``."""
    book = check.get("accepted")
    return pairs_of(book, name) if isinstance(book, Mapping) else []


def accepted_told(check: Check) -> str:
    """How many matches of a check are accepted, to be put behind what it found; empty for none."""
    of = len(accepted(check))
    return f", {many(of, 'match', 'matches')} accepted" if of else ""


def passed(checks: Sequence[Check]) -> str:
    """What a run that passed has found, in one sentence without its full stop.

    Args:
        checks: of it that count.
    """
    fine = [check for check in checks if check.get("outcome") == "pass"]
    said = f"{many(len(fine), 'check')} passed"
    if len(fine) < len(checks):
        said += f", {many(len(checks) - len(fine), 'check')} that only measured did not"
    compared = [check for check in fine if about(check) == REPLICATED]
    copies, samples = _copies(compared)
    if not compared:
        closer = any(about(check) == CLOSER for check in fine)
        which = "were looked at one by one" if closer else "were compared with training images"
        said += f"; in none of them samples {which}"
    elif copies:
        said += f": {replicated(copies, samples)}, which is tolerated"
    else:
        said += f": none of {many(samples, 'sample')} replicates a training image"
    accepted_ = sum(len(accepted(check)) for check in fine)
    said += f" ({many(accepted_, 'match', 'matches')} accepted)" if accepted_ else ""
    others = [check for check in checks if check.get("outcome") != "pass" and about(check) == REPLICATED]
    copies, samples = _copies(others)
    return said + (f"; {replicated(copies, samples)} where that was only measured" if copies else "")


def _copies(checks: Sequence[Check]) -> tuple[int, int]:
    """How many samples were replicated, or extracted, and how many there were."""
    copies = sum(count(check.get("extracted" if check.get("kind") else "replicated")) for check in checks)
    return copies, sum(count(check.get("samples")) for check in checks)


def replicated(copies: int, samples: int) -> str:
    """How many samples of a check are copies, in words."""
    verb = "replicates" if copies == 1 else "replicate"
    return f"{copies:,} of {many(samples, 'sample')} {verb} a training image"


def _beyond(score: object, limits: Mapping[str, Any]) -> float:
    found, threshold = number(score), number(limits.get("threshold"))
    if found is None or threshold is None or threshold >= 1:
        return 0.0
    return min(1.0, max(0.0, (found - threshold) / (1 - threshold)))
