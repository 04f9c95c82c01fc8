"""What a run found, as CI systems list it: a finding each, with a place in a file. From results alone.

Standard library only. What a check says of samples comes from data: each format escapes it for itself.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING, Any

from pytest_replication.escape import one_line
from pytest_replication.faults import fault_text, is_regression
from pytest_replication.reports.words import plural, score_text, threshold_text

if TYPE_CHECKING:
    from pytest_replication.results import Results

REPLICATED, REGRESSED, INCONCLUSIVE = "replicated", "regression", "inconclusive"
BROKEN, NO_CHECK = "error", "no-check"
RULES = {
    REPLICATED: "The model copies training images",
    REGRESSED: "The model copies more than the last release did",
    INCONCLUSIVE: "Too few samples, or too little in them, to tell whether the model copies",
    BROKEN: "A check could not be made: nothing is known of the model",
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
    """

    rule: str
    failing: bool
    title: str
    message: str
    test: str = ""
    file: str = ""
    line: int = 1
    key: str = ""

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
    return min(found, key=ORDER.index, default="none")


def of_checks(results: Results) -> list[Finding]:
    """A finding for each check that did not pass, and for what broke the run, the worst first.

    Never empty unless the run passed.
    """
    found = [_of_check(check) for check in ordered(results) if check["outcome"] != "pass"]
    return [*found, *of_run(results)]


def of_pairs(results: Results, most: int) -> tuple[list[Finding], int]:
    """The same, but a finding for each training image that a check saw replicated.

    Args:
        results: of a run.
        most: how many there may be.

    Returns:
        The findings, and how many were left out. What broke the run, and the worst training image of each
        check, come before a second one of any.
    """
    first: list[Finding] = []
    more: list[Finding] = []
    for check in ordered(results):
        if check["outcome"] == "pass":
            continue
        pairs = list(_training_images(check))
        first.append(_of_pair(check, pairs[0]) if pairs else _of_check(check))
        more += [_of_pair(check, pair) for pair in pairs[1:]]
    distinct: dict[str, Finding] = {}
    for finding in [*of_run(results), *first, *more]:
        distinct.setdefault(finding.fingerprint, finding)
    return list(distinct.values())[:most], max(0, len(distinct) - most)


def of_run(results: Results) -> list[Finding]:
    """What broke the run beside its checks, and that there is none; tests that hid an error."""
    found = list(_broken(results))
    what = outcome(results)
    told = any(each.failing for each in found) or any(check["outcome"] == what for check in results.checks)
    if what == "none":
        found.append(Finding(NO_CHECK, True, RULES[NO_CHECK], "no replication check was made", key="none"))
    elif what != "pass" and not told:
        rule = {"fail": REPLICATED, "inconclusive": INCONCLUSIVE}.get(what, BROKEN)
        found.append(Finding(rule, True, RULES[rule], f"the outcome of the run is {what}", key="run"))
    return found


def ordered(results: Results) -> list[dict[str, Any]]:
    """Checks of a run, the worst first: those that fail tests, those that were only measured."""
    return sorted(
        results.checks, key=lambda check: (not check["asserted"], ORDER.index(check["outcome"]), check["id"])
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
    return f"{story} (highest score {score}, threshold {threshold_text(check['threshold'])})"


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
    rule = REPLICATED if check["outcome"] == "fail" else INCONCLUSIVE
    rule = BROKEN if check["outcome"] == "error" else rule
    said = headline(check) + ("" if check["asserted"] else " (measured only: it does not fail the test)")
    pairs = list(_training_images(check))
    if pairs and check["outcome"] == "fail":
        said += f"; the worst: {_pair_story(pairs[0])}"
    return _finding(check, rule, said, "check" if rule != REPLICATED else "")


def _of_pair(check: Mapping[str, Any], pair: Mapping[str, Any]) -> Finding:
    rule = REPLICATED if check["outcome"] == "fail" else INCONCLUSIVE
    number = pair.get("_samples", 1)
    count = f" ({plural(number, 'sample')} of it)" if number > 1 else ""
    return _finding(check, rule, f"{_pair_story(pair)}{count}", _training(pair))


def _finding(check: Mapping[str, Any], rule: str, said: str, key: str) -> Finding:
    file, line = place(check)
    again = "a run that was repeated: " if check["rerun"] else ""
    return Finding(
        rule=rule,
        failing=bool(check["asserted"]),
        title=f"{RULES[rule]}",
        message=f"{again}{said}",
        test=title(check),
        file=file,
        line=line,
        key=key,
    )


def _broken(results: Results) -> Iterator[Finding]:
    run = results.run
    for error in run["errors"]:
        told = error if isinstance(error, Mapping) else {"message": error}
        test, said = one_line(str(told.get("test", ""))), str(told.get("message") or LEFT_OUT)
        file, line = place({**told, "test": test})
        yield Finding(BROKEN, True, RULES[BROKEN], name(said, 2000), test, file, line, name(said))
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


def copies(results: Results) -> str:
    """What it is that a run found which failed: copies, or only more of them than before."""
    asserted = any(check["outcome"] == "fail" for check in results.checks if check["asserted"])
    return (
        RULES[REGRESSED] if compared(results).get("outcome") == "fail" and not asserted else RULES[REPLICATED]
    )


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


def _training_images(check: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The worst pair of each training image of a check, with how many samples there are of it."""
    found: dict[str, dict[str, Any]] = {}
    for pair in [*listed(check, "pairs"), *listed(check, "undecided_pairs")]:
        first = found.setdefault(_training(pair), {**pair, "_samples": 0})
        first["_samples"] += 1
    yield from found.values()


def listed(check: Mapping[str, Any], of: str) -> Sequence[Mapping[str, Any]]:
    """A list of pairs of a check; an empty one where it has none."""
    pairs = check.get(of)
    return [pair for pair in pairs if isinstance(pair, Mapping)] if isinstance(pairs, list) else []


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
        return (
            f"score {score_text(score, threshold) if isinstance(threshold, int | float) else f'{score:.3f}'}"
        )
    rmse = pair.get("rmse")
    return f"RMSE {rmse:.3f}" if isinstance(rmse, int | float) else "no score"


def _file(test: str) -> str:
    """The file of a test, by its id; empty where there is none."""
    return relative(test.partition("::")[0]) if "::" in test else ""
