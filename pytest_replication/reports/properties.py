"""A check as properties of a test: names and short texts, in JUnit files. Standard library only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytest_replication.escape import one_line
from pytest_replication.reports.about import accepted

PREFIX = "replication_"
"""How the name of each begins."""
_TOLD = (
    "outcome",
    "samples",
    "distinct_samples",
    "replicated",
    "extracted",
    "rate",
    "rate_lower",
    "rate_upper",
    "confidence",
    "max_rate",
    "threshold",
    "threshold_source",
    "fdr",
    "worst_score",
    "closest_score",
    "searched",
)
_BOUNDS = ("rate_lower", "rate_upper", "confidence")
_OF_INDEX = ("fingerprint", "embedder", "weights_sha256", "canaries")
_NAMES = ("check", "threshold_source", "index_embedder", "model")
_LONGEST = 500


def properties(check: Mapping[str, Any], number: int = 1, *, private: bool = False) -> dict[str, str]:
    """What a check is about and what it found, by name.

    Args:
        check: its row.
        number: of the check in its test, from 1 on: names of the second begin with ``replication_2_``.
        private: leave out what may name an image, a file or a model.
    """
    prefix = PREFIX if number == 1 else f"{PREFIX}{number}_"
    told: dict[str, Any] = {"check": check.get("check"), "kind": check.get("kind")}
    told |= {key: check.get(key) for key in _TOLD}
    if check.get("fdr") is not None:  # which proves no rate
        told = {key: value for key, value in told.items() if key not in _BOUNDS}
    told["asserted"] = check.get("asserted")
    told["accepted"] = len(accepted(check)) if check.get("accepted") else None
    if isinstance(parts := check.get("objects"), Mapping):
        told |= {f"parts_{key}": parts.get(key) for key in ("points", "replicated", "most_points")}
    index, model = check.get("index"), check.get("model")
    told |= {f"index_{key}": index.get(key) for key in _OF_INDEX} if isinstance(index, Mapping) else {}
    told |= (
        {"model": model.get("name"), "model_fingerprint": model.get("fingerprint")}
        if isinstance(model, Mapping)
        else {}
    )
    told = {key: value for key, value in told.items() if not private or key not in _NAMES}
    return {f"{prefix}{key}": _text(value) for key, value in told.items() if value not in (None, "")}


def _text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.9g}" if isinstance(value, float) else one_line(str(value))[:_LONGEST]
