"""What a run found, as CI systems list it: a finding each, with a place in a file. From results alone.

Standard library only. What a check says of samples comes from data: each format escapes it for itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pytest_replication.reports.about import REPLICATED, about, pairs_of, severity, severity_of_pair
from pytest_replication.reports.finding import BROKEN, INCONCLUSIVE, RULES, Finding
from pytest_replication.reports.headlines import headline, pair_story, title
from pytest_replication.reports.outcome import ordered
from pytest_replication.reports.places import place
from pytest_replication.reports.run_findings import of_run
from pytest_replication.reports.words import plural

if TYPE_CHECKING:
    from pytest_replication.results import Results


def of_checks(results: Results) -> list[Finding]:
    """A finding for each check that did not pass, and for what broke the run, the worst first.

    Never empty unless the run passed. Copies that a limit tolerates are a finding that fails nothing.
    """
    found = [
        _of_check(check) for check in ordered(results) if check["outcome"] != "pass" or _tolerated(check)
    ]
    return [*found, *of_run(results)]


def of_pairs(results: Results, most: int) -> tuple[list[Finding], int]:
    """The same, but a finding for each training image that a check saw replicated.

    Args:
        results: of a run.
        most: how many there may be.

    Returns:
        The findings, and how many were left out. What broke the run, and the worst training image of each
        check, come before a second one of any; those that fail tests before others, the worst of them first.
        Of a training image that several checks of a test saw there is one, the worst.
    """
    first: list[Finding] = []
    more: list[Finding] = []
    for check in ordered(results):
        if check["outcome"] == "pass" and not _tolerated(check):
            continue
        pairs = _training_images(check)
        first.append(_of_pair(check, pairs[0]) if pairs else _of_check(check))
        more += [_of_pair(check, pair) for pair in pairs[1:]]
    more.sort(key=_worst_first)
    distinct: dict[str, Finding] = {}
    for finding in [*of_run(results), *first, *more]:
        there = distinct.setdefault(finding.fingerprint, finding)
        if _worst_first(finding) < _worst_first(there):
            distinct[finding.fingerprint] = finding
    return list(distinct.values())[:most], max(0, len(distinct) - most)


def _worst_first(finding: Finding) -> tuple[bool, float]:
    return not finding.failing, -finding.severity


def _tolerated(check: Mapping[str, Any]) -> bool:
    """Whether a check passed that saw copies: no more of them than its limit allows."""
    return check["outcome"] == "pass" and about(check) == REPLICATED and bool(pairs_of(check, "pairs"))


def _of_check(check: Mapping[str, Any]) -> Finding:
    pairs, said = _training_images(check), f"{headline(check)}{_aside(check)}"
    if pairs and check["outcome"] in ("fail", "pass"):
        said += f"; the worst: {pair_story(pairs[0])}"
    # Which check of its test: no other name tells those apart that have no pairs.
    number = str(check["id"]).rpartition("#")[2]
    return _finding(check, said, f"check {check.get('kind', '')} {number}", severity(check))


def _of_pair(check: Mapping[str, Any], pair: Mapping[str, Any]) -> Finding:
    number = pair.get("_samples", 1)
    count = f" ({plural(number, 'sample')} of it)" if number > 1 else ""
    said = f"{pair_story(pair)}{count}{_aside(check)}"
    said = (
        f"{headline(check)}: {said}" if check["outcome"] == "inconclusive" else said
    )  # which has to say why
    key = "\0".join(filter(None, (str(check.get("kind") or ""), _training(pair))))
    return _finding(check, said, key, severity_of_pair(check, pair))


def _aside(check: Mapping[str, Any]) -> str:
    """Why a check that saw something fails nothing; empty where it does."""
    if not check["asserted"]:
        return " (measured only: it does not fail the test)"
    return " (tolerated by the limit of the check)" if check["outcome"] == "pass" else ""


def _finding(check: Mapping[str, Any], said: str, key: str, how_bad: float) -> Finding:
    file, line = place(check)
    again = "a run that was repeated: " if check["rerun"] else ""
    rule = {"inconclusive": INCONCLUSIVE, "error": BROKEN}.get(check["outcome"], about(check))
    return Finding(
        rule=rule,
        failing=bool(check["asserted"]) and check["outcome"] != "pass",
        title=f"{RULES[rule]}",
        message=f"{again}{said}",
        test=title(check),
        file=file,
        line=line,
        key=key,
        reported=check.get("test_failed") is True and not check["rerun"],
        severity=how_bad,
    )


def _training_images(check: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The worst pair of each training image of a check, worst first, with how many samples there are of it.

    Of a check that could tell, those that count as replicated.
    """
    pairs = pairs_of(check, "pairs")
    if check["outcome"] not in ("fail", "pass") or not pairs:
        pairs = [*pairs, *pairs_of(check, "undecided_pairs")]
    found: dict[str, dict[str, Any]] = {}
    counts: Counter[str] = Counter(map(_training, pairs))
    for pair in sorted(pairs, key=lambda pair: -severity_of_pair(check, pair)):
        found.setdefault(_training(pair), {**pair, "_samples": counts[_training(pair)]})
    return list(found.values())


def _training(pair: Mapping[str, Any]) -> str:
    return str(pair.get("training_sha256") or pair.get("training_uri") or pair.get("training_id") or "")
