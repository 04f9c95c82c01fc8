"""Do scores go with complexity? The figures of the paper, in the report of a check that asked for them.

Somepalli et al. correlate the score with the complexity of the matched training image; that of the sample is
shown beside it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pytest_replication.images.complexity import Complexity
from pytest_replication.reports.words import plural
from pytest_replication.stats.correlation import Correlation, pearson, spearman
from pytest_replication.verdicts import Verdict

FIGURES = {
    "entropy": "entropy",
    "jpeg_kib": "JPEG size",
    "variation": "total variation",
    "product": "entropy x root of JPEG size",
}
"""Names of the figures, and how they are said."""


def complexity_data(verdict: Verdict, confidence: float = 0.95) -> dict[str, Any] | None:
    """Turn the figures into plain data; None where they were not asked for.

    Args:
        verdict: of the samples.
        confidence: of the intervals.
    """
    found = verdict.matches.complexity
    if not found:
        return None
    scores = [match.score for match in verdict.matches.best]
    known = [
        (one.training, score) for one, score in zip(found, scores, strict=True) if one.training is not None
    ]
    return {
        "samples": _figures([one.sample for one in found], scores, confidence),
        "training_images": _figures([one for one, _ in known], [score for _, score in known], confidence),
    }


def complexity_text(data: Mapping[str, Any] | None) -> str:
    """The correlations in words, from `complexity_data`; empty where there are none."""
    if data is None:
        return ""
    of = "training_images" if data["training_images"]["n"] else "samples"
    what = "training image" if of == "training_images" else "sample"
    group = data[of]
    told = [
        f"{name} {found['value']:.2f} ({found['lower']:.2f} to {found['upper']:.2f})"
        for key, name in FIGURES.items()
        if (found := group["figures"][key]["pearson"]) is not None
    ]
    if not told:
        return f"{plural(group['n'], what)}: too few, or too much alike, for a correlation with the score"
    matched = "matched " if of == "training_images" else ""
    return f"Pearson's r of the score, {plural(group['n'], matched + what)}: {', '.join(told)}"


def _figures(of: Sequence[Complexity], scores: Sequence[float], confidence: float) -> dict[str, Any]:
    values = np.asarray(scores, np.float64)
    figures = {}
    for name in FIGURES:
        numbers = np.array([getattr(one, name) for one in of], np.float64)
        figures[name] = {
            "mean": float(numbers.mean()) if len(numbers) else None,
            "pearson": _correlation(pearson(numbers, values, confidence)),
            "spearman": _correlation(spearman(numbers, values, confidence)),
        }
    return {"n": len(of), "figures": figures}


def _correlation(found: Correlation | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {
        "value": found.value,
        "lower": found.lower,
        "upper": found.upper,
        "n": found.n,
        "confidence": found.confidence,
    }
