"""Captions and duplicates: sections 7 and 8 of Somepalli et al. (Stable Diffusion).

A sample is held against the image that its caption belongs to, and against the nearest of all; matched
training images are held against random ones: are they duplicated more often, and is a duplicated one copied
more often? Samples of one prompt are not independent: every interval draws whole prompts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from pytest_replication.errors import ExperimentError, SettingsError
from pytest_replication.experiments.judged import (
    Asked,
    Interval,
    Scores,
    best_scores,
    clustered_mean,
    clustered_rate,
    judged,
)
from pytest_replication.index.duplicates import Duplicates
from pytest_replication.index.reader import Index
from pytest_replication.models.samples import Samples
from pytest_replication.search.match import Match
from pytest_replication.search.matches import Own
from pytest_replication.verdicts import Verdict


@dataclass(frozen=True, slots=True)
class Split:
    """Replication rate of samples by whether an image has duplicates.

    Attributes:
        duplicated: share of replicated samples where it has; None where there is no such sample.
        alone: the same where it has none.
        samples_duplicated: samples where it has.
        samples_alone: samples where it has none.
    """

    duplicated: Interval | None
    alone: Interval | None
    samples_duplicated: int
    samples_alone: int


@dataclass(frozen=True, slots=True)
class CaptionsResult:
    """Samples made from captions of the index.

    Attributes:
        verdict: of all samples.
        best: (n,) score of each sample with its nearest training image.
        own: (m,) score of each sample with the image of its own caption, of those that have one.
        best_of_own: (m,) score of these with their nearest training image.
        own_mean: of `own`.
        best_mean: of `best_of_own`.
        elsewhere: share of these whose nearest training image is neither that image nor a duplicate of it.
        alike_from: score from which on two training images are duplicates.
        random_copies: images like a training image, itself included, in the mean of those that were drawn.
        matched_copies: the same of the nearest training images of all samples.
        replicated_copies: the same of those of the replicated samples; None where none is.
        by_caption: by whether the image of its own caption is duplicated.
        by_match: by whether the nearest training image is duplicated.
    """

    verdict: Verdict
    best: Scores
    own: Scores
    best_of_own: Scores
    own_mean: Interval | None
    best_mean: Interval | None
    elsewhere: Interval | None
    alike_from: float
    random_copies: Interval | None
    matched_copies: Interval | None
    replicated_copies: Interval | None
    by_caption: Split
    by_match: Split


def measure_captions(samples: Samples, index: Index, asked: Asked) -> CaptionsResult:
    """Measure samples that were made from captions.

    Args:
        samples: with prompts, some of them captions of the index.
        index: with captions, whose duplicates were counted.
        asked: threshold, confidence, and how many training images are drawn.

    Raises:
        ExperimentError: duplicates were not counted, or no prompt is a caption of the index.
        ReplicationError: the samples, the index or the settings do not allow it.
    """
    counted = index.duplicates
    if counted is None:
        raise ExperimentError(
            f"the duplicates of {index.path} were not counted, or before it changed: 'pytest-replication "
            f"duplicates {index.path}' counts them"
        )
    if not samples.prompts:
        raise SettingsError(
            f"the samples of {samples.source} have no prompts, which this experiment is about"
        )
    verdict = judged(samples, index, asked)
    pairs = [
        (one, best)
        for one, best in zip(verdict.matches.own, verdict.matches.best, strict=False)
        if one is not None
    ]
    if not pairs:
        raise ExperimentError(
            f"no prompt of {samples.source} is a caption of a training image of {index.path}: build the "
            "index from a source that has captions (docs/sources.md), and draw prompts from it"
        )
    return _result(verdict, pairs, counted, _random_copies(index, counted, asked), asked)


def _result(
    verdict: Verdict,
    pairs: Sequence[tuple[Own, Match]],
    counted: Duplicates,
    random_copies: Interval | None,
    asked: Asked,
) -> CaptionsResult:
    prompts = verdict.matches.subject.prompts
    of_own = [prompts[best.sample] for _, best in pairs]
    own, best_of_own = best_scores([one.match for one, _ in pairs]), best_scores([best for _, best in pairs])
    replicated = verdict.replicated
    hit = {match.sample for match in replicated}

    def copies(matches: Sequence[Match]) -> Interval | None:
        numbers = [float(counted.copies_of(match.row)) for match in matches]
        return clustered_mean(numbers, [prompts[match.sample] for match in matches], asked)

    def split(matches: Sequence[Match]) -> Split:
        return _split(matches, hit, lambda match: counted.copies_of(match.row) > 1, prompts, asked)

    return CaptionsResult(
        verdict=verdict,
        best=best_scores(verdict.matches.best),
        own=own,
        best_of_own=best_of_own,
        own_mean=clustered_mean(own, of_own, asked),
        best_mean=clustered_mean(best_of_own, of_own, asked),
        elsewhere=clustered_rate([not one.is_nearest(best) for one, best in pairs], of_own, asked),
        alike_from=counted.threshold,
        random_copies=random_copies,
        matched_copies=copies(verdict.matches.best),
        replicated_copies=copies(replicated),
        by_caption=split([one.match for one, _ in pairs]),
        by_match=split(verdict.matches.best),
    )


def _split(
    matches: Sequence[Match],
    hit: set[int],
    duplicated: Callable[[Match], bool],
    prompts: Sequence[str],
    asked: Asked,
) -> Split:
    rates, sizes = [], []
    for wanted in (True, False):
        here = [match.sample for match in matches if duplicated(match) is wanted]
        rates.append(clustered_rate([s in hit for s in here], [prompts[s] for s in here], asked))
        sizes.append(len(here))
    return Split(rates[0], rates[1], sizes[0], sizes[1])


def _random_copies(index: Index, counted: Duplicates, asked: Asked) -> Interval | None:
    """Images like a random training image: (each of which stands for itself, as a prompt does)."""
    live = np.delete(np.arange(index.manifest.stored), index.removed)
    drawn = np.random.default_rng(asked.seed).choice(live, min(asked.training, len(live)), replace=False)
    copies = [float(counted.copies_of(int(row))) for row in drawn]
    return clustered_mean(copies, [str(row) for row in drawn], asked)
