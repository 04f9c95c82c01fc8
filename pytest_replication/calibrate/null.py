"""The null of a calibration: how high innocent images score with the training images."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from PIL import Image

from pytest_replication.calibrate.options import CalibrateOptions
from pytest_replication.controls.copies import LOOKED_AT, copies_line
from pytest_replication.errors import CalibrationError, SourceError
from pytest_replication.images.decode import UndecodableImage, decode
from pytest_replication.images.sources import Source, open_source
from pytest_replication.index.calibration import MOST_SCORES, Copy
from pytest_replication.index.journal import Journal
from pytest_replication.index.originals import Originals
from pytest_replication.index.reader import Index
from pytest_replication.search.holdout import Measured, measure_holdout
from pytest_replication.search.within import measure_training


@dataclass(frozen=True, slots=True)
class MeasuredNull:
    """What was measured of the images that no model can have copied.

    Attributes:
        measured: their scores.
        line: score from which on one is taken for a copy.
        duplicated: images that were left out as copies before anything was measured of them.
        holdout: where they come from; None for training images against the rest.
        journal: what was kept of the measurement, to be dropped when all is stored.
    """

    measured: Measured
    line: float
    duplicated: int = 0
    holdout: Source | None = None
    journal: Journal | None = None

    @property
    def source(self) -> str:
        """Name of the hold-out; empty for training images."""
        return "" if self.holdout is None else self.holdout.name


def measure_null(index: Index, asked: CalibrateOptions) -> MeasuredNull:
    """Score a hold-out, or where there is none training images against the rest.

    Raises:
        CalibrationError: the hold-out cannot be used, or there are too few training images.
        TooManyRejected: images of the hold-out cannot be read.
        ReplicationError: the index or its embedder cannot be used.
    """
    return _of_training(index, asked) if asked.holdout is None else _of_holdout(index, asked)


def named_pairs(index: Index, nearest: Iterable[tuple[str, int, float]]) -> tuple[Copy, ...]:
    """Pairs of an image of the null and a training image, by their places and names.

    Args:
        index: an open index.
        nearest: where the image lies, row of the training image, and their score.
    """
    taken = list(nearest)
    records = index.records([row for _, row, _ in taken])
    return tuple(Copy(uri, records[row].id, records[row].uri, score) for uri, row, score in taken)


def _of_training(index: Index, asked: CalibrateOptions) -> MeasuredNull:
    drawn = Originals(index, LOOKED_AT, asked.images, asked.seed)
    line = copies_line(index, asked.copies_from, (image for _, image in drawn))
    count = min(asked.count, MOST_SCORES)
    measured, duplicated = measure_training(index, count, line, seed=asked.seed, progress=asked.progress)
    return MeasuredNull(measured, line, duplicated)


def _of_holdout(index: Index, asked: CalibrateOptions) -> MeasuredNull:
    holdout = _open(asked.holdout)
    line = copies_line(index, asked.copies_from, _pictures(holdout))
    measured, journal = measure_holdout(
        index,
        holdout,
        line,
        max_rejected=asked.max_rejected,
        restart=asked.restart,
        progress=asked.progress,
    )
    return MeasuredNull(measured, line, holdout=holdout, journal=journal)


def _open(holdout: object) -> Source:
    try:
        source = open_source(holdout)
    except SourceError as error:
        raise CalibrationError(f"the hold-out cannot be used: {error}") from error
    if source.counted and len(source) > MOST_SCORES:
        raise CalibrationError(f"{source.name} holds {len(source)} images: {MOST_SCORES} are the most")
    return source


def _pictures(holdout: Source) -> Iterator[Image.Image]:
    """The images of a hold-out that can be read; the others are told when it is measured."""
    for ref in holdout:
        try:
            if ref.fault is None:
                yield decode(ref.read())
        except (OSError, UndecodableImage):
            continue
