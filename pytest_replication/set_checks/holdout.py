"""Scores of images that the model never saw: those of a hold-out, or those that a calibration keeps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pytest_replication.controls.copies import MAX_COPIED, copies_line
from pytest_replication.errors import SampleError, SettingsError
from pytest_replication.index.calibration import TRAINING, is_stale, stale
from pytest_replication.index.fingerprint import require_measured
from pytest_replication.index.reader import Index
from pytest_replication.models.samples import Samples
from pytest_replication.search import Subject
from pytest_replication.set_checks.independent import first_of_each
from pytest_replication.set_checks.running import Features, Scores, check_levels, search_holdout
from pytest_replication.set_checks.unseen import check_copies, few_copied, keep_apart

NAME = "assert_not_closer_than_holdout"


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldoutRule:
    """How the two histograms are compared.

    Attributes:
        alpha: false alarms of both tests together, in (0, 0.5].
        level: percentile of the hold-out for the tail test, as a share.
        detect: probability of superiority that sets must be large enough to find; else a pass is
            inconclusive.
        copies: score from which on a hold-out image is a copy of a training image, and is left out; None for
            0.95 where the embedder documents a threshold, else for what re-encoded copies score.
        max_copied: share of the hold-out that may be such copies, in [0, 1].
    """

    alpha: float = 0.05
    level: float = 0.95
    detect: float = 0.6
    copies: float | None = None
    max_copied: float = MAX_COPIED

    def check(self) -> None:
        """Refuse values outside their range.

        Raises:
            SettingsError: there are some.
        """
        check_levels(self.alpha, self.detect)
        if not 0.5 <= self.level < 1:
            raise SettingsError(f"level is {self.level}; expected a share from 0.5 to below 1, such as 0.95")
        check_copies(self.copies, self.max_copied)


@dataclass(frozen=True, slots=True)
class HoldoutScores:
    """Scores of images that the model never saw.

    Attributes:
        scores: (m,) of each with its nearest training image.
        source: where they come from.
        notes: what was left out, and why.
    """

    scores: Scores
    source: str
    notes: tuple[str, ...] = ()


def stored_scores(index: Index, rule: HoldoutRule) -> HoldoutScores:
    """The scores that the calibration of an index keeps.

    Raises:
        SettingsError: it has none, or one that the fingerprint that is pinned does not cover.
        SampleError: too many images of its hold-out were copies.
        CalibrationError: it was made before the index changed.
    """
    if is_stale(index.manifest):
        raise stale(index.path, index.manifest)
    kept = index.calibration
    if kept is None:
        raise SettingsError(
            f"there is no hold-out: give {NAME}(samples, holdout), images that the model was not trained on, "
            f"or keep their scores with 'pytest-replication calibrate {index.path} --holdout IMAGES'"
        )
    require_measured(index, "the hold-out", f"give {NAME}(samples, holdout)")
    what = f"the calibration of {kept.created}: {kept.described}"
    notes = [f"the hold-out is that of {what}; whether samples are among its images is not known"]
    if kept.origin == TRAINING:
        notes.append("these are training images against the rest, and no images that the model never saw")
    else:
        used = len(kept.scores) + kept.copied
        few_copied(kept.copied, used, kept.copies_from, rule.max_copied, f"the hold-out of {what}")
    return HoldoutScores(kept.scores, what, tuple(notes))


def score_holdout(
    index: Index, holdout: Samples, rule: HoldoutRule, samples: Features, subject: Subject
) -> HoldoutScores:
    """Score a hold-out, without copies of training images and without repeats.

    Raises:
        SampleError: nothing of it is left, or samples are part of it.
    """
    vectors, scores = search_holdout(index, holdout)
    kept, notes = usable(vectors, scores, copies_line(index, rule.copies, holdout), rule.max_copied, holdout)
    keep_apart(samples, vectors[kept], subject, holdout.source)
    return HoldoutScores(scores[kept], holdout.source, notes)


def usable(
    vectors: Features, scores: Scores, copies: float, most: float, holdout: Samples
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Numbers of the hold-out images that can be used, and what is told of the others.

    Args:
        vectors: (m, views, dim) of the hold-out.
        scores: (m,) of each with its nearest training image.
        copies: score from which on one is a copy, and is left out.
        most: share of them that may be.
        holdout: the hold-out.

    Raises:
        SampleError: there are none, or more copies.
    """
    notes = []
    copied = scores >= copies
    few_copied(int(copied.sum()), len(scores), copies, most, f"the hold-out {holdout.source}")
    if copied.any():
        first = holdout.names[int(np.argmax(copied))]
        notes.append(
            f"{int(copied.sum())} of {len(scores)} hold-out images score >= {copies:g} with a training image "
            f"and are left out as copies (the first: {first})"
        )
    unique = first_of_each(vectors)
    kept = unique[~copied[unique]]
    if repeats := len(vectors) - len(unique):
        notes.append(f"{repeats} of {len(scores)} hold-out images repeat another and are left out")
    if not len(kept):
        raise SampleError(
            f"all {len(scores)} images of the hold-out {holdout.source} are copies of training images: give "
            "images that the model was not trained on"
        )
    return kept, tuple(notes)
