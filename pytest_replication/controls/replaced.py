"""What a new calibration may take the place of: a better null, or canaries, go only when asked for."""

from __future__ import annotations

from pytest_replication.errors import CalibrationError
from pytest_replication.index.originals import Originals
from pytest_replication.index.reader import Index
from pytest_replication.index.recalibrate import calibrate_again, last_calibration

_TRAINING = "training"


def check_null_kept(index: Index, named: bool) -> None:
    """Refuse that a null of training images replaces one of a hold-out, unless that was asked for by name.

    Args:
        index: an open index.
        named: a hold-out is given, or training images are asked for.

    Raises:
        CalibrationError: the last calibration is of a hold-out, or a damaged one that may be.
    """
    if named or index.manifest.calibration is None:
        return
    last = last_calibration(index.path, index.manifest) or {}
    if last.get("origin") == _TRAINING:
        return
    what = f"a hold-out ({last['source']})" if last.get("source") else "what may be a hold-out"
    raise CalibrationError(
        f"{index.path} is calibrated with {what}, and training images would take its place, which say less: "
        f"give the hold-out again ({calibrate_again(index.path, index.manifest)}), or --from-training"
    )


def check_plantable(index: Index, count: int, seed: int) -> None:
    """Find out, before anything is measured, whether copies can be planted in the place of canaries.

    Args:
        index: an open index.
        count: training images of which copies are wanted; 0 for none, which gives up the canaries.
        seed: of the choice.

    Raises:
        CalibrationError: the index has canaries, and the files of none of its training images can be read.
    """
    if count and _canaries(index):
        check_canaries_kept(index, next(iter(Originals(index, count, None, seed)), None) is not None)


def check_canaries_kept(index: Index, kept: bool) -> None:
    """Refuse to store a calibration that drops canaries without being asked to.

    Args:
        index: an open index.
        kept: copies were planted, or nobody wants them.

    Raises:
        CalibrationError: the index has canaries.
    """
    if kept or not _canaries(index):
        return
    raise CalibrationError(
        f"the canaries of {index.path} would be lost: copies cannot be planted, since the files of its "
        f"training images cannot be read here; name the training set with --images SOURCE "
        f"({calibrate_again(index.path, index.manifest)}), or do without a control with --plant 0"
    )


def _canaries(index: Index) -> bool:
    """Whether there are canaries, in use or not, or should be."""
    last = last_calibration(index.path, index.manifest) or {}
    return index.manifest.canaries is not None or last.get("canaries") is not None
