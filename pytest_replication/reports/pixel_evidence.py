"""What pixels say in a verdict about scores: of pairs, and of samples with next to nothing in them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytest_replication.reports.words import plural
from pytest_replication.search.match import Match, PixelEvidence
from pytest_replication.verdicts import Verdict

_OF = {"index": "pixels of the index", "original": "original", "thumbnail": "thumbnail, lossy"}


def evidence_data(evidence: PixelEvidence | None) -> dict[str, Any] | None:
    """Turn the evidence of a pair into plain data."""
    if evidence is None:
        return None
    return {
        "rmse": float(evidence.rmse),
        "tiled": float(evidence.tiled),
        "side": int(evidence.side),
        "source": evidence.source,
        "alike": None if evidence.alike is None else float(evidence.alike),
    }


def evidence_text(match: Match) -> str:
    """The evidence of a pair in words; empty where there is none."""
    found = match.pixels
    if found is None:
        return ""
    of = f"{_OF.get(found.source, found.source)}, at {found.side} x {found.side}"
    common = "" if found.alike is None else f", correlation {found.alike:.2f}"
    return f" (RMSE {found.rmse:.3f}, tiled L2 {found.tiled:.3f}{common}; {of})"


def information_data(verdict: Verdict) -> dict[str, Any]:
    """Turn what became of samples with next to nothing in them into plain data."""
    low = {entry.sample: entry.why for entry in verdict.matches.low}
    hit = sum(match.sample in low for match in verdict.replicated)
    undecided, cleared = len(verdict.undecided), len(verdict.cleared)
    return {
        "samples": len(low),
        "why": {why: list(low.values()).count(why) for why in sorted(set(low.values()))},
        "replicated": hit,
        "undecided": undecided,
        "cleared": cleared,
        "below": len(low) - hit - undecided - cleared,
    }


def information_text(data: Mapping[str, Any]) -> str:
    """What became of them in words, from `information_data`; empty where there are none."""
    if not data["samples"]:
        return ""
    parts = [
        (data["replicated"], "replicated by their pixels"),
        (data["undecided"], "cannot be told"),
        (data["cleared"], "cleared by their pixels"),
        (data["below"], "below the threshold"),
    ]
    kinds = ", ".join(f"{count} {why}" for why, count in data["why"].items())
    told = "; ".join(f"{count} {what}" for count, what in parts if count)
    return f"{plural(data['samples'], 'sample')} with next to nothing in them ({kinds}): {told}"


def to_settle(verdict: Verdict) -> str:
    """What would tell of samples of which it cannot be told."""
    found = [match for match in verdict.undecided if match.pixels is None]
    index = verdict.matches.subject.index
    if found:
        return (
            f"the pixels of the training images are not at hand: build {index} again with --pixels SIDE "
            f"(such as "
            "64), or check where the training images lie; a sample with next to nothing in it is no "
            "evidence, "
            "so that others in their place settle it, too"
        )
    return (
        "their pixels are neither those of a training image nor clearly others, whatever an edit may have "
        "changed: look at the pairs, or give samples with more in them"
    )
