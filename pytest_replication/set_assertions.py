"""Assertions about samples as a set: closeness beside a hold-out, a percentile, copying, repeats, leaks."""

from __future__ import annotations

import os

from pytest_replication.asked import Asked
from pytest_replication.asserted import asserted
from pytest_replication.check import measure
from pytest_replication.controls.copies import MAX_COPIED
from pytest_replication.index.reader import Index
from pytest_replication.reports.sets import render_set
from pytest_replication.reports.text import render
from pytest_replication.set_checks.closeness import measure_closeness
from pytest_replication.set_checks.copying import CopyingRule, measure_copying
from pytest_replication.set_checks.holdout import HoldoutRule
from pytest_replication.set_checks.leak import told, training_index
from pytest_replication.set_checks.percentile import measure_percentile
from pytest_replication.set_checks.repeats import measure_within
from pytest_replication.set_checks.running import Call
from pytest_replication.set_verdicts import CopyingVerdict, HoldoutVerdict, PercentileVerdict, WithinVerdict
from pytest_replication.surroundings import current
from pytest_replication.verdicts import Outcome, Verdict

AnyIndex = Index | str | os.PathLike[str] | None


def assert_not_closer_than_holdout(
    samples: object,
    *,
    holdout: object = None,
    alpha: float = 0.05,
    level: float = 0.95,
    detect: float = 0.6,
    holdout_copies: float | None = None,
    max_copied: float = MAX_COPIED,
    index: AnyIndex = None,
    allow_unproved: bool | None = None,
    canaries: int | None = None,
    name: str = "",
) -> HoldoutVerdict:
    """Fail when samples are closer to the training images than images that the model never saw.

    The two histograms of Somepalli et al. (CVPR 2023, figure 5) as a test: highest scores of the samples
    against those of a hold-out, by a one-sided Mann-Whitney test and by a test of the tail above a
    percentile of the hold-out, together at `alpha` (Holm). Copies of training images in the hold-out, and
    repeats, are left out, and the verdict says so.

    Args:
        samples: see `pytest_replication.check.check_replication`.
        holdout: images that the model was not trained on, in the same forms or named as `calibrate --holdout`
            takes them (``"unseen.npy"``); None for the scores that the calibration of the index keeps.
        alpha: false alarms of both tests together, in (0, 0.5].
        level: percentile of the hold-out whose excess is tested, as a share, in [0.5, 1).
        detect: probability that a sample scores higher than a hold-out image which sets must be large
            enough to find with 80 % power; else nothing passes. Above 0.5.
        holdout_copies: score from which on a hold-out image is a copy of a training image; None for 0.95
            where the embedder documents a threshold, else for what re-encoded copies score.
        max_copied: share of the hold-out that may be such copies, in [0, 1]: they are left out. More of
            them are an error, since samples and hold-out may be swapped.
        index: see there.
        allow_unproved: see there.
        canaries: see there.
        name: see there.

    Returns:
        The verdict, when it is a pass.

    Raises:
        ReplicationDetected: they are closer.
        Inconclusive: samples or hold-out images are too few to find an effect of `detect`.
        ReplicationError: the samples, the hold-out, the index or the settings do not allow a verdict.

    Example:
        >>> def test_release(assert_not_closer_than_holdout, replication_samples):
        ...     assert_not_closer_than_holdout(replication_samples, holdout="holdout/")
    """
    __tracebackhide__ = True
    rule = HoldoutRule(alpha=alpha, level=level, detect=detect, copies=holdout_copies, max_copied=max_copied)
    call = Call(index=index, allow_unproved=allow_unproved, canaries=canaries, name=name)
    return asserted(measure_closeness(samples, holdout, rule, call), render_set)


def assert_percentile_below(
    samples: object,
    percentile: float,
    value: float,
    *,
    confidence: float = 0.95,
    index: AnyIndex = None,
    allow_unproved: bool | None = None,
    canaries: int | None = None,
    name: str = "",
) -> PercentileVerdict:
    """Fail unless samples prove that a percentile of the model's highest scores is below a value.

    The bounds are order statistics: they assume no distribution. Passes when the upper bound is below the
    value, fails when the lower bound is not, and is inconclusive between the two.

    Args:
        samples: see `pytest_replication.check.check_replication`.
        percentile: 1 to below 100, such as 95.
        value: score that the percentile has to be below, in (-1, 1].
        confidence: of each bound, in [0.5, 1).
        index: see there.
        allow_unproved: see there.
        canaries: see there.
        name: see there.

    Returns:
        The verdict, when it is a pass.

    Raises:
        ReplicationDetected: the percentile is not below the value.
        Inconclusive: so few samples prove neither.
        ReplicationError: the samples, the index or the settings do not allow a verdict.

    Example:
        >>> def test_release(assert_percentile_below, replication_samples):
        ...     assert_percentile_below(replication_samples, 95, 0.4)
    """
    __tracebackhide__ = True
    call = Call(index=index, allow_unproved=allow_unproved, canaries=canaries, name=name)
    verdict = measure_percentile(
        samples, percentile=percentile, value=value, confidence=confidence, call=call
    )
    return asserted(verdict, render_set)


def assert_no_data_copying(
    samples: object,
    *,
    holdout: object,
    alpha: float = 0.05,
    cells: int = 3,
    detect: float = 0.7,
    seed: int = 0,
    holdout_copies: float | None = None,
    max_copied: float = MAX_COPIED,
    index: AnyIndex = None,
    allow_unproved: bool | None = None,
    canaries: int | None = None,
    name: str = "",
) -> CopyingVerdict:
    """Fail when samples lie closer to training images than a hold-out does, in any region.

    The test of Meehan, Chaudhuri and Dasgupta (AISTATS 2020), each cell by its one-sided z-score, all cells
    together at `alpha` (Holm). C_T, AuthPct, the generalisation gap of FLD and MiFID stand beside it and
    decide nothing. A pass needs every cell that holds samples to be large enough. It is a test of sets: a few
    copies among many samples do not move it.

    Args:
        samples: see `pytest_replication.check.check_replication`.
        holdout: images that the model was not trained on, in the same forms or named as `calibrate --holdout`
            takes them.
        alpha: false alarms of all cells together, in (0, 0.5].
        cells: into which the training images are cut by k-means.
        detect: probability that a sample lies closer than a hold-out image which each cell must be large
            enough to find with 80 % power. Above 0.5.
        seed: of the cells.
        holdout_copies: score from which on a hold-out image is a copy of a training image; None for 0.95
            where the embedder documents a threshold, else for what re-encoded copies score.
        max_copied: share of the hold-out that may be such copies, in [0, 1]: they are left out. More of
            them are an error, since samples and hold-out may be swapped.
        index: see there.
        allow_unproved: see there.
        canaries: see there.
        name: see there.

    Returns:
        The verdict, when it is a pass.

    Raises:
        ReplicationDetected: in some cell they lie closer.
        Inconclusive: a cell has too few samples or hold-out images.
        ReplicationError: the samples, the hold-out, the index or the settings do not allow a verdict.

    Example:
        >>> def test_release(assert_no_data_copying, replication_samples):
        ...     assert_no_data_copying(replication_samples, holdout="holdout/")
    """
    __tracebackhide__ = True
    rule = CopyingRule(
        alpha=alpha, cells=cells, detect=detect, seed=seed, copies=holdout_copies, max_copied=max_copied
    )
    call = Call(index=index, allow_unproved=allow_unproved, canaries=canaries, name=name)
    return asserted(measure_copying(samples, holdout, rule, call), render_set)


def assert_no_duplicates_within(
    samples: object,
    threshold: float | None = None,
    *,
    max_share: float = 0.0,
    index: AnyIndex = None,
    allow_unproved: bool | None = None,
    name: str = "",
) -> WithinVerdict:
    """Fail when a model gives one image again and again.

    Samples are compared with each other by the embedder of the index; its training images play no part.

    Args:
        samples: see `pytest_replication.check.check_replication`.
        threshold: score from which on two samples are one image, in (-1, 1]. None for 0.95, that of
            duplicates in Somepalli et al., where the embedder has a documented threshold.
        max_share: share of the samples that may repeat another, in [0, 1).
        index: see there.
        allow_unproved: see there.
        name: see there.

    Returns:
        The verdict, when it is a pass.

    Raises:
        ReplicationDetected: more samples repeat another.
        Inconclusive: there is only one sample.
        ReplicationError: the samples, the index or the settings do not allow a verdict.

    Example:
        >>> def test_release(assert_no_duplicates_within, replication_samples):
        ...     assert_no_duplicates_within(replication_samples, 0.95)
    """
    __tracebackhide__ = True
    call = Call(index=index, allow_unproved=allow_unproved, canaries=0, name=name)
    return asserted(measure_within(samples, threshold=threshold, max_share=max_share, call=call), render_set)


def assert_no_leak(
    train: object,
    test: object,
    threshold: float | None = None,
    *,
    embedder: str = "sscd",
    top_k: int = 5,
    allow_unproved: bool | None = None,
    canaries: int | None = None,
    name: str = "",
) -> Verdict:
    """Fail when images of a test set stand in a training set, edited or as they are.

    Args:
        train: an open index, the folder of one, or images in a form of `build_index`; these are indexed for
            the one check.
        test: images in a form of `pytest_replication.check.check_replication`.
        threshold: score from which on two images are one; None as there.
        embedder: of images that have to be indexed first.
        top_k: see there.
        allow_unproved: see there.
        canaries: see there.
        name: see there.

    Returns:
        The verdict, when it is a pass.

    Raises:
        ReplicationDetected: some of them do.
        Inconclusive: of images with next to nothing in them it cannot be told.
        ReplicationError: the images, the index or the settings do not allow a verdict.

    Example:
        >>> def test_split(assert_no_leak):
        ...     assert_no_leak("train/", "test/", 0.8)
    """
    __tracebackhide__ = True
    with training_index(train, embedder) as index:
        asked = Asked(
            threshold,
            max_rate=0.0,
            index=index,
            top_k=top_k,
            allow_unproved=allow_unproved,
            canaries=canaries,
            name=name or "leak",
        )
        verdict = measure(test, asked, asserted=True)
    if (run := current()) is not None:
        run.amend(assertion="assert_no_leak")

    def show(found: Verdict) -> str:
        sides = f"{told(test)} shares images with the training set {told(train)}"
        if found.outcome is Outcome.INCONCLUSIVE:
            sides = f"whether {sides} cannot be told"
        lines = f"{sides}: {render(found)}".splitlines()
        if index.label:  # it is gone: there is nothing to look into
            lines = [line for line in lines if not line.startswith("  look ")]
        return "\n".join(lines)

    return asserted(verdict, show)
