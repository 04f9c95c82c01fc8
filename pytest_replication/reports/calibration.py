"""A calibration in plain text and as plain data."""

from __future__ import annotations

import math
from typing import Any

from pytest_replication.calibrated import Calibrated
from pytest_replication.escape import one_line
from pytest_replication.index.calibration import HOLDOUT, TRAINING, Calibration, Copy
from pytest_replication.index.recalibrate import ALARM, GATE
from pytest_replication.reports.object_calibration import objects_data, objects_lines, objects_warnings
from pytest_replication.reports.words import percent, plural
from pytest_replication.score_text import score_text, threshold_text

_SHOWN = 10
_FEW = 1000
_GROUPS = 20
_CONFIDENCE = 0.95


def calibration_data(found: Calibration) -> dict[str, Any]:
    """Turn a calibration into plain data, without its scores."""
    ready = Calibrated.of(found)
    low, high = ready.null.rate_bounds(found.rate, _CONFIDENCE)
    least, most = ready.null.quantile_bounds(found.rate, _CONFIDENCE)
    return {
        "threshold": float(found.threshold),
        "threshold_bounds": [least, most],
        "fpr": float(found.fpr),
        "samples": int(found.samples),
        "rate": float(found.rate),
        "rate_bounds": [low, high],
        "confidence": _CONFIDENCE,
        "origin": found.origin,
        "source": found.source,
        "images": len(found),
        "resolution": ready.null.resolution,
        "highest": float(found.scores[-1]),
        "listed": int(found.listed),
        "unreadable": int(found.unreadable),
        "repeated": int(found.repeated),
        "copied": int(found.copied),
        "gate": dict(zip(("samples", "false_alarm"), gate_alarm(found), strict=True)),
        "copies_from": float(found.copies_from),
        "copies": [_copy_data(copy) for copy in found.copies],
        "closest": [_copy_data(copy) for copy in found.closest],
        "groups": {
            name: {"threshold": ready.threshold_of(name), "images": len(ready.null_of(name))}
            for name in found.names
        },
        "by": found.by,
        "control": {
            "passed": found.control.passed,
            "p": float(found.control.p),
            "reached": int(found.control.reached),
            "of": int(found.control.of),
            "tail_p": float(found.control.tail_p),
        },
        "planted": {kind.edit: {"found": kind.found, "planted": kind.planted} for kind in found.planted},
        "objects": objects_data(found),
        "note": found.note,
        "seed": int(found.seed),
        "created": found.created,
        "writer": found.writer,
        "embedder": list(found.embedder),
        "engine": found.engine,
        "score": found.score,
        "warnings": calibration_warnings(found),
    }


def calibration_text(index: str, found: Calibration) -> str:
    """Render a calibration for a terminal."""
    ready = Calibrated.of(found)
    low, high = ready.null.rate_bounds(found.rate, _CONFIDENCE)
    least, most = ready.null.quantile_bounds(found.rate, _CONFIDENCE)
    gate = f" for a gate of {found.samples} samples" if found.samples > 1 else ""
    lines = [
        f"{index}: threshold {threshold_text(found.threshold)}, {percent(found.fpr)} of "
        f"{found.described}{gate}",
        f"  null         {_null(found)}",
        f"  threshold    the true {percent(1 - found.rate)} percentile {_bounds(least, most)}, "
        f"and {percent(low)} to {percent(high)} of such images reach the threshold (95 % "
        "confidence)",
        f"  p-values     from {ready.null.resolution:.2g} on; highest score of the null "
        f"{score_text(found.scores[-1], found.threshold, digits=4)}",
        *_left_out(found),
        *(f"  closest kept {_pair(copy, found.copies_from)}" for copy in found.closest[:1]),
        *_group_lines(ready),
        f"  A/A control  {_control(found)}",
        *_planted(found),
        *objects_lines(found),
        f"  gate         {_gate(found)}",
        f"  made         {found.created} with {found.embedder[0]}, exact scan, seed {found.seed}",
        *(f"  WARNING      {said}" for said in calibration_warnings(found)),
    ]
    return "\n".join(map(one_line, lines))


def calibration_warnings(found: Calibration) -> list[str]:
    """What weakens a calibration, a sentence each."""
    said = []
    if found.origin == TRAINING:
        said.append(
            "the null is of training images: the threshold says how alike training images are, not how near "
            "an image comes that the model never saw; give --holdout if there is one"
        )
    if len(found) < _FEW:
        said.append(f"{len(found)} images make a rough threshold: give {_FEW} or more")
    share = found.copied / max(1, found.copied + len(found))
    if share > found.rate and found.origin == HOLDOUT:
        said.append(
            f"{percent(share)} of the hold-out was left out as copies (score >= {found.copies_from:g}), "
            f"more than the wanted rate of {percent(found.rate)}: if they are none, that share of innocent "
            "samples will be flagged; look at them, and move the line with --copies-from"
        )
    if not found.planted:
        said.append(
            f"{found.note}: nothing tells what the threshold finds, and checks have no positive control"
        )
    elif _recall(found) < 0.5:
        said.append(
            f"the threshold finds {percent(_recall(found))} of planted copies: most copies would pass; take "
            "another embedder, a larger --fpr, or more images"
        )
    if not found.control.passed:
        said.append(
            "the A/A control failed: the first and the second half of the images, as they are listed, score "
            "differently, so that they are kinds of images one after the other; the threshold holds for "
            "samples that mix them alike: calibrate with images like the samples, or --by label"
        )
    return [*said, *objects_warnings(found)]


def _bounds(least: float, most: float) -> str:
    """Bounds of a percentile; -1 and 1 are none, since every score lies between them."""
    if least > -1 and most < 1:
        return f"lies between {score_text(least, digits=4)} and {score_text(most, digits=4)}"
    if least > -1:
        return f"lies above {score_text(least, digits=4)} (too few images for an upper bound)"
    if most < 1:
        return f"lies below {score_text(most, digits=4)} (too few images for a lower bound)"
    return "has no bounds (too few images)"


def _null(found: Calibration) -> str:
    if found.origin == TRAINING:
        return f"{plural(len(found), 'training image')} against the rest"
    return f"{plural(len(found), 'image')} of {found.source}, of {found.listed} listed"


def _left_out(found: Calibration) -> list[str]:
    lines = []
    if found.unreadable:
        lines.append(f"  left out     {plural(found.unreadable, 'image')} that could not be read")
    if found.repeated:
        lines.append(f"  left out     {plural(found.repeated, 'image')} that were there before")
    if found.copied and found.origin == TRAINING:
        lines.append(
            f"  left out     {plural(found.copied, 'image')} with duplicates only (score >= "
            f"{found.copies_from:g})"
        )
    elif found.copied:
        lines.append(
            f"  left out     {plural(found.copied, 'copy', 'copies')} of training images (score >= "
            f"{found.copies_from:g})"
        )
        lines += [f"    {_pair(copy, found.copies_from)}" for copy in found.copies[:_SHOWN]]
        more = found.copied - min(_SHOWN, len(found.copies))
        lines += [f"    and {more} more"] if more else []
    return lines


def _pair(copy: Copy, line: float) -> str:
    """A pair, its score beside the one from which on it counts as a copy."""
    return f"{score_text(copy.score, line, digits=4)}  {copy.uri} -> {copy.training_uri}"


def _group_lines(ready: Calibrated) -> list[str]:
    found = ready.calibration
    if not found.by:
        return []
    lines = [
        f"  {found.by:<12} {name}: {threshold_text(ready.threshold_of(name))}, {len(ready.null_of(name))} "
        "images"
        for name in found.names[:_GROUPS]
    ]
    more = len(found.names) - _GROUPS
    lines += [f"  {found.by:<12} and {more} more"] if more > 0 else []
    return [*lines, f"  {found.by:<12} all others: {threshold_text(ready.threshold_of(None))}"]


def _control(found: Calibration) -> str:
    control = found.control
    return (
        f"{'passed' if control.passed else 'FAILED'}: first and second half differ with p = {control.p:.2g}; "
        f"{control.reached} of {control.of} reach the threshold of the first half (p = {control.tail_p:.2g})"
    )


def _planted(found: Calibration) -> list[str]:
    if not found.planted:
        return ["  planted      none"]
    total = sum(kind.planted for kind in found.planted)
    hits = sum(kind.found for kind in found.planted)
    kinds = ", ".join(f"{kind.edit} {kind.found}/{kind.planted}" for kind in found.planted)
    return [f"  planted      {hits} of {total} copies are found ({percent(hits / total)}): {kinds}"]


def _gate(found: Calibration) -> str:
    """How often a gate that tolerates no flag fails a model that copies nothing."""
    samples, alarm = gate_alarm(found)
    told = (
        f"{samples} samples of a model that copies nothing fail with a probability of about "
        f"{percent(alarm)}, where none may reach the threshold"
    )
    if found.samples > 1 or alarm <= ALARM:
        return told
    return told + (
        "; for a gate of N samples give --samples N, or judge with --max-rate or --fdr (docs/calibration.md, "
        "'Many samples')"
    )


def gate_alarm(found: Calibration) -> tuple[int, float]:
    """Samples of a gate, 256 where it was calibrated for one sample, and how often it fails by chance."""
    samples = found.samples if found.samples > 1 else GATE
    return samples, -math.expm1(samples * math.log1p(-found.rate))


def _recall(found: Calibration) -> float:
    return sum(kind.found for kind in found.planted) / max(1, sum(kind.planted for kind in found.planted))


def _copy_data(copy: Copy) -> dict[str, Any]:
    return {
        "uri": copy.uri,
        "training_id": copy.training_id,
        "training_uri": copy.training_uri,
        "score": float(copy.score),
    }
