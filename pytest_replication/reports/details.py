"""What a file of results tells of a check beside its verdict: all scores, the null, close pairs, pictures."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from PIL import Image

from pytest_replication.errors import ReplicationError
from pytest_replication.extraction_verdicts import ExtractionVerdict
from pytest_replication.index.reader import Index
from pytest_replication.models.samples import Samples
from pytest_replication.prompts.base import plain
from pytest_replication.reports.data import pair_data
from pytest_replication.reports.text import render
from pytest_replication.results.pictures import Pictures
from pytest_replication.search.evidence import training_image
from pytest_replication.search.extraction import PixelMatch
from pytest_replication.search.match import Match
from pytest_replication.search.pixels import take_pixels
from pytest_replication.verdicts import Outcome, Verdict

NEAR = 20
"""Pairs below the threshold that are told, the closest."""
BINS = 48
"""Of the histogram of the null."""


def details(verdict: Verdict, index: Index) -> dict[str, Any]:
    """Tell what `verdict_data` does not, as plain data.

    Args:
        verdict: of the check.
        index: what its samples were compared with.

    Returns:
        ``message`` (what a failure shows; empty for a pass), ``scores`` (the highest of each sample, as
        `rounded` tells it), ``clusters`` (where samples share prompts, the number of the prompt of each, else
        None), ``seeds`` (first and last, None where samples have none), ``null`` (histogram of the scores of
        the calibration, None without one) and ``near_pairs``.

    Raises:
        IndexCorrupt: the calibration of the index is damaged.
    """
    limit = None if verdict.policy.fdr is not None else float(verdict.policy.threshold)
    scores = [rounded(float(match.score), limit) for match in verdict.matches.best]
    return {
        "message": "" if verdict.outcome is Outcome.PASS else render(verdict),
        "scores": scores,
        "clusters": _clusters(verdict),
        "seeds": _seeds(verdict),
        "null": _null(index, scores),
        "near_pairs": [pair_data(verdict, match) for match in near(verdict)],
    }


def rounded(score: float, threshold: float | None) -> float:
    """A score in four decimals, on the side of threshold and 1 on which it was: who counts counts right.

    Args:
        score: a cosine.
        threshold: None for none.
    """
    told = round(score, 4)
    told = 0.9999 if told == 1 > score else told
    if threshold is None or (told >= threshold) == (score >= threshold):
        return told
    return round(told + (1e-4 if score >= threshold else -1e-4), 4)


def _seeds(verdict: Verdict) -> dict[str, int] | None:
    seeds = verdict.matches.subject.seeds
    return {"first": min(seeds), "last": max(seeds), "distinct": len(set(seeds))} if seeds else None


def near(verdict: Verdict) -> list[Match]:
    """The closest matches of samples that are neither replicated, undecided nor accepted."""
    told = {match.sample for match in (*verdict.replicated, *verdict.undecided, *verdict.accepted)}
    rest = (match for match in verdict.matches.best if match.sample not in told)
    return sorted(rest, key=lambda match: (-match.score, match.sample))[:NEAR]


def add_pictures(
    row: dict[str, Any],
    verdict: Verdict | ExtractionVerdict,
    samples: Samples,
    index: Index,
    pictures: Pictures,
) -> None:
    """Store the sample and the training image of each pair of a check, and name them in its row.

    Pairs come in the order of what they mean: replicated, worst first; undecided; accepted; close ones. From
    the first for which there is no room on, pairs have none, and ``pictures_left_out`` counts them.

    Args:
        row: what `verdict_data` and `details`, or `extraction_row`, say of the check.
        verdict: the same.
        samples: what was checked.
        index: what it was compared with.
        pictures: where they are stored.

    Raises:
        OSError: a picture cannot be written.
    """
    known: dict[int, str | None] = {}
    left_out = 0
    for pair, match in _pairs(row, verdict):
        if pictures.full:
            left_out += 1
            continue
        try:
            mine = pictures.add(samples.image(match.sample))
            if match.row not in known:
                theirs = _training(index, match)
                known[match.row] = None if theirs is None else pictures.add(theirs)
        except ReplicationError:  # a file that has gone since: the verdict stands without its picture
            left_out += 1
            continue
        if mine is None:
            left_out += 1
        else:
            pair["pictures"] = {"sample": mine, "training": known[match.row]}
    row["pictures_left_out"] = left_out


def _training(index: Index, match: Match | PixelMatch) -> Image.Image | None:
    if isinstance(match, PixelMatch):  # such an index stores pixels, and compared these
        return Image.fromarray(take_pixels(index, np.array([match.row]))[0])
    found = training_image(index, match)
    return None if found is None else found[0]


def _pairs(
    row: dict[str, Any], verdict: Verdict | ExtractionVerdict
) -> Iterator[tuple[dict[str, Any], Match | PixelMatch]]:
    if isinstance(verdict, ExtractionVerdict):
        yield from zip(row["pairs"], verdict.extracted, strict=True)
        yield from zip(row["undecided_pairs"], verdict.undecided, strict=True)
        return
    yield from zip(row["pairs"], verdict.replicated, strict=True)
    yield from zip(row["undecided_pairs"], verdict.undecided, strict=True)
    if row["accepted"] is not None:
        yield from zip(row["accepted"]["matches"], verdict.accepted, strict=True)
    yield from zip(row["near_pairs"], near(verdict), strict=True)


def _clusters(verdict: Verdict) -> list[int] | None:
    if not verdict.tally.clustered:
        return None
    numbers: dict[str, int] = {}
    prompts = (plain(prompt) or "" for prompt in verdict.matches.subject.prompts)
    return [numbers.setdefault(prompt, len(numbers)) for prompt in prompts]


def _null(index: Index, scores: list[float]) -> dict[str, Any] | None:
    """The calibration as a histogram whose bins reach over the scores of the samples as well."""
    calibration = index.calibration
    if calibration is None or not len(calibration):
        return None
    low, high = min(calibration.scores[0], min(scores)), max(calibration.scores[-1], max(scores))
    edges = np.linspace(low - 0.00005, max(high, low + 0.001) + 0.00005, BINS + 1).round(4)
    counts, _ = np.histogram(calibration.scores, edges)
    return {"edges": edges.tolist(), "counts": counts.tolist(), "threshold": float(calibration.threshold)}
