"""Samples made from captions of the index: how near each comes to its own caption's image."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from typing import Any

from pytest_replication.reports.words import plural
from pytest_replication.score_text import score_text
from pytest_replication.search.match import Match
from pytest_replication.verdicts import Verdict


def captions_data(verdict: Verdict) -> dict[str, Any] | None:
    """Turn what is known of the images of captions into plain data.

    None where no sample was made from a caption of the index. Medians are those of the samples that were.
    """
    matches = verdict.matches
    pairs = [(own, found[0]) for own, found in zip(matches.own, matches.of, strict=False) if own is not None]
    if not pairs:
        return None
    nearest = {own.match.sample for own, best in pairs if own.is_nearest(best)}
    of_hits = [match for match in verdict.replicated if matches.own[match.sample] is not None]
    copies_of_own = sum(
        own.is_nearest(match) for match in of_hits if (own := matches.own[match.sample]) is not None
    )
    return {
        "samples": len(pairs),
        "not_own": len(pairs) - len(nearest),
        "median_score": float(statistics.median(best.score for _, best in pairs)),
        "median_own_score": float(statistics.median(own.match.score for own, _ in pairs)),
        "replicated": len(of_hits),
        "replicated_own": copies_of_own,
    }


def captions_text(data: Mapping[str, Any] | None) -> str:
    """The same in one line; empty where there is nothing to tell."""
    if data is None:
        return ""
    samples = plural(data["samples"], "sample")
    told = (
        f"of {samples} made from captions of the index, in {data['not_own']} the nearest training image was "
        f"not the caption's own; median score {score_text(data['median_score'])}, with the caption's own "
        f"{score_text(data['median_own_score'])}"
    )
    if not data["replicated"]:
        return told
    return f"{told}; {data['replicated_own']} of {data['replicated']} replicated ones copy the caption's own"


def own_data(verdict: Verdict, match: Match) -> dict[str, Any] | None:
    """Turn the training image whose caption a sample was made from into plain data; None without one."""
    own = verdict.matches.own[match.sample] if verdict.matches.own else None
    if own is None:
        return None
    return {
        "score": float(own.match.score),
        "training_id": own.match.record.id,
        "training_uri": own.match.record.uri,
        "training_sha256": own.match.record.sha256,
        "images": int(own.images),
        "nearest": own.is_nearest(verdict.matches.of[match.sample][0]),
    }


def own_text(verdict: Verdict, match: Match) -> str:
    """The same as a line below a pair; empty without one."""
    own = own_data(verdict, match)
    if own is None:
        return ""
    several = f" (the nearest of {own['images']} with it)" if own["images"] > 1 else ""
    if own["training_id"] == match.record.id and own["training_uri"] == match.record.uri:
        return f"its own: the prompt is the caption of this training image{several}"
    score = score_text(own["score"], verdict.policy.threshold_for(match))
    return f"{score} with the caption's own, {own['training_uri']}{several}"
