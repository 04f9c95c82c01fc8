"""From the scores of innocent images to the threshold that follows, and those of groups."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from pytest_replication import __version__
from pytest_replication.calibrate.null import MeasuredNull, named_pairs
from pytest_replication.calibrate.options import CalibrateOptions
from pytest_replication.calibrate.refusals import check_doubtful, check_groups, check_size
from pytest_replication.calibrated import Calibrated, enough
from pytest_replication.errors import CalibrationError
from pytest_replication.index.calibration import (
    HOLDOUT,
    NAMED,
    TRAINING,
    Calibration,
    HalvesControl,
    embedder_of,
)
from pytest_replication.index.contents import shard_columns
from pytest_replication.index.manifest import now
from pytest_replication.index.reader import Index
from pytest_replication.search.holdout import CLOSEST
from pytest_replication.stats.halves import compare_halves


def calibration_of(index: Index, asked: CalibrateOptions, null: MeasuredNull) -> Calibration:
    """What follows from the scores of innocent images, before anything is planted.

    Args:
        index: an open index.
        asked: how it is calibrated.
        null: the scores.

    Raises:
        CalibrationError: no threshold follows from them.
    """
    measured, line, source = null.measured, null.line, null.source
    check_doubtful(index, asked, measured, line, source)
    kept = measured.scores < line
    scores, rows = measured.scores[kept], measured.rows[kept]
    copied = null.duplicated + int((~kept).sum())
    check_size(index, asked, len(scores), copied, line, source)
    halves = compare_halves(scores, asked.rate)
    order = np.argsort(scores, kind="stable")
    scores, rows = scores[order], rows[order]
    names, group_of = _grouped(index, asked, rows)
    found = Calibration(
        scores=scores,
        threshold=0.0,
        rate=asked.rate,
        fpr=asked.fpr,
        samples=asked.samples,
        origin=TRAINING if asked.holdout is None else HOLDOUT,
        source=source,
        listed=measured.listed,
        unreadable=measured.unreadable,
        repeated=measured.repeated,
        copied=copied,
        copies=named_pairs(index, [one for one in measured.nearest if one[2] >= line][:NAMED]),
        closest=named_pairs(index, [one for one in measured.nearest if one[2] < line][:CLOSEST]),
        copies_from=line,
        by=asked.by,
        names=names,
        group_of=group_of,
        control=HalvesControl(halves.p, halves.reached, halves.of, halves.tail_p, halves.passed),
        planted=(),
        note="no copies were planted, as was asked for",
        seed=asked.seed,
        created=now(),
        writer=__version__,
        embedder=embedder_of(index.manifest),
        asked=asked.told,
    )
    return replace(found, threshold=_threshold(index, found))


def _grouped(
    index: Index, asked: CalibrateOptions, rows: NDArray[np.int64]
) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """Groups large enough for a threshold of their own, and which of them each image is in, -1 for none."""
    if not asked.by:
        return (), np.full(len(rows), -1, np.int64)
    names, group_of = enough(_groups(index, rows, asked.by), asked.rate)
    check_groups(index, asked, names)
    return names, group_of


def _groups(index: Index, rows: NDArray[np.int64], by: str) -> list[str | None]:
    """Label or caption of the training image that each image of the null is nearest to."""
    wanted = set(rows.tolist())
    found: dict[int, str | None] = {}
    for shard in index.shards:
        for place, (value,) in enumerate(shard_columns(shard, (by,))):
            if shard.first + place in wanted:
                found[shard.first + place] = value
    return [found[row] for row in rows.tolist()]


def _threshold(index: Index, found: Calibration) -> float:
    """The threshold of all images; every group has to have one that a score can reach."""
    ready = Calibrated.of(found)
    worst = max(ready.threshold_of(group) for group in (None, *found.names))
    if not worst <= 1:
        raise CalibrationError(
            f"{found.described} score so high with the training images of {index.path} that no threshold "
            f"keeps false positives at {100 * found.rate:g} %: leave out copies with a lower --copies-from, "
            "or take another embedder"
        )
    return ready.null.threshold(found.rate)
