"""What a run found, as CI systems list it: a finding each, with a place in a file. From results alone.

Standard library only. What a check says of samples comes from data: each format escapes it for itself.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING, Any

from pytest_replication.escape import one_line
from pytest_replication.faults import fault_text, is_regression
from pytest_replication.reports.about import (
    FAILURES,
    REPLICATED,
    about,
    accepted_told,
    pairs_of,
    severity,
    severity_of_pair,
)
from pytest_replication.reports.words import objects_words, plural
from pytest_replication.score_text import score_text, threshold_text

if TYPE_CHECKING:
    from pytest_replication.results import Results

REGRESSED, INCONCLUSIVE = "regression", "inconclusive"
BROKEN, NO_VERDICT, NO_CHECK = "error", "no-verdict", "no-check"
RULES = {
    **FAILURES,
    REGRESSED: "The model copies more than the last release did",
    INCONCLUSIVE: "Too few samples, or too little in them, to tell whether the model copies",
    BROKEN: "A check could not be made: nothing is known of the model",
    NO_VERDICT: "A test ended without a verdict: what it was to find out is not known",
    NO_CHECK: "No replication check was made",
}
"""What findings are of, in words."""
ORDER = ("fail", "error", "inconclusive", "pass")
"""Outcomes, the worst first."""
LEFT_OUT = "what it said was left out"
"""In the place of a message that private results do not hold."""
LONGEST = 300
"""Characters of a name that came from data and is quoted in a message."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a person has to look at.

    Attributes:
        rule: which of `RULES` it is of.
        failing: it makes the run red; else it was only measured, or is a warning.
        title: a few words.
        message: one line.
        test: id of the test; empty where it is of the run.
        file: of the test, relative, with forward slashes; empty where that is not known.
        line: of the test in the file, from 1 on.
        key: what stays the same in the next run, if that finds the same again.
        reported: pytest has reported the test as failed, with what it said.
        severity: how far it lies beyond its limit, from 0 to 1.
    """

    rule: str
    failing: bool
    title: str
    message: str
    test: str = ""
    file: str = ""
    line: int = 1
    key: str = ""
    reported: bool = False
    severity: float = 0.0

    @property
    def fingerprint(self) -> str:
        """The key as 64 hexadecimal digits."""
        return hashlib.sha256(
            "\0".join((self.rule, self.test, self.key)).encode(errors="replace")
        ).hexdigest()


def outcome(results: Results) -> str:
    """The outcome of a run: what it says itself, or worse, where its checks or its errors say that."""
    found = {check["outcome"] for check in results.checks if check["asserted"]}
    if results.run["faults"] or results.run["errors"]:
        found.add("error")
    found |= {results.outcome} & set(ORDER)
    if not results.checks:
        found.discard("pass")
    if results.run.get("exit_status") and found == {"pass"}:
        found.add("error")
    return min(found, key=ORDER.index, default="none")


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


def of_run(results: Results) -> list[Finding]:
    """What broke the run beside its checks, and that there is none; tests that hid an error."""
    found = list(_broken(results))
    what = outcome(results)
    told = any(each.failing for each in found) or any(check["outcome"] == what for check in results.checks)
    if what == "none":
        found.append(Finding(NO_CHECK, True, RULES[NO_CHECK], "no replication check was made", key="none"))
    elif what != "pass" and not told:
        rule = {"fail": REPLICATED, "inconclusive": INCONCLUSIVE}.get(what, BROKEN)
        status = results.run.get("exit_status")
        ended = (
            f" and its exit status {name(status, 20)}, which nothing in its results explains"
            if status
            else ""
        )
        found.append(Finding(rule, True, RULES[rule], f"the outcome of the run is {what}{ended}", key="run"))
    return found


def ordered(results: Results) -> list[dict[str, Any]]:
    """Checks of a run, the worst first: those that fail tests, those that were only measured.

    Of one outcome, that comes first whose worst pair lies farthest beyond its limit.
    """
    return sorted(
        results.checks,
        key=lambda check: (
            not check["asserted"],
            ORDER.index(check["outcome"]),
            -severity(check),
            check["id"],
        ),
    )


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


def place(check: Mapping[str, Any]) -> tuple[str, int]:
    """File and line of the test of a check; an empty file where that is not known."""
    line = check.get("test_line")
    return relative(check.get("test_file") or _file(check["test"])), line if type(
        line
    ) is int and line > 0 else 1


def relative(path: object) -> str:
    """A relative path of a file, with forward slashes; empty for what is none, or leads out of its folder.

    Ready tests stand in no file, and their node has no suffix.
    """
    text = str(path or "").removeprefix("./")
    outside = PurePosixPath(text).is_absolute() or PureWindowsPath(text).is_absolute()
    odd = (
        outside
        or not PurePosixPath(text).suffix
        or ".." in text.split("/")
        or "\\" in text
        or one_line(text) != text
    )
    return "" if odd else text


def name(value: object, longest: int = LONGEST) -> str:
    """A name that came from data, in one line that is not too long: its beginning and its end."""
    text, half = str(value), longest // 2
    text = one_line(text if len(text) <= 2 * longest else f"{text[:longest]}…{text[-longest:]}")
    return text if len(text) <= longest else f"{text[:half]}…{text[len(text) - half + 1 :]}"


def _of_check(check: Mapping[str, Any]) -> Finding:
    pairs, said = _training_images(check), f"{headline(check)}{_aside(check)}"
    if pairs and check["outcome"] in ("fail", "pass"):
        said += f"; the worst: {_pair_story(pairs[0])}"
    # Which check of its test: no other name tells those apart that have no pairs.
    number = str(check["id"]).rpartition("#")[2]
    return _finding(check, said, f"check {check.get('kind', '')} {number}", severity(check))


def _of_pair(check: Mapping[str, Any], pair: Mapping[str, Any]) -> Finding:
    number = pair.get("_samples", 1)
    count = f" ({plural(number, 'sample')} of it)" if number > 1 else ""
    said = f"{_pair_story(pair)}{count}{_aside(check)}"
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


def _broken(results: Results) -> Iterator[Finding]:
    run = results.run
    others = [error for error in run["errors"] if _of_others(error)]
    if len(others) > 1:  # of a suite that tests other things, too
        yield _others(others)
    for told in run["errors"]:
        if len(others) > 1 and _of_others(told):
            continue
        test, said = one_line(str(told.get("test", ""))), str(told.get("message") or LEFT_OUT)
        file, line = place({**told, "test": test})
        rule = NO_VERDICT if told.get("kind") in ("test", "collection") else BROKEN
        reported = told.get("test_failed") is True
        yield Finding(rule, True, RULES[rule], name(said, 2000), test, file, line, name(said), reported)
    yield from _skipped(results)
    regressed = list(_regressed(results))
    yield from regressed
    for fault in run["faults"]:
        if regressed and is_regression(fault):  # which is a finding of its own
            continue
        said = fault_text(fault)
        yield Finding(BROKEN, True, RULES[BROKEN], name(said, 2000), key=name(said))
    for test in run["caught"]:
        said = "the test caught an error of a check and passed: that check has no verdict"
        yield Finding(BROKEN, False, RULES[BROKEN], said, one_line(str(test)), _file(str(test)), key="caught")


def _of_others(error: Mapping[str, Any]) -> bool:
    return error.get("kind") == "test" and not error.get("of_gate")


def _others(errors: Sequence[Mapping[str, Any]]) -> Finding:
    """Tests that failed and ask for nothing of ours, as one finding: they may be about something else."""
    first = errors[0]
    test = one_line(str(first["test"]))
    file, line = place({**first, "test": test})
    said = (
        f"{len(errors)} tests that ask for no fixture of this package failed, this one first "
        f"({name(first['message'] or LEFT_OUT, 500)}): whether they were to check something is not known"
    )
    reported = all(error.get("test_failed") is True for error in errors)
    return Finding(NO_VERDICT, True, RULES[NO_VERDICT], said, test, file, line, "others", reported)


def _skipped(results: Results) -> Iterator[Finding]:
    """Tests that were to check something and were skipped: no failure, and nothing to rely on."""
    entries = results.run.get("skipped")
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, Mapping):
            test = one_line(str(entry.get("test", "")))
            file, line = place({**entry, "test": test})
            said = f"skipped, so that it has checked nothing: {name(entry.get('message') or LEFT_OUT, 500)}"
            yield Finding(NO_CHECK, False, RULES[NO_CHECK], said, test, file, line, "skipped")


def failure(results: Results) -> str:
    """What it is that a run found which failed: copies before all else, or only more of them than before."""
    failed = [check for check in ordered(results) if check["outcome"] == "fail"]
    asserted = [check for check in failed if check["asserted"]]
    if compared(results).get("outcome") == "fail" and not asserted:
        return RULES[REGRESSED]
    rules = [about(check) for check in asserted or failed]
    return RULES[REPLICATED if REPLICATED in rules or not rules else rules[0]]


def compared(results: Results) -> Mapping[str, Any]:
    """What a run says of the last release; empty where it was compared with none."""
    found = results.run.get("baseline")
    return found if isinstance(found, Mapping) else {}


def changes(results: Results) -> list[Mapping[str, Any]]:
    """What became of each check since the last release."""
    found = compared(results).get("checks")
    return [each for each in found if isinstance(each, Mapping)] if isinstance(found, list) else []


def change_story(change: Mapping[str, Any]) -> str:
    """A check then and now, in words."""
    then, now = (f"{_rate_of(change.get(key))}" for key in ("old", "new"))
    images = change.get("new_images")
    count = len(images) if isinstance(images, list) else 0
    new = f", {plural(count, 'new training image')} replicated" if count else ""
    return f"{then} then, {now} now{new}"


def _rate_of(measured: object) -> str:
    if not isinstance(measured, Mapping):
        return "unknown"
    rate = measured.get("rate")
    if not isinstance(rate, int | float):
        return name(measured.get("outcome"), 40)
    return (
        f"{name(measured.get('replicated'), 20)} of {name(measured.get('samples'), 20)} ({100 * rate:.3g} %)"
    )


def _regressed(results: Results) -> Iterator[Finding]:
    """Checks that became worse since the last release, where that makes the run red."""
    if compared(results).get("outcome") != "fail":
        return
    places = {check["id"]: place(check) for check in results.checks}
    for change in changes(results):
        if change.get("change") == "worse":
            test = one_line(str(change.get("id", "")))
            file, line = places.get(change.get("id"), (_file(test), 1))
            said = f"worse than the last release: {change_story(change)}"
            yield Finding(REGRESSED, True, RULES[REGRESSED], said, test, file, line, key="baseline")


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


def _pair_story(pair: Mapping[str, Any]) -> str:
    return f"{name(pair.get('sample'))}{seed(pair)} -> {name(pair.get('training_uri'))} ({measure(pair)})"


def seed(pair: Mapping[str, Any]) -> str:
    """The seed of a sample in parentheses; empty where it has none."""
    return "" if pair.get("seed") is None else f" (seed {name(pair['seed'], 40)})"


def measure(pair: Mapping[str, Any]) -> str:
    """What makes a pair count, in words: points of a part, a score, or the distance of pixels."""
    part, score, threshold = pair.get("part"), pair.get("score"), pair.get("threshold")
    if pair.get("kind") == "object" and isinstance(part, Mapping) and "points" in part:
        return f"a part, {name(part['points'], 20)} points"
    if isinstance(score, int | float):
        return f"score {score_text(score, threshold if isinstance(threshold, int | float) else None)}"
    rmse = pair.get("rmse")
    return f"RMSE {rmse:.3f}" if isinstance(rmse, int | float) else "no score"


def _file(test: str) -> str:
    """The file of a test, by its id; empty where there is none."""
    return relative(test.partition("::")[0]) if "::" in test else ""
