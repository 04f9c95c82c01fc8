"""Calibrate an index: from real images that the model never saw to a threshold with a known error.

The peer of `check`: where that judges samples, this measures how high innocent images score.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pytest_replication import __version__
from pytest_replication.calibrate_objects import (
    Innocent,
    calibrate_objects,
    journal_of,
    of_holdout,
    of_training,
    wanted_images,
)
from pytest_replication.calibrated import Calibrated, enough
from pytest_replication.controls import Planted, plant_originals
from pytest_replication.controls.copies import LOOKED_AT, MAX_COPIED, SAME, copies_line, too_many_copies
from pytest_replication.controls.parts import plant_parts
from pytest_replication.controls.planting import KEPT, choose
from pytest_replication.controls.replaced import check_canaries_kept, check_null_kept, check_plantable
from pytest_replication.errors import CalibrationError, SettingsError, SourceError
from pytest_replication.images.decode import UndecodableImage, decode
from pytest_replication.images.sources import Source, open_source
from pytest_replication.index.calibration import (
    GROUPINGS,
    HOLDOUT,
    MOST_SCORES,
    NAMED,
    TRAINING,
    Calibration,
    Copy,
    Found,
    HalvesControl,
    embedder_of,
    store_calibration,
)
from pytest_replication.index.canaries import Canaries
from pytest_replication.index.ingest import Limit
from pytest_replication.index.journal import Journal
from pytest_replication.index.manifest import now
from pytest_replication.index.object_calibration import ObjectCalibration
from pytest_replication.index.originals import Originals
from pytest_replication.index.part_journal import PartJournal
from pytest_replication.index.reader import Index
from pytest_replication.index.shard import RECORDS, read_columns
from pytest_replication.score_text import score_text
from pytest_replication.search.holdout import CLOSEST, Measured, measure_holdout
from pytest_replication.search.within import measure_training
from pytest_replication.stats.halves import compare_halves
from pytest_replication.stats.null import Null, needed

_OPTIONS = (
    "holdout",
    "samples",
    "by",
    "copies_from",
    "max_copied",
    "count",
    "max_rejected",
    "plant",
    "images",
    "objects",
    "seed",
)
"""What is written down when it is not the default, to be given again."""


@dataclass(frozen=True, slots=True)
class CalibrateOptions:
    """How an index is calibrated.

    Attributes:
        holdout: real images that the model never saw, in any form that a training set may have; None
            for training images against the rest.
        fpr: wanted false-positive rate, in (0, 1).
        samples: samples that it is about: 1 for the rate of a single sample, N for the rate at which
            a whole gate of N samples raises a false alarm.
        copies_from: score from which on an image of the hold-out is taken for a copy of a training
            image and left out (two training images for duplicates); None for 0.95 where the embedder
            documents a threshold, else for what re-encoded copies score (`controls.copies.copies_line`).
        max_copied: share of the hold-out that may be such copies, in [0, 1].
        by: ``label`` or ``caption``: a threshold of its own for each group of training images.
        count: training images that are drawn where there is no hold-out.
        max_rejected: unreadable images of the hold-out that may be left out, a number or a share.
        plant: training images of which edited copies are planted as a positive control, 0 for none.
        images: the training set, where its images lie in tars, tables or arrays; None to read the files
            that the index names.
        objects: images of the null of which parts are looked for as well, so that from how many points on a
            part counts as a copy is calibrated, too; each takes a second or two of a processor. None for 500
            where the index was built with parts, else 0.
        seed: of what is drawn.
        from_training: let a null of training images take the place of one of a hold-out.
        restart: forget what an interrupted calibration has measured.
        progress: show a progress bar when standard error is a terminal.

    Raises:
        SettingsError: a value outside its range.
    """

    holdout: object = None
    fpr: float = 0.01
    samples: int = 1
    copies_from: float | None = None
    max_copied: float = MAX_COPIED
    by: str = ""
    count: int = 10_000
    max_rejected: Limit = 0
    plant: int = 64
    images: object = None
    objects: int | None = None
    seed: int = 0
    from_training: bool = False
    restart: bool = False
    progress: bool = True

    def __post_init__(self) -> None:
        if not 0 < self.fpr < 1:
            raise SettingsError(f"fpr {self.fpr} is no rate: give a number between 0 and 1 (1 % is 0.01)")
        if self.plant < 0:
            raise SettingsError(f"{self.plant} training images to plant copies of: give 0 or more")
        if self.objects is not None and self.objects < 0:
            raise SettingsError(f"{self.objects} images to look for parts of: give 0 or more")
        if self.samples < 1 or self.count < 2 or self.seed < 0:
            raise SettingsError(
                f"{self.samples} samples, a count of {self.count} or a seed of {self.seed} makes no sense: "
                "give 1, 2 and 0 or more"
            )
        if self.copies_from is not None and not self.copies_from > 0:
            raise SettingsError(f"copies_from {self.copies_from} is no score above 0")
        if not 0 <= self.max_copied <= 1:
            raise SettingsError(f"max_copied is {self.max_copied}; expected a share from 0 to 1")
        if self.from_training and self.holdout is not None:
            raise SettingsError(
                "both a hold-out and from_training (--from-training) are given: the null is of one of the two"
            )
        if self.by not in ("", *GROUPINGS):
            raise SettingsError(f"by {self.by!r} is unknown: give {' or '.join(GROUPINGS)}")

    @property
    def rate(self) -> float:
        """False-positive rate of one sample: by Bonferroni's inequality `fpr` over `samples` is enough."""
        return self.fpr / self.samples

    @property
    def told(self) -> tuple[tuple[str, str], ...]:
        """Options of the command line that say the same, by name; sources in memory have none."""
        plain = type(self)()
        given = [("fpr", _told("fpr", self.fpr))]
        for name in _OPTIONS:
            value = getattr(self, name)
            if isinstance(value, (str, Path, int, float)) and value != getattr(plain, name):
                given.append((name.replace("_", "-"), _told(name, value)))
        return tuple(given)


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
    _check_grouped(index, asked.by)
    of_parts = wanted_images(index, asked.objects)
    check_null_kept(index, asked.holdout is not None or asked.from_training)
    if asked.images is None:
        check_plantable(index, asked.plant, asked.seed)
    null = _measure_training(index, asked) if asked.holdout is None else _measure_holdout(index, asked)
    found = _calibration(index, asked, null)
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


@dataclass(frozen=True, slots=True)
class _MeasuredNull:
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


def _measure_training(index: Index, asked: CalibrateOptions) -> _MeasuredNull:
    drawn = Originals(index, LOOKED_AT, asked.images, asked.seed)
    line = copies_line(index, asked.copies_from, (image for _, image in drawn))
    count = min(asked.count, MOST_SCORES)
    measured, duplicated = measure_training(index, count, line, seed=asked.seed, progress=asked.progress)
    return _MeasuredNull(measured, line, duplicated)


def _measure_holdout(index: Index, asked: CalibrateOptions) -> _MeasuredNull:
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
    return _MeasuredNull(measured, line, holdout=holdout, journal=journal)


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
    index: Index, asked: CalibrateOptions, null: _MeasuredNull, most: int, journal: PartJournal
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


def _told(name: str, value: str | Path | int | float) -> str:
    if name == "max_rejected" and isinstance(value, float):
        return f"{100 * value:.12g}%"
    return f"{value:.12g}" if isinstance(value, float) else str(value)


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


def _calibration(index: Index, asked: CalibrateOptions, null: _MeasuredNull) -> Calibration:
    """What follows from the scores of innocent images, before anything is planted."""
    measured, line, source = null.measured, null.line, null.source
    _check_doubtful(index, asked, measured, line, source)
    kept = measured.scores < line
    scores, rows = measured.scores[kept], measured.rows[kept]
    copied = null.duplicated + int((~kept).sum())
    _check_size(index, asked, len(scores), copied, line, source)
    halves = compare_halves(scores, asked.rate)
    order = np.argsort(scores, kind="stable")
    scores, rows = scores[order], rows[order]
    names: tuple[str, ...] = ()
    group_of = np.full(len(scores), -1, np.int64)
    if asked.by:
        names, group_of = enough(_groups(index, rows, asked.by), asked.rate)
        _check_groups(index, asked, names)
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
        copies=_named(index, [one for one in measured.nearest if one[2] >= line][:NAMED]),
        closest=_named(index, [one for one in measured.nearest if one[2] < line][:CLOSEST]),
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


def _check_size(
    index: Index, asked: CalibrateOptions, count: int, copied: int, line: float, source: str
) -> None:
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
        raise CalibrationError(
            f"{count} of {what} are left ({copied} are copies of training images): a false-positive rate of "
            f"{rate} takes {max(2, needed(asked.rate))} or more; give more images, or a larger --fpr"
        )


def _check_doubtful(
    index: Index, asked: CalibrateOptions, measured: Measured, line: float, source: str
) -> None:
    """Refuse to guess whether images are copies, where that decides about the threshold."""
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
    of = _named(index, [one for one in measured.nearest if line <= one[2] < SAME][:1])
    example = "".join(
        f"; the highest {score_text(one.score, digits=4)}: {one.uri} with {one.training_uri}" for one in of
    )
    raise CalibrationError(
        f"{len(every) - len(rest)} of {len(every)} images of {source} score like re-encoded copies of "
        f"training images (>= {line:g}{example}): without them {without}, with them {kept:g}; look at "
        f"them, then give --copies-from {line:g} to leave them out as copies, or --copies-from {SAME:g} if "
        "they are none; what is measured is kept until then"
    )


def _check_grouped(index: Index, by: str) -> None:
    """Refuse to group what has no groups before anything is measured."""
    if not by or any(
        value for shard in index.shards for (value,) in read_columns(shard.folder / RECORDS, (by,))
    ):
        return
    raise CalibrationError(
        f"{index.path} has no {by}s, which its source did not give: calibrate without --by, or build it from "
        f"a source with {by}s"
    )


def _check_groups(index: Index, asked: CalibrateOptions, names: tuple[str, ...]) -> None:
    if not names:
        raise CalibrationError(
            f"no {asked.by} of the training images of {index.path} has the {needed(asked.rate)} images that "
            f"a threshold of its own takes at {100 * asked.rate:g} % a sample: calibrate without --by, or "
            "give more images"
        )


def _groups(index: Index, rows: NDArray[np.int64], by: str) -> list[str | None]:
    """Label or caption of the training image that each image of the null is nearest to."""
    wanted = set(rows.tolist())
    found: dict[int, str | None] = {}
    for shard in index.shards:
        for place, (value,) in enumerate(read_columns(shard.folder / RECORDS, (by,))):
            if shard.first + place in wanted:
                found[shard.first + place] = value
    return [found[row] for row in rows.tolist()]


def _named(index: Index, nearest: Iterable[tuple[str, int, float]]) -> tuple[Copy, ...]:
    taken = list(nearest)
    records = index.records([row for _, row, _ in taken])
    return tuple(Copy(uri, records[row].id, records[row].uri, score) for uri, row, score in taken)


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
