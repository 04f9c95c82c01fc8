"""What a run found, in words and figures, and how it was made."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from pytest_replication.faults import fault_text
from pytest_replication.reports.about import LEAK, about, passed, replicated
from pytest_replication.reports.html.escaped import block, listed, part, score, told
from pytest_replication.reports.last_release import change_story
from pytest_replication.reports.values import count, number
from pytest_replication.reports.words import many

WORDS = {
    "pass": "Pass",
    "fail": "Fail",
    "inconclusive": "Inconclusive",
    "error": "Error",
    "none": "No verdict",
}
ORDER = ("fail", "error", "inconclusive", "pass")
"""Outcomes of checks, the worst first."""


def icon(outcome: str) -> str:
    """The sign of an outcome, whose shape tells it as well as its colour."""
    return f'<svg class="icon" aria-hidden="true"><use href="#icon-{outcome}"/></svg>'


def chip(outcome: str) -> str:
    """An outcome with its sign."""
    known = outcome if outcome in WORDS else "error"
    return f'<span class="chip {known}">{icon(known)}{WORDS[known]}</span>'


def headline(outcome: str, checks: Sequence[Mapping[str, Any]], run: Mapping[str, Any]) -> str:
    """What a run found, in a sentence.

    Args:
        outcome: of the run.
        checks: all of them; what a run found that was repeated is real, too.
        run: of the file of results.
    """
    bad = [check for check in checks if check.get("outcome") == outcome and check.get("asserted")]
    bad = bad or [check for check in checks if check.get("outcome") == outcome]
    bad.sort(key=lambda check: bool(check.get("rerun")))
    if outcome == "none":
        return "No check was made: of the model nothing is known."
    if outcome == "error":
        faults = len(listed(run, "faults")) + len(listed(run, "errors"))
        said = many(faults, "fault") if faults else "a fault"
        return f"The gate could not do its work ({said}): this is no verdict about the model."
    if outcome == "pass":
        return f"{passed([check for check in checks if not check.get('rerun')])}."
    if (said := _worse(run)) and not any(check.get("asserted") for check in bad):
        return said
    if not bad:
        return "The run is red, and no check of this file says why."
    first, more = bad[0], len(bad) - 1
    also = f", and {many(more, 'more check')} {'does' if more == 1 else 'do'} not pass" if more else ""
    again = ", in a run of its test that was repeated" if first.get("rerun") else ""
    if outcome == "inconclusive":
        return f"Too little to tell: {story(first)}{also}."
    return f"{story(first)}{again}{also}."


def _worse(run: Mapping[str, Any]) -> str:
    """What became worse since the last release, where that makes the run red; empty for nothing."""
    compared = part(run, "baseline")
    changes = [each for each in listed(compared, "checks") if isinstance(each, Mapping)]
    worse = [each for each in changes if each.get("change") == "worse"]
    if not worse or compared.get("outcome") != "fail":
        return ""
    more = f", and {many(len(worse) - 1, 'more check')}" if len(worse) > 1 else ""
    return f"Worse than the last release: {change_story(worse[0])}{more}."


def story(check: Mapping[str, Any]) -> str:
    """A check in a few words."""
    samples, kind = count(check.get("samples")), check.get("kind")
    if kind is None and about(check) == LEAK:
        shared = count(check.get("replicated"))
        return f"{shared:,} of {many(samples, 'image')} of a test set stand in the training set"
    if kind is None:
        return replicated(count(check.get("replicated")), samples)
    if kind == "extraction":
        copies = count(check.get("extracted"))
        was = "was" if copies == 1 else "were"
        return f"{copies:,} of {many(samples, 'sample')} {was} extracted pixel by pixel"
    return str(check.get("story") or check.get("test"))


def tiles(
    checks: Sequence[Mapping[str, Any]], rows: Sequence[Mapping[str, Any]], run: Mapping[str, Any]
) -> str:
    """The figures of a run that are asked for first."""
    of_samples = [check for check in checks if "kind" not in check]
    outcomes = [check.get("outcome") for check in checks]
    passed = outcomes.count("pass")
    copied = {(row["training"]) for row in rows if row["outcome"] == "replicated" and "training" in row}
    found = [
        ("Checks passed", f"{passed:,} of {len(checks):,}"),
        ("Samples judged", f"{sum(count(check.get('samples')) for check in checks):,}"),
        ("Samples replicated", f"{_copies(of_samples):,}"),
        ("Training images copied", f"{len(copied):,}"),
    ]
    worst = [value for check in of_samples if (value := number(check.get("closest_score"))) is not None]
    found += [("Highest score", score(max(worst)))] if worst else []
    seconds = number(run.get("seconds"))
    found += [("Duration", duration(seconds))] if seconds is not None else []
    return "".join(f"<div><dt>{name}</dt><dd>{told(value)}</dd></div>" for name, value in found)


def _copies(checks: Sequence[Mapping[str, Any]]) -> int:
    """Replicated samples, each once, however many checks saw it."""
    found: Counter[str] = Counter()
    for place, check in enumerate(checks):
        pairs = [pair for pair in listed(check, "pairs") if isinstance(pair, Mapping)]
        found |= Counter(
            str(pair.get("sample_sha256") or (place, pair.get("sample_number"))) for pair in pairs
        )
    return found.total()


def faults(run: Mapping[str, Any], most: int | None = None, longest: int = 4000) -> str:
    """What made a run red beside its checks, and errors of checks that tests have caught.

    Args:
        run: of a file of results.
        most: how many are told; None for all.
        longest: characters of one.
    """
    found = [("error", fault_text(each)) for each in listed(run, "faults")]
    for error in listed(run, "errors"):
        said = f"{error.get('test')}: {error.get('message')}" if isinstance(error, Mapping) else str(error)
        found.append(("error", said))
    found += [
        ("inconclusive", f"{test.get('test')} was skipped and has checked nothing: {test.get('message')}")
        for test in listed(run, "skipped")
        if isinstance(test, Mapping)
    ]
    found += [
        ("inconclusive", f"{test} caught an error of a check and passed: that check has no verdict")
        for test in listed(run, "caught")
    ]
    if not found:
        return ""
    items = "".join(
        f'<li class="{kind}">{icon(kind)}<span>{block(said, longest)}</span></li>'
        for kind, said in found[:most]
    )
    if most is not None and len(found) > most:
        items += f"<li>and {len(found) - most:,} more, in the file of results</li>"
    return f'<ul class="faults" aria-label="What else went wrong">{items}</ul>'


def run_html(run: Mapping[str, Any]) -> str:
    """How and where a run was made."""
    environment = part(run, "environment")
    command = " ".join(map(str, listed(run, "command")))
    packages = part(environment, "packages")
    facts = [
        ("Command", command),
        ("Commit", environment.get("commit")),
        ("Python", environment.get("python")),
        ("Platform", environment.get("platform")),
        ("Packages", ", ".join(f"{name} {version}" for name, version in packages.items())),
    ]
    shown = "".join(
        f"<div><dt>{name}</dt><dd>{told(value, 4000)}</dd></div>" for name, value in facts if value
    )
    settings = "".join(
        f'<tr><th scope="row">{told(setting.get("name"))}</th><td>{told(setting.get("value"))}</td>'
        f"<td>{told(setting.get('source'))}</td></tr>"
        for setting in listed(run, "settings")
        if isinstance(setting, Mapping)
    )
    table = (
        '<table><caption>Settings</caption><thead><tr><th scope="col">Name</th><th scope="col">Value</th>'
        f'<th scope="col">From</th></tr></thead><tbody>{settings}</tbody></table>'
        if settings
        else ""
    )
    return f'<dl class="facts">{shown}</dl>{table}'


def duration(seconds: float) -> str:
    """Seconds as people say them."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    if seconds < 3600:
        return f"{int(seconds // 60)} min {int(seconds % 60)} s"
    return f"{int(seconds // 3600):,} h {int(seconds % 3600 // 60)} min"
