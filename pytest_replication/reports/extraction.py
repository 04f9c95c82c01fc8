"""A verdict about extraction: as plain data, and in plain text."""

from __future__ import annotations

from typing import Any

from pytest_replication.escape import one_line
from pytest_replication.extraction_verdicts import ExtractionPolicy, ExtractionVerdict, distance
from pytest_replication.reports.remade import again_lines, model_data, model_lines
from pytest_replication.reports.warnings import index_warnings
from pytest_replication.reports.words import plural
from pytest_replication.search.extraction import MAYBE, PixelMatch
from pytest_replication.verdicts import Outcome

SHOWN = 10
"""Pairs that a message lists."""
KIND = "extraction"
"""What tells these data from those of a verdict about replication."""
_NAMES = {
    "relative": "relative L2",
    "ratio": "nearest over second nearest",
    "tiled": "tiled L2",
    "rmse": "RMSE",
}


def extraction_data(verdict: ExtractionVerdict, *, every: bool = True) -> dict[str, Any]:
    """Turn a verdict into plain data.

    Args:
        verdict: what to turn.
        every: include the nearest training image of every sample.
    """
    matches, policy = verdict.matches, verdict.policy
    data: dict[str, Any] = {
        "kind": KIND,
        "check": matches.check,
        "outcome": verdict.outcome.value,
        "samples": verdict.samples,
        "extracted": len(verdict.extracted),
        "undecided": len(verdict.undecided),
        "rate_lower": float(verdict.rate_lower),
        "rate_upper": float(verdict.rate_upper),
        "confidence": float(policy.confidence),
        "rule": str(policy.rule),
        "limit": float(policy.limit),
        "limit_source": str(policy.limit_source),
        "closest": distance(verdict.closest, policy.rule),
        "neighbours": int(matches.neighbours),
        "side": int(matches.side),
        "resized": int(matches.resized),
        "searched": int(matches.searched),
        "sample_source": matches.source,
        "model": model_data(matches.model),
        "distinct_samples": int(matches.distinct),
        "index": {
            "path": matches.index,
            "rejected": int(matches.rejected),
            "removed": int(matches.removed),
            "unproved": False,
            "stale_calibration": False,
            "canaries": 0,  # pixels are compared as they are: no embedder that could be blind
            "fingerprint": matches.fingerprint,
            "embedder": f"pixels of {matches.side} x {matches.side}",
        },
        "pairs": [_pair_data(verdict, match) for match in verdict.extracted],
        "undecided_pairs": [_pair_data(verdict, match) for match in verdict.undecided],
    }
    if every:
        data["nearest"] = [_pair_data(verdict, match) for match in matches.of]
    return data


def render_extraction(verdict: ExtractionVerdict) -> str:
    """Render a verdict for a terminal, a failure message or a log."""
    matches, policy = verdict.matches, verdict.policy
    lines = [extraction_headline(verdict), "", *_pairs(verdict)]
    lines += [
        f"  rule       {rule_text(policy)}",
        f"  rate       {_bounds(verdict)}",
        f"  samples    {verdict.samples} of {matches.source}",
        *model_lines(matches.model),
        f"  index      {matches.index}: {plural(matches.searched, 'training image')}, all compared pixel by "
        f"pixel",
        "  control    none: pixels are compared as they are, without an embedder that could be blind",
        f"  pixels     {matches.side} x {matches.side}, {plural(matches.resized, 'sample')} resized to that",
    ]
    data = extraction_data(verdict, every=False)
    lines += [f"  WARNING    {said}" for said in extraction_warnings(data)]
    if verdict.extracted:
        worst = verdict.extracted[0].sample
        about = matches.names, matches.seeds, matches.prompts, matches.labels
        lines += again_lines(matches.model, worst, *about)
    return "\n".join(map(one_line, lines))


def extraction_headline(verdict: ExtractionVerdict) -> str:
    """The whole story in one line."""
    k, n, open_ = len(verdict.extracted), verdict.samples, len(verdict.undecided)
    name, closest = _NAMES[verdict.policy.rule], distance(verdict.closest, verdict.policy.rule)
    number = "not known" if closest is None else f"{closest:.3f}"
    limit = f"limit {verdict.policy.limit:.3g}"
    if k:
        what = "is an extracted training image" if k == 1 else "are extracted training images"
        return f"{k} of {n} samples {what} (lowest {name}: {number}, {limit})"
    if verdict.outcome is Outcome.INCONCLUSIVE:
        return f"cannot tell of {open_} of {n} samples whether they are extracted ({name}, {limit})"
    return f"none of {n} samples is an extracted training image (lowest {name}: {number}, {limit})"


def rule_text(policy: ExtractionPolicy) -> str:
    """The rule with its limit and where that comes from."""
    sign = "<" if policy.rule == "ratio" else "<="
    return f"{_NAMES[policy.rule]} {sign} {policy.limit:.3g} ({policy.limit_source})"


def extraction_row(verdict: ExtractionVerdict) -> dict[str, Any]:
    """Turn a verdict into what the summary of a run shows of it."""
    data = extraction_data(verdict, every=False)
    closest, upper, lower = data["closest"], verdict.rate_upper, verdict.rate_lower
    bound = f"rate >= {100 * lower:.3g} %" if verdict.extracted else f"rate <= {100 * upper:.3g} %"
    unknown = f", {data['undecided']} undecided" if data["undecided"] else ""
    return data | {
        "cells": [
            f"{data['extracted']} of {data['samples']} extracted{unknown}",
            "closest not known" if closest is None else f"closest {closest:.3f}",
            f"{rule_text(verdict.policy)}, {bound}",
        ],
        "warnings": extraction_check_warnings(data),
    }


def extraction_warnings(data: dict[str, Any]) -> list[str]:
    """What weakens a verdict, a sentence each; from its data."""
    return [*index_warnings(data["index"]), *extraction_check_warnings(data)]


def extraction_check_warnings(data: dict[str, Any]) -> list[str]:
    """Those that are about the samples."""
    found = []
    if data["undecided"]:
        found.append(
            f"of {plural(data['undecided'], 'sample')} it cannot be told: "
            + (
                "a training image that was not looked at may be as near in all tiles"
                if data["rule"] == "tiled"
                else "training images around the nearest are copies of it or may be (RMSE up to "
                f"{MAYBE:g}), and the rule says something else where these count once: look at the pairs, or "
                "judge by another rule"
            )
        )
    if data["distinct_samples"] < data["samples"]:
        found.append(
            f"only {data['distinct_samples']} of {data['samples']} samples are distinct: the bounds of the "
            f"rate "
            "count these"
        )
    return found


def _bounds(verdict: ExtractionVerdict) -> str:
    k, n = len(verdict.extracted), verdict.samples
    proved = [f"below {100 * verdict.rate_upper:.3g} %"] if verdict.rate_upper < 1 else []
    proved += [f"above {100 * verdict.rate_lower:.3g} %"] if k else []
    confidence = f"at {100 * verdict.policy.confidence:.5g} % confidence, if samples are independent"
    return f"{k} of {n} proves {'a rate ' + ' and '.join(proved) if proved else 'nothing'} ({confidence})"


def _pairs(verdict: ExtractionVerdict) -> list[str]:
    shown = verdict.extracted or verdict.undecided or (verdict.closest,)
    title = "extracted, nearest first" if verdict.extracted else "closest pair"
    title = "undecided" if verdict.undecided and not verdict.extracted else title
    if len(shown) > SHOWN:
        title += f" (showing {SHOWN} of {len(shown)})"
    lines = [f"  {title}"]
    for match in shown[:SHOWN]:
        lines += _pair(verdict, match)
    return lines


def _pair(verdict: ExtractionVerdict, match: PixelMatch) -> list[str]:
    matches, policy = verdict.matches, verdict.policy
    value = distance(match, policy.rule)
    number = "    ?" if value is None else f"{value:.3f}"
    seed = f" (seed {matches.seeds[match.sample]})" if matches.seeds else ""
    record = match.tiled_record if policy.rule == "tiled" else match.record
    caption = f' "{record.caption[:60]}"' if record.caption else ""
    second = "" if match.second is None else f", next {match.second:.3f}"
    copies = f", {match.copies} copies of it" if match.copies > 1 else ""
    return [
        f"    {number}  sample    {matches.names[match.sample]}{seed}",
        f"    {' ' * len(number)}  training  {record.uri}{caption} (RMSE {match.rmse:.3f}{second}, tiled L2 "
        f"{match.tiled:.3f}{copies})",
    ]


def _pair_data(verdict: ExtractionVerdict, match: PixelMatch) -> dict[str, Any]:
    matches, record = verdict.matches, match.record
    return {
        "sample": matches.names[match.sample],
        "sample_number": int(match.sample),
        "seed": int(matches.seeds[match.sample]) if matches.seeds else None,
        "training_id": record.id,
        "training_uri": record.uri,
        "training_sha256": record.sha256,
        "caption": record.caption,
        "label": record.label,
        "rmse": match.rmse,
        "second": match.second,
        "mean_of_neighbours": match.around,
        "relative": match.relative,
        "ratio": match.ratio,
        "relative_least": match.relative_least,
        "ratio_least": match.ratio_least,
        "tiled": match.tiled,
        "tiled_training_uri": match.tiled_record.uri,
        "tiled_floor": match.tiled_floor,
        "copies": match.copies,
    }
