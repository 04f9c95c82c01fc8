"""What all checks of sets share: the index, samples embedded as its training images, their scores."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from pytest_replication.asked import breakage_told, choose_allowed, choose_canaries, index_for
from pytest_replication.choices import CanaryChoice
from pytest_replication.controls.embed import embed_guarded
from pytest_replication.controls.gate import Guard, draw
from pytest_replication.controls.judged import judge_control
from pytest_replication.errors import ControlFailed, IndexMismatch, SearchError, SettingsError
from pytest_replication.index.reader import Index
from pytest_replication.models.samples import Samples
from pytest_replication.reports.sets import render_set, set_data
from pytest_replication.search import Subject, search
from pytest_replication.search.embed import embed_samples
from pytest_replication.search.sightings import Sightings
from pytest_replication.set_verdicts import SetVerdict
from pytest_replication.surroundings import current
from pytest_replication.verdicts import Outcome

V = TypeVar("V", bound=SetVerdict)
Features = NDArray[np.float32]
Scores = NDArray[np.float64]
_NEIGHBOURS = 5
"""Rows that are found of each sample: a canary may have duplicates."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What every assertion about a set takes, beside its own.

    Attributes:
        index: an open index or its folder; None for that of the pytest run.
        allow_unproved: let vectors of an import that nothing proves bring more than a failure; None for
            what the run says.
        canaries: planted copies that have to be found; None for what the run says.
        name: what reports call the check.
        asserted: whether the verdict fails the test.
    """

    index: Index | str | os.PathLike[str] | None = None
    allow_unproved: bool | None = None
    canaries: int | None = None
    name: str = ""
    asserted: bool = True


@dataclass(frozen=True, slots=True)
class Searched:
    """Samples, embedded and searched.

    Attributes:
        vectors: (n, views, dim) of the samples.
        scores: (n,) score of each with its nearest training image.
        subject: what was compared with what.
        notes: what a reader has to know of the search.
    """

    vectors: Features
    scores: Scores
    subject: Subject
    notes: tuple[str, ...]


def run_check(call: Call, work: Callable[[Index, CanaryChoice], V]) -> V:
    """Find the index, do the work, and tell the run what came out.

    Raises:
        ReplicationError: the samples, the index or the settings do not allow a verdict.
    """
    run = current()
    if run is not None:
        run.begin()
    with breakage_told(run):
        index = index_for(call.index, run)
        allowed = choose_allowed(call.allow_unproved, run)
        verdict = work(index, choose_canaries(call.canaries, run))
        if verdict.searched:
            entry = index.manifest.canaries
            verdict = replace(verdict, canaries=entry.rows if entry else None)
        if verdict.subject.unproved and verdict.outcome is not Outcome.FAIL and not allowed:
            raise IndexMismatch(
                f"vectors of {index.path} were imported and nothing proves that {verdict.subject.embedder} "
                "made them, so that nothing can pass: import again with --images FOLDER --overwrite, or "
                "allow it with --replication-allow-unproved or allow_unproved=True"
            )
    if run is not None:
        run.note(set_data(verdict), call.asserted, lambda: render_set(verdict))
    return verdict


def embed_only(index: Index, samples: Samples, name: str) -> tuple[Features, Subject]:
    """Embed samples that are compared with no training image."""
    return embed_guarded(samples, index, 1, name, Guard((), Sightings()))


def search_samples(index: Index, samples: Samples, name: str, choice: CanaryChoice) -> Searched:
    """Embed samples with canaries among them, and score both with every training image.

    Raises:
        ControlFailed: a canary was not found.
        SearchError: a score is not a number.
    """
    kept = index.canaries if index.manifest.canaries and choice.count else None
    line = kept.threshold if kept else 1.0
    guard = draw(index, line, choice)
    vectors, subject = embed_guarded(samples, index, 1, name, guard)
    found = search(index, vectors, _NEIGHBOURS)
    planted = guard.mask(len(samples))
    control, failure = judge_control(guard.seen(index, found.part(planted)), lambda match: line)
    if failure:
        raise ControlFailed(
            f"only {control.found} of {control.asked} canaries were found ({failure}): a gate that overlooks "
            f"planted copies overlooks real ones; calibrate {index.path} again, or do without a control "
            "(canaries=0, --replication-canaries 0)"
        )
    notes = (f"{control.found} of {control.asked} canaries found at {line:g}",) if control.asked else ()
    return Searched(vectors[~planted], _finite(found.part(~planted).scores[:, 0]), subject, notes)


def search_holdout(index: Index, samples: Samples) -> tuple[Features, Scores]:
    """Embed and score images as samples are, without canaries."""
    vectors = embed_samples(index, samples)
    return vectors, _finite(search(index, vectors, 1).scores[:, 0])


def check_levels(alpha: float, detect: float) -> None:
    """Refuse what is no share of false alarms, or no probability of superiority that could be detected.

    Raises:
        SettingsError: so it is.
    """
    # Written so that NaN fails each test.
    if not 0 < alpha <= 0.5:
        raise SettingsError(f"alpha is {alpha}; expected a share above 0 and at most 0.5")
    if not 0.5 < detect <= 1:
        raise SettingsError(f"detect is {detect}; expected a probability above 0.5, such as 0.6")


def _finite(scores: Scores) -> Scores:
    if len(scores) == 0 or not np.isfinite(scores).all():
        raise SearchError("a score is missing or not finite, so nothing can pass")
    return scores
