"""Verdicts about sets, shown: plain data, plain text, and what stands in the table of a run."""

from __future__ import annotations

from typing import Any

from pytest_replication.escape import one_line
from pytest_replication.reports.data import index_data
from pytest_replication.reports.warnings import index_warnings
from pytest_replication.reports.words import plural
from pytest_replication.set_verdicts import Finding, SetVerdict

KIND = "set"
"""How the data of a set is told from that of a check of each sample."""


def set_data(verdict: SetVerdict) -> dict[str, Any]:
    """Turn a verdict about a set into plain data."""
    subject = verdict.subject
    return {
        "kind": KIND,
        "assertion": verdict.assertion,
        "check": subject.check,
        "outcome": verdict.outcome.value,
        "story": verdict.story,
        "samples": verdict.samples,
        "distinct_samples": int(subject.distinct),
        "sample_source": subject.source,
        "prompts": len(set(subject.prompts)),
        "holdout": int(verdict.holdout),
        "holdout_source": verdict.holdout_source,
        "cells": [plural(verdict.samples, "sample"), verdict.assertion, verdict.story],
        "warnings": set_warnings(verdict),
        "findings": [_finding(finding) for finding in verdict.findings],
        "notes": list(verdict.notes),
        "to_settle": verdict.to_settle,
        "searched": int(verdict.searched),
        "index": index_data(subject) | {"canaries": verdict.canaries},
    }


def render_set(verdict: SetVerdict) -> str:
    """Render a verdict about a set for a failure message or a log."""
    return "\n".join(map(one_line, [verdict.story, "", *_lines(verdict)]))


def set_warnings(verdict: SetVerdict) -> list[str]:
    """What weakens a verdict about a set, beside what weakens all on the same index."""
    samples, distinct = verdict.samples, verdict.subject.distinct
    prompts = len(set(verdict.subject.prompts))
    found = []
    if 0 < distinct < samples:
        found.append(f"only {distinct} of {plural(samples, 'sample')} distinct")
    if 0 < prompts < samples:
        found.append(
            f"{samples} samples of {plural(prompts, 'prompt')} are not independent, and count as fewer"
        )
    return found


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "name": finding.name,
        "said": finding.said,
        "outcome": None if finding.outcome is None else finding.outcome.value,
        "p": None if finding.p is None else float(finding.p),
        "numbers": {
            name: number if number is None or isinstance(number, int) else float(number)
            for name, number in finding.numbers.items()
        },
    }


def _lines(verdict: SetVerdict) -> list[str]:
    subject, data = verdict.subject, set_data(verdict)
    lines = [f"  {finding.name:<9}  {_said(finding)}" for finding in verdict.findings]
    lines.append(f"  samples    {verdict.samples} of {subject.source}")
    if verdict.holdout:
        lines.append(f"  hold-out   {verdict.holdout} of {verdict.holdout_source}")
    if verdict.searched:
        images = plural(verdict.searched, "training image")
        lines.append(f"  index      {subject.index}: {images}, all searched (exact)")
    lines.append(f"  embedder   {subject.embedder}, {subject.preprocessing}")
    lines += [f"  note       {note}" for note in verdict.notes]
    lines += [f"  WARNING    {said}" for said in (*index_warnings(data["index"]), *data["warnings"])]
    if verdict.to_settle:
        lines.append(f"  to settle  {verdict.to_settle}")
    return lines


def _said(finding: Finding) -> str:
    return finding.said if finding.outcome is None else f"{finding.outcome.value.upper()}: {finding.said}"
