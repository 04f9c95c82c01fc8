"""From an index and innocent images to a stored calibration: `calibrate_index`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np

from pytest_replication.calibrate.null import MeasuredNull, measure_null
from pytest_replication.calibrate.objects import (
    Innocent,
    calibrate_objects,
    journal_of,
    of_holdout,
    of_training,
    wanted_images,
)
from pytest_replication.calibrate.options import CalibrateOptions
from pytest_replication.calibrate.refusals import check_grouped
from pytest_replication.calibrate.threshold import calibration_of
from pytest_replication.controls import Planted, plant_originals
from pytest_replication.controls.parts import plant_parts
from pytest_replication.controls.planting import KEPT, choose
from pytest_replication.controls.replaced import check_canaries_kept, check_null_kept, check_plantable
from pytest_replication.index.calibration import Calibration, Found
from pytest_replication.index.calibration_file import store_calibration
from pytest_replication.index.canaries import Canaries
from pytest_replication.index.object_calibration import ObjectCalibration
from pytest_replication.index.originals import Originals
from pytest_replication.index.part_journal import PartJournal
from pytest_replication.index.reader import Index


def calibrate_index(index: Index, options: CalibrateOptions | None = None) -> Calibration:
    """Measure how high innocent images score, and store the threshold that follows.

    Each image of the null takes the path of a sample: decoded, embedded and searched by the exact scan, its
    highest inner product with a training image counts. The threshold is the smallest from which on a
    conformal p-value is at most the wanted rate (`pytest_replication.stats.null.Null.threshold`).

    The index is changed by one rename when all is measured: threshold and canaries are there together. What
    is measured of a hold-out is kept batch by batch, so that an interrupted calibration goes on where it was.

    Args:
        index: an open index. Open it again to check against it: this one keeps the state that it had.
        options: how, None for the defaults.

    Returns:
        What was stored.

    Raises:
        CalibrationError: the null is too small for the rate, is the training set, holds too many copies of
            it, or some that may be none decide about the threshold.
        TooManyRejected: images of the hold-out cannot be read.
        ReplicationError: the index or its embedder cannot be used, as in a check; or what is there
            would be lost: canaries of which no copies can be planted again, a null of a hold-out.
    """
    asked = options or CalibrateOptions()
    check_grouped(index, asked.by)
    of_parts = wanted_images(index, asked.objects)
    check_null_kept(index, asked.holdout is not None or asked.from_training)
    if asked.images is None:
        check_plantable(index, asked.plant, asked.seed)
    null = measure_null(index, asked)
    found = calibration_of(index, asked, null)
    part_journal = journal_of(index, null.source, null.line)
    if of_parts:
        part_journal.drop() if asked.restart else part_journal.read()
        found = replace(found, objects=_parts(index, asked, null, of_parts, part_journal))
    found, canaries = _with_canaries(index, asked, found)
    found = store_calibration(index, found, canaries)
    if null.journal is not None:
        null.journal.drop()
    part_journal.drop()
    return found


def _with_canaries(
    index: Index, asked: CalibrateOptions, found: Calibration
) -> tuple[Calibration, Canaries | None]:
    """Plant copies of training images, and of parts of them where parts were calibrated.

    Returns:
        The calibration with what was found of them, and those that checks have to find; None where there are
        none.
    """
    planted = _plant(index, asked)
    check_canaries_kept(index, asked.plant == 0 or planted is not None)
    found = replace(found, **_recall(planted, found.threshold, asked))
    if planted is None:
        return found, None
    canaries = choose(index, planted, found.threshold, KEPT, asked.seed)
    if found.objects is None:
        return found, canaries
    drawn = Originals(index, asked.plant, asked.images, asked.seed)
    copies = plant_parts(index, drawn, found.objects.points, asked.seed)
    objects = replace(found.objects, planted=copies.tried, planted_found=copies.found)
    return replace(found, objects=objects), replace(canaries, parts=copies)


def _parts(
    index: Index, asked: CalibrateOptions, null: MeasuredNull, most: int, journal: PartJournal
) -> ObjectCalibration:
    """Calibrate the rule for parts, on images of the null of whole ones."""
    images: Iterable[Innocent]
    if null.holdout is None:
        count, images = most, of_training(index, most, asked.images, asked.seed)
    else:
        keys = null.measured.keys[null.measured.scores < null.line]
        count, images = min(most, len(keys)), of_holdout(null.holdout, keys, most, asked.seed)
    return calibrate_objects(
        index, images, null.line, asked.rate, count, journal=journal, progress=asked.progress
    )


def _plant(index: Index, asked: CalibrateOptions) -> Planted | None:
    if asked.plant == 0:
        return None
    return plant_originals(index, asked.plant, asked.images, seed=asked.seed, progress=asked.progress)


def _recall(planted: Planted | None, threshold: float, asked: CalibrateOptions) -> dict[str, Any]:
    """What is stored of planted copies."""
    if planted is None:
        unread = "their files cannot be read here: name the training set with --images"
        return {"note": f"no copies were planted ({unread if asked.plant else '--plant 0'})"}
    edits = np.array(planted.edits)
    kinds = [
        Found(edit, *counts, tuple(planted.scores[edits == edit].tolist()))
        for edit, counts in planted.recall(threshold).items()
    ]
    return {"planted": tuple(kinds), "note": ""}
