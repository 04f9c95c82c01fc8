"""A comparison as plain data, for ``--json``."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from pytest_replication.baseline.changes import Compared, Comparison
from pytest_replication.baseline.measured import Measured
from pytest_replication.stats.releases import percentiles

LEVELS = (0.5, 0.9, 0.95, 0.99, 1.0)
"""Percentiles that are told, as shares."""


def comparison_data(comparison: Comparison) -> dict[str, Any]:
    """Turn a comparison into plain data."""
    return {
        "outcome": "fail" if comparison.worse else "pass",
        "baseline": comparison.old,
        "baseline_written": comparison.old_written,
        "baseline_outcome": comparison.old_outcome,
        "run": comparison.new,
        "level": comparison.level,
        "checks": [_check(check) for check in comparison.checks],
        "missing": list(comparison.missing),
        "added": list(comparison.added),
        "notes": list(comparison.notes),
        "private": comparison.private,
    }


def _check(check: Compared) -> dict[str, Any]:
    return {
        "id": check.new.id,
        "check": check.new.name,
        "change": check.change.value,
        "old": _measured(check.old),
        "new": _measured(check.new),
        "tests": [
            asdict(test) | {"worse_adjusted": worse, "better_adjusted": better}
            for test, worse, better in zip(check.tests, check.worse, check.better, strict=True)
        ],
        "new_images": [asdict(image) for image in check.new_images],
        "gone_images": [asdict(image) for image in check.gone_images],
        "notes": list(check.notes),
    }


def _measured(one: Measured) -> dict[str, Any]:
    if one.kind:
        return {"kind": one.kind, "outcome": one.outcome} | (_counts(one) if one.samples else {})
    found = percentiles(one.scores, LEVELS)
    return {
        "outcome": one.outcome,
        **_counts(one),
        "percentiles": {f"{100 * level:g}": score for level, score in zip(LEVELS, found, strict=True)},
        "rule": one.rule,
        "threshold": one.threshold,
        "embedder": one.embedder[0],
        "index": one.index,
    }


def _counts(one: Measured) -> dict[str, Any]:
    """Samples, and those that count as copies."""
    return {
        "samples": one.samples,
        "replicated": one.replicated,
        "rate": one.replicated / one.samples,
        "rate_lower": one.bounds[0],
        "rate_upper": one.bounds[1],
        "confidence": one.confidence,
    }
