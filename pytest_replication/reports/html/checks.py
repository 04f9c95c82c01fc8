"""The checks of a run as HTML that is there without a script."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytest_replication.reports.html.escaped import block, limit, listed, part, percent, score, told
from pytest_replication.reports.html.histogram import histogram
from pytest_replication.reports.html.verdict import chip, duration, story
from pytest_replication.reports.values import count, number
from pytest_replication.reports.warnings import check_warnings, index_warnings
from pytest_replication.reports.words import many, objects_words

DETAILED = 200
"""Checks that are told in full; of more there is a line each."""


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
        f'{chip(outcome)}<span class="name">{name}{marks}</span>'
        f'<span class="figures">{_figures(check)}</span>'
        f'<span class="seconds">{"" if seconds is None else duration(seconds)}</span>'
    )
    start = f'<li data-outcome="{told(outcome)}" data-check="{place}">'
    if not whole:
        return f'{start}<div class="check line">{line}</div></li>'
    return (
        f'{start}<details class="check"{" open" if opened else ""}><summary>{line}</summary>'
        f'<div class="body">{_body(check, place, pairs)}</div></details></li>'
    )


def _body(check: Mapping[str, Any], place: int, pairs: int) -> str:
    facts = "".join(
        f"<div><dt>{name}</dt><dd>{told(value)}</dd></div>" for name, value in _facts(check) if value
    )
    beside = _chart(check, place) + _warned(check)
    if pairs:
        label = f"Show its {many(pairs, 'pair')}"
        beside += f'<button type="button" class="show-pairs" data-check="{place}">{label}</button>'
    beside = f'<div class="beside">{beside}</div>' if beside else ""
    return f'<div class="columns">{beside}<dl class="facts">{facts}</dl></div>{_message(check)}'


def _chart(check: Mapping[str, Any], place: int) -> str:
    """The histogram, and what its colours mean; empty where there are no scores."""
    drawn = histogram(check, f"chart-{place}")
    if not drawn:
        return ""
    parts = count(part(check, "objects").get("replicated"))
    keys = {
        "below": "samples" + (f", {parts:,} of them copies by a part alone" if parts else ""),
        "above": "samples that count as copies" + (" by their score" if parts else ""),
        "null": "images of the hold-out, which cannot be copies",
    }
    shown = "".join(
        f'<span class="key {name}">{said}</span>' for name, said in keys.items() if f'class="{name}"' in drawn
    )
    return f'<figure class="chart">{drawn}<figcaption>{shown}</figcaption></figure>'


def _warned(check: Mapping[str, Any]) -> str:
    items = "".join(f"<li>{told(said, 2000)}</li>" for said in _warnings(check))
    return f'<ul class="warnings" aria-label="Warnings">{items}</ul>' if items else ""


def _message(check: Mapping[str, Any]) -> str:
    if not check.get("message"):
        return ""
    return (
        '<details class="message"><summary>The message of this check</summary><pre tabindex="0">'
        f"{block(check['message'])}</pre></details>"
    )


def _figures(check: Mapping[str, Any]) -> str:
    kind = check.get("kind")
    if kind is not None:
        return told(story(check), 300)
    undecided = count(part(check, "low_information").get("undecided"))
    figures = [f"{count(check.get('replicated')):,} of {count(check.get('samples')):,} replicated"]
    figures += [f"{undecided:,} undecided"] if undecided else []
    of_accepted = part(check, "accepted")
    for name, said in (("matches", "accepted"), ("expired", "no longer accepted")):
        figures += [f"{len(pairs):,} {said}"] if (pairs := listed(of_accepted, name)) else []
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
        (
            "Model",
            " · ".join(filter(None, [str(model.get("name") or ""), *map(str, listed(model, "options"))])),
        ),
        ("Model fingerprint", str(model.get("fingerprint") or "")[:12]),
        ("Index", index.get("path")),
        ("Index fingerprint", str(index.get("fingerprint") or "")[:12]),
        ("Training images", f"{count(check.get('searched')):,}" if count(check.get("searched")) else ""),
        (
            "Embedder",
            ", ".join(str(index[name]) for name in ("embedder", "preprocessing") if index.get(name)),
        ),
    ]
    return facts


def _facts_of_samples(check: Mapping[str, Any]) -> list[tuple[str, object]]:
    fdr, objects = number(check.get("fdr")), part(check, "objects")
    rule = f"score ≥ {limit(check.get('threshold'))} ({check.get('threshold_source')})"
    if fdr is not None:
        rule = f"false discovery rate {fdr:g} ({check.get('fdr_source')})"
    if objects:
        rule += (
            f"; or a part with {count(objects.get('points'))} points alike ({objects.get('points_source')})"
        )
    facts: list[tuple[str, object]] = [("Counts as a copy", rule), ("Copies of a part", objects_words(check))]
    if fdr is None:
        bound = f"{percent(check.get('rate_lower'))} to {percent(check.get('rate_upper'))}"
        facts.append(("Rate proved", f"{bound}, each bound at {percent(check.get('confidence'))} confidence"))
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
