"""What no threshold can be calibrated with."""

from __future__ import annotations

from pytest_replication.calibrate.null import named_pairs
from pytest_replication.calibrate.options import CalibrateOptions
from pytest_replication.controls.copies import SAME, too_many_copies
from pytest_replication.errors import CalibrationError
from pytest_replication.index.contents import shard_columns
from pytest_replication.index.reader import Index
from pytest_replication.score_text import score_text
from pytest_replication.search.holdout import Measured
from pytest_replication.stats.null import Null, needed


def check_size(
    index: Index, asked: CalibrateOptions, count: int, copied: int, line: float, source: str
) -> None:
    """Refuse a null that is too small for the rate, or a hold-out of which too many images are copies.

    Args:
        index: an open index.
        asked: how it is calibrated.
        count: images of the null that are no copies.
        copied: images that are.
        line: score from which on one is.
        source: name of the hold-out; empty for training images.

    Raises:
        CalibrationError: so it is.
    """
    what = f"the images of {source}" if source else "the training images"
    if not count:
        raise CalibrationError(
            f"all {copied} of {what} are copies of training images (score >= {line:g}), so that none is left "
            "to calibrate with: give images that the model never saw, or --copies-from if these are none"
        )
    said = too_many_copies(copied, copied + count, line, asked.max_copied, source, "--max-copied")
    if source and said:
        raise CalibrationError(said)
    if count < max(2, needed(asked.rate)):
        rate = f"{100 * asked.fpr:g} %" + (
            f" for a gate of {asked.samples} samples" if asked.samples > 1 else ""
        )
        less = ", or a larger --fpr"
        if asked.samples > 1:
            less = (
                ", a larger --fpr or fewer --samples, or leave --samples out and judge by --max-rate or --fdr"
            )
        raise CalibrationError(
            f"{count} of {what} are left ({copied} are copies of training images): a false-positive rate of "
            f"{rate} takes {max(2, needed(asked.rate))} or more; give more images{less}"
        )


def check_doubtful(
    index: Index, asked: CalibrateOptions, measured: Measured, line: float, source: str
) -> None:
    """Refuse to guess whether images are copies, where that decides about the threshold.

    Raises:
        CalibrationError: so it is.
    """
    if asked.copies_from is not None or index.embedder.default_threshold is not None or not source:
        return
    every, rest = measured.scores[measured.scores < SAME], measured.scores[measured.scores < line]
    if len(every) == len(rest) or len(every) < max(2, needed(asked.rate)):
        return
    kept = Null.of(every).threshold(asked.rate)
    without = "too few are left for a threshold"
    if len(rest) >= max(2, needed(asked.rate)):
        null = Null.of(rest)
        if kept <= min(null.quantile_bounds(asked.rate)[1], rest.max()):
            return
        without = f"the threshold is {null.threshold(asked.rate):g}"
    of = named_pairs(index, [one for one in measured.nearest if line <= one[2] < SAME][:1])
    told = ((score_text(one.score, line, digits=4), one.uri, one.training_uri) for one in of)
    example = "".join(f"; the highest {score}: {mine} with {theirs}" for score, mine, theirs in told)
    raise CalibrationError(
        f"{len(every) - len(rest)} of {len(every)} images of {source} score like re-encoded copies of "
        f"training images (>= {line:g}{example}): without them {without}, with them {kept:g}; look at "
        f"them, then give --copies-from {line:g} to leave them out as copies, or --copies-from {SAME:g} if "
        "they are none; what is measured is kept until then"
    )


def check_grouped(index: Index, by: str) -> None:
    """Refuse to group what has no groups before anything is measured.

    Raises:
        CalibrationError: so it is.
    """
    if not by or any(value for shard in index.shards for (value,) in shard_columns(shard, (by,))):
        return
    raise CalibrationError(
        f"{index.path} has no {by}s, which its source did not give: calibrate without --by, or build it from "
        f"a source with {by}s"
    )


def check_groups(index: Index, asked: CalibrateOptions, names: tuple[str, ...]) -> None:
    """Refuse groups of which none is large enough for a threshold of its own.

    Raises:
        CalibrationError: so it is.
    """
    if not names:
        raise CalibrationError(
            f"no {asked.by} of the training images of {index.path} has the {needed(asked.rate)} images that "
            f"a threshold of its own takes at {100 * asked.rate:g} % a sample: calibrate without --by, or "
            "give more images"
        )
