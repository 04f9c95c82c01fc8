"""What weakens a verdict, whatever its outcome: in every report, and worded in one place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytest_replication.reports.part_warnings import part_warnings
from pytest_replication.reports.words import plural
from pytest_replication.score_text import score_text, threshold_text

_IDENTICAL = 0.999
"""Threshold from which on vectors that are nearly the same reach it, and few others."""


def warnings(data: Mapping[str, Any]) -> list[str]:
    """All warnings of a verdict, a sentence each.

    Args:
        data: what `verdict_data` makes of it.
    """
    return [*index_warnings(data["index"]), *check_warnings(data)]


def index_warnings(index: Mapping[str, Any]) -> list[str]:
    """Those that hold for every verdict on the same index."""
    found = []
    if index["rejected"]:
        images = _images(index["rejected"], "could not be read and is", "could not be read and are")
        found.append(f"{images} NOT in the index: copies of {_them(index['rejected'])} are not found")
    if index["removed"]:
        images = _images(index["removed"], "was", "were")
        found.append(f"{images} removed from the index: copies of {_them(index['removed'])} are not found")
    if index["canaries"] is None:
        found.append(
            f"no positive control: 'pytest-replication info {index['path']}' shows the command that plants "
            "copies, which each check then has to find"
        )
    if index["unproved"]:
        found.append("vectors of the index were imported and nothing proves that this embedder made them")
    if index["stale_calibration"]:
        found.append(
            "the index has changed since it was calibrated: there are no p-values; calibrate it again, or "
            "drop the calibration"
        )
    return found


def check_warnings(data: Mapping[str, Any]) -> list[str]:
    """Those that are about the samples and the threshold."""
    found = []
    distinct, samples = data["distinct_samples"], data["samples"]
    if 0 < distinct < samples:
        are = "is" if distinct == 1 else "are"
        found.append(
            f"only {distinct} of {samples} samples {are} distinct: the bounds of the rate count these"
        )
    control = data["control"]
    if control["absent"] and control["stored"] is not None:
        found.append(f"no positive control: {control['absent']}")
    if control["asked"] and 2 * control["planted_found"] < control["planted"]:
        found.append(
            f"nearly blind: only {control['planted_found']} of {control['planted']} edited copies of "
            "training images were found when the index was calibrated"
        )
    elif control["asked"] and 2 * control["reachable"] < control["stored"]:
        found.append(
            f"nearly blind: only {control['reachable']} of {control['stored']} planted copies can reach the "
            "threshold"
        )
    elif control["asked"] and control["beyond"] > control["asked"]:
        of = control["beyond"] + control["asked"]
        found.append(f"nearly blind: only {control['asked']} of {of} planted copies can reach this threshold")
    if data["counts"]["few_prompts"]:
        prompts = plural(data["counts"]["prompts"], "prompt")
        found.append(f"the samples are of {prompts} only: the bounds of the rate count each as one sample")
    if cleared := data["low_information"]["cleared"]:
        found.append(
            f"{plural(cleared, 'sample')} with next to nothing in {'it' if cleared == 1 else 'them'} "
            f"{'reaches' if cleared == 1 else 'reach'} the threshold and "
            f"{'is' if cleared == 1 else 'are'} not counted as replicated: the pixels are clearly others"
        )
    if (lower := data["below_holdout"]) is not None:
        found.append(
            "the samples score clearly lower than images of the hold-out did (median "
            f"{score_text(lower['median'])}; nine in ten of those score {score_text(lower['quantile'])} or "
            f"more; p {lower['p']:.1g}): this may not be the index of the model's training images, or the "
            "samples are of another kind than the hold-out"
        )
    if (other := data["threshold_overridden"]) and other["laxer"]:
        found.append(
            f"threshold {threshold_text(data['threshold'])} ({data['threshold_source']}) is laxer than "
            f"{other['name']} ({threshold_text(other['threshold'])}): copies that score between the two pass"
        )
    if data["threshold_unmeasured"] and data["outcome"] != "pass":
        found.append(
            f"threshold {threshold_text(data['threshold'])} is the embedder's default and was not measured "
            "for images like these, of which small or uniform ones may all reach it: calibrate the index "
            f"('pytest-replication info {data['index']['path']}' shows the command)"
        )
    if data["threshold"] >= _IDENTICAL:
        found.append(
            f"at a threshold of {threshold_text(data['threshold'])} only samples with nearly the vector "
            "of a training image count: a copy that was encoded again may score less"
        )
    parts = part_warnings(data["objects"], data["outcome"], controlled=bool(control["asked"]))
    return [*found, *parts, *_chance_warnings(data)]


def _chance_warnings(data: Mapping[str, Any]) -> list[str]:
    """What innocent samples do to a claim, and to a gate larger than the one that was calibrated for."""
    found = []
    if data["unprovable"]:
        found.append(
            f"the threshold flags about {100 * data['false_rate']:.3g} % of innocent samples, max rate is "
            f"{100 * data['max_rate']:.3g} %: no number of samples is likely to let a model pass; calibrate "
            "with an --fpr of a fifth of max rate or less, or tolerate a larger rate"
        )
    gate, samples = data["calibrated_gate"], data["samples"]
    if data.get("beyond_gate", 1 < gate < samples):  # results of earlier versions do not say it
        found.append(
            f"calibrated for gates of {gate} samples; this one has {samples}, and fails a model that copies "
            f"nothing more often than was wanted: calibrate with --samples {samples}"
        )
    return found


def _images(count: int, one: str, several: str) -> str:
    return f"{plural(count, 'training image')} {one if count == 1 else several}"


def _them(count: int) -> str:
    return "it" if count == 1 else "them"
