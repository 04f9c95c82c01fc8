"""Verdict, checks and run as HTML that is there without a script."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pytest_replication.reports.html.histogram import histogram
from pytest_replication.reports.html.told import block, count, limit, listed, many, number, part, percent, score, told
from pytest_replication.reports.warnings import check_warnings, index_warnings

WORDS = {
    "pass": "Pass",
    "fail": "Fail",
    "inconclusive": "Inconclusive",
    "error": "Error",
    "none": "No verdict",
}
ORDER = ("fail", "error", "inconclusive", "pass")
"""Outcomes of checks, the worst first."""
DETAILED = 200
"""Checks that are told in full; of more there is a line each."""


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
        checks: that count.
        run: of the file of results.
    """
    bad = [check for check in checks if check.get("outcome") == outcome and check.get("asserted")]
    bad = bad or [check for check in checks if check.get("outcome") == outcome]
    if outcome == "none":
        return "No check was made: of the model nothing is known."
    if outcome == "error":
        faults = len(listed(run, "faults")) + len(listed(run, "errors"))
        told_ = many(faults, "fault") if faults else "a fault"
        return f"The gate could not do its work ({told_}): this is no verdict about the model."
    if outcome == "pass":
        return _passed(checks)
    if not bad:
        return "The run is red, and no check of this file says why."
    first, more = bad[0], len(bad) - 1
    also = f", and {many(more, 'more check')} {'does' if more == 1 else 'do'} not pass" if more else ""
    if outcome == "inconclusive":
        return f"Too little to tell: {_story(first)}{also}."
    return f"{_story(first)}{also}."


def _passed(checks: Sequence[Mapping[str, Any]]) -> str:
    of_samples = [check for check in checks if "kind" not in check]
    copies, samples = (sum(count(check.get(name)) for check in of_samples) for name in ("replicated", "samples"))
    told_ = many(len(checks), "check")
    if not of_samples:
        return f"{told_} passed; none of them compared a sample with training images."
    if not copies:
        return f"{told_} passed: none of {many(samples, 'sample')} replicates a training image."
    return f"{told_} passed: {copies:,} of {many(samples, 'sample')} replicate a training image, which is tolerated."


def _story(check: Mapping[str, Any]) -> str:
    """A check in a few words."""
    kind = check.get("kind")
    if kind is None:
        return (
            f"{count(check.get('replicated')):,} of {many(count(check.get('samples')), 'sample')} "
            "replicate a training image"
        )
    if kind == "extraction":
        samples = many(count(check.get("samples")), "sample")
        return f"{count(check.get('extracted')):,} of {samples} were extracted pixel by pixel"
    return str(check.get("story") or check.get("test"))


def tiles(checks: Sequence[Mapping[str, Any]], rows: Sequence[Mapping[str, Any]], run: Mapping[str, Any]) -> str:
    """The figures of a run that are asked for first."""
    of_samples = [check for check in checks if "kind" not in check]
    outcomes = [check.get("outcome") for check in checks]
    passed = outcomes.count("pass")
    copied = {(row["training"]) for row in rows if row["outcome"] == "replicated" and "training" in row}
    found = [
        ("Checks passed", f"{passed:,} of {len(checks):,}"),
        ("Samples judged", f"{sum(count(check.get('samples')) for check in checks):,}"),
        ("Replicated", f"{sum(count(check.get('replicated')) for check in of_samples):,}"),
        ("Training images copied", f"{len(copied):,}"),
    ]
    worst = [value for check in of_samples if (value := number(check.get("closest_score"))) is not None]
    found += [("Highest score", score(max(worst)))] if worst else []
    seconds = number(run.get("seconds"))
    found += [("Duration", _duration(seconds))] if seconds is not None else []
    return "".join(f"<div><dt>{name}</dt><dd>{told(value)}</dd></div>" for name, value in found)


def faults(run: Mapping[str, Any]) -> str:
    """What made a run red beside its checks, and errors of checks that tests have caught."""
    found = [("error", str(said)) for said in (*listed(run, "faults"), *listed(run, "errors"))]
    found += [
        ("inconclusive", f"{test} caught an error of a check and passed: that check has no verdict")
        for test in listed(run, "caught")
    ]
    if not found:
        return ""
    items = "".join(f'<li class="{kind}">{icon(kind)}<span>{block(said, 4000)}</span></li>' for kind, said in found)
    return f'<ul class="faults" aria-label="What else went wrong">{items}</ul>'


def check_html(check: Mapping[str, Any], place: int, pairs: int, *, opened: bool, whole: bool) -> str:
    """A check: its line, and what is told of it below.

    Args:
        check: of a file of results.
        place: of it in the file, from 0 on.
        pairs: rows of it in the page.
        opened: show what is below.
        whole: tell what is below; only the line where the page has no room for more.
    """
    outcome = str(check.get("outcome"))
    name = told(check.get("test"))
    name += f' <span class="quiet">{told(check.get("check"))}</span>' if check.get("check") else ""
    marks = "" if check.get("asserted") else '<span class="mark">measured only</span>'
    marks += '<span class="mark">earlier run of the test</span>' if check.get("rerun") else ""
    seconds = number(check.get("seconds"))
    line = (
        f'{chip(outcome)}<span class="name">{name}{marks}</span><span class="figures">{_figures(check)}</span>'
        f'<span class="seconds">{"" if seconds is None else _duration(seconds)}</span>'
    )
    start = f'<li data-outcome="{told(outcome)}" data-check="{place}">'
    if not whole:
        return f'{start}<div class="check line">{line}</div></li>'
    return (
        f'{start}<details class="check"{" open" if opened else ""}><summary>{line}</summary>'
        f'<div class="body">{_body(check, place, pairs)}</div></details></li>'
    )


def _body(check: Mapping[str, Any], place: int, pairs: int) -> str:
    chart = histogram(check, f"chart-{place}")
    drawn = ""
    if chart:
        null = count(sum(count(value) for value in listed(part(check, "null"), "counts")))
        key = '<span class="key below">samples</span>'
        key += '<span class="key above">samples that count as copies</span>' if 'class="above"' in chart else ""
        key += '<span class="key null">images of the hold-out, which cannot be copies</span>' if null else ""
        drawn = f'<figure class="chart">{chart}<figcaption>{key}</figcaption></figure>'
    facts = "".join(f"<div><dt>{name}</dt><dd>{told(value)}</dd></div>" for name, value in _facts(check) if value)
    warned = "".join(f"<li>{told(said, 2000)}</li>" for said in _warnings(check))
    warned = f'<ul class="warnings" aria-label="Warnings">{warned}</ul>' if warned else ""
    shown = (
        f'<button type="button" class="show-pairs" data-check="{place}">Show its {many(pairs, "pair")}</button>'
        if pairs
        else ""
    )
    message = check.get("message")
    said = (
        f'<details class="message"><summary>The message of this check</summary><pre tabindex="0">'
        f"{block(message)}</pre></details>"
        if message
        else ""
    )
    beside = f'<div class="beside">{drawn}{warned}{shown}</div>' if drawn or warned or shown else ""
    return f'<div class="columns">{beside}<dl class="facts">{facts}</dl></div>{said}'


def _figures(check: Mapping[str, Any]) -> str:
    kind = check.get("kind")
    if kind is not None:
        return told(_story(check), 300)
    undecided = count(part(check, "low_information").get("undecided"))
    figures = [f"{count(check.get('replicated')):,} of {count(check.get('samples')):,} replicated"]
    figures += [f"{undecided:,} undecided"] if undecided else []
    figures += [f"highest {score(check.get('closest_score'), check.get('threshold'))}"]
    figures += [_rule(check)]
    return told(" · ".join(figures))


def _rule(check: Mapping[str, Any]) -> str:
    fdr = number(check.get("fdr"))
    return f"threshold {limit(check.get('threshold'))}" if fdr is None else f"FDR {fdr:g}"


def _facts(check: Mapping[str, Any]) -> list[tuple[str, object]]:
    index, model, control = part(check, "index"), part(check, "model"), part(check, "control")
    facts: list[tuple[str, object]] = []
    if "kind" not in check:
        facts += _facts_of_samples(check)
    for finding in listed(check, "findings"):
        if isinstance(finding, Mapping):
            facts.append((told(finding.get("name"), 60), finding.get("said")))
    if control.get("asked"):
        found = f"{count(control.get('found'))} of {count(control.get('asked'))} planted copies found"
        facts.append(("Positive control", found))
    facts += [
        ("Samples from", check.get("sample_source")),
        ("Prompts", check.get("prompts_source") or check.get("prompt_source")),
        ("Model", " · ".join(filter(None, [str(model.get("name") or ""), *map(str, listed(model, "options"))]))),
        ("Model fingerprint", str(model.get("fingerprint") or "")[:12]),
        ("Index", index.get("path")),
        ("Index fingerprint", str(index.get("fingerprint") or "")[:12]),
        ("Training images", f"{count(check.get('searched')):,}" if count(check.get("searched")) else ""),
        ("Embedder", ", ".join(str(index[name]) for name in ("embedder", "preprocessing") if index.get(name))),
    ]
    return facts


def _facts_of_samples(check: Mapping[str, Any]) -> list[tuple[str, object]]:
    fdr, objects = number(check.get("fdr")), part(check, "objects")
    rule = f"score ≥ {limit(check.get('threshold'))} ({check.get('threshold_source')})"
    if fdr is not None:
        rule = f"false discovery rate {fdr:g} ({check.get('fdr_source')})"
    if objects:
        rule += f"; or a part with {count(objects.get('points'))} points alike ({objects.get('points_source')})"
    facts: list[tuple[str, object]] = [("Counts as a copy", rule)]
    if fdr is None:
        bound = f"{percent(check.get('rate_lower'))} to {percent(check.get('rate_upper'))}"
        facts.append(("Rate proved", f"{bound}, at {percent(check.get('confidence'))} confidence"))
    facts.append(("Tolerated", f"{percent(check.get('max_rate'))} ({check.get('max_rate_source')})"))
    expected = number(check.get("expected_false"))
    facts.append(("Expected by chance", "" if expected is None else f"{expected:.2g} samples"))
    return facts


def _warnings(check: Mapping[str, Any]) -> list[str]:
    """What weakens a verdict; that it cannot be told, where the file lacks what it follows from."""
    try:
        own = listed(check, "warnings") if "kind" in check else check_warnings(check)
        return [*map(str, own), *(index_warnings(check["index"]) if check.get("searched") else [])]
    except (KeyError, TypeError, ValueError, AttributeError, IndexError):
        return ["what weakens this verdict cannot be told: the file of results lacks what it follows from"]


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
    shown = "".join(f"<div><dt>{name}</dt><dd>{told(value, 4000)}</dd></div>" for name, value in facts if value)
    settings = "".join(
        f"<tr><th scope=\"row\">{told(setting.get('name'))}</th><td>{told(setting.get('value'))}</td>"
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


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    if seconds < 3600:
        return f"{int(seconds // 60)} min {int(seconds % 60)} s"
    return f"{int(seconds // 3600):,} h {int(seconds % 3600 // 60)} min"
