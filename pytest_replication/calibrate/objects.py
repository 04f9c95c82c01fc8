"""Calibrate the rule for parts: how many points innocent images have alike with a training image.

The images are those of the null of whole images: of the hold-out without copies of training images, or
training images without themselves and their duplicates. Each goes the way of a sample, and its most points
count.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm

from pytest_replication.errors import CalibrationError, IndexMismatch, SettingsError
from pytest_replication.images.decode import UndecodableImage, decode
from pytest_replication.images.sources import Source
from pytest_replication.index.object_calibration import ClosestPart, ObjectCalibration
from pytest_replication.index.originals import Originals
from pytest_replication.index.part_journal import MeasuredPart, PartJournal
from pytest_replication.index.reader import Index
from pytest_replication.index.recalibrate import last_calibration
from pytest_replication.models.samples import Samples
from pytest_replication.search.embed import embed_images
from pytest_replication.search.match import Match
from pytest_replication.search.object_ways import way_of
from pytest_replication.search.objects import CANDIDATES, find_objects, require_features_at_hand
from pytest_replication.search.objects_found import ObjectsFound
from pytest_replication.search.vectors import take
from pytest_replication.stats.points import CONFIDENCE, least_points

IMAGES = 500
"""Images of the null whose parts are looked for: each takes a second or two of a processor."""
FLOOR = 6
"""Points below which no calibration goes: unrelated photographs have up to 5."""
_CLOSEST = 5
_BATCH_IMAGES, _BATCH_PIXELS = 64, 64_000_000
"""What is decoded at once, and lost when a calibration is killed: at most so many images, and about so many
pixels, three bytes each."""


class Innocent(NamedTuple):
    """An image of the null.

    Attributes:
        key: what it is known by: sha256 of its file, or its row.
        uri: where it lies.
        image: upright RGB.
        row: of the training image that it is; None of a hold-out.
    """

    key: str
    uri: str
    image: Image.Image
    row: int | None = None


def wanted_images(index: Index, asked: int | None) -> int:
    """How many images are looked at for parts; where nothing was said some, if the index has parts.

    So it is where the last calibration was of parts as well, which would be lost.

    Raises:
        SettingsError: a negative number, or OpenCV is not installed.
        IndexMismatch: the local features of the index were found in another way, or there are none.
    """
    count = asked
    if count is None:
        last = last_calibration(index.path, index.manifest) or {}
        count = IMAGES if index.objects or last.get("objects") else 0
    if count:
        try:
            require_features_at_hand(index)
        except (SettingsError, IndexMismatch) as error:
            raise type(error)(f"{error}; or calibrate without parts: --objects 0") from error
    return count


def calibrate_objects(
    index: Index,
    innocent: Iterable[Innocent],
    line: float,
    rate: float,
    count: int,
    *,
    journal: PartJournal,
    progress: bool = True,
) -> ObjectCalibration:
    """Measure how many points innocent images have, and choose from how many on a part is a copy.

    Args:
        index: an open index.
        innocent: images of the null.
        line: score from which on two whole images are the same one; such pairs do not count.
        rate: wanted false-positive rate of one sample.
        count: how many images there will be, for the progress bar.
        journal: what an earlier run has measured, and where the rest is kept.
        progress: show one when standard error is a terminal.

    Raises:
        CalibrationError: there are no images, or parts could not be compared.
        ReplicationError: as `search.objects.find_objects`.
    """
    most: list[MeasuredPart] = []
    with tqdm(total=count, desc="parts", unit="img", disable=None if progress else True) as bar:
        for batch in _batches(innocent):
            left = [one for one in batch if one.key not in journal.done]
            if left:
                journal.add(_points(index, left, line))
            most += [journal.done[one.key] for one in batch]
            bar.update(len(batch))
    if not most:
        raise CalibrationError(
            f"there is no image to calibrate parts of {index.path} with: the files of training images are "
            "not where the index names them; give --holdout, or --images, or --objects 0"
        )
    found = [one.points for one in most]
    least, numbers = least_points(found, rate, FLOOR), Counter(found)
    closest = sorted(most, key=lambda one: -one.points)[:_CLOSEST]
    return ObjectCalibration(
        tuple(numbers[points] for points in range(max(found) + 1)),
        least.points,
        rate,
        least.bound,
        CONFIDENCE,
        *way_of(index),
        closest=tuple(
            ClosestPart(one.uri, one.training_id, one.training_uri, one.points)
            for one in closest
            if one.training_uri
        ),
    )


def of_holdout(holdout: Source, keys: NDArray[np.uint64], count: int, seed: int) -> Iterator[Innocent]:
    """Read some images of a hold-out again, drawn by a seed.

    Args:
        holdout: the images.
        keys: of those that belong to the null: first 16 hex digits of the sha256 of their file, as a number.
        count: images at most.
        seed: of the draw.

    Raises:
        CalibrationError: some are not there any more.
    """
    drawn = np.random.default_rng(seed).permutation(np.sort(keys))[:count]
    left = {int(key) for key in drawn}
    for ref in holdout:
        if not left:
            return
        try:
            data = b"" if ref.fault is not None else ref.read()
            digest = hashlib.sha256(data).hexdigest()
            if (key := int(digest[:16], 16)) in left:
                left.remove(key)
                yield Innocent(digest, ref.uri, decode(data))
        except (OSError, UndecodableImage):
            continue
    if left:
        raise CalibrationError(
            f"{len(left)} images of {holdout.name} are not there any more, or have changed, since they were "
            "measured: calibrate again, with --restart"
        )


def of_training(index: Index, count: int, images: object, seed: int) -> Iterator[Innocent]:
    """Read some training images again.

    Args:
        index: an open index.
        count: images at most.
        images: the training set, None to read the files that the index names.
        seed: of the draw.

    Raises:
        SourceError: the source cannot be listed.
        IndexCorrupt: the records do not hold their rows.
    """
    for row, image in Originals(index, count, images, seed):
        yield Innocent(f"row {row}", index.records([row])[row].uri, image, row)


def _batches(innocent: Iterable[Innocent]) -> Iterator[list[Innocent]]:
    batch: list[Innocent] = []
    pixels = 0
    for one in innocent:
        batch.append(one)
        pixels += one.image.width * one.image.height
        if len(batch) >= _BATCH_IMAGES or pixels >= _BATCH_PIXELS:
            yield batch
            batch, pixels = [], 0
    if batch:
        yield batch


def _points(index: Index, batch: list[Innocent], line: float) -> list[MeasuredPart]:
    """Most points of each image, and the training image that it has them with."""
    samples = Samples([one.image for one in batch], tuple(one.uri for one in batch), "images of the null")
    vectors = embed_images(index, samples)
    # A training image leads to itself first.
    count = CANDIDATES + any(one.row is not None for one in batch)
    found = find_objects(index, samples, vectors, count, progress=False)
    _require_checked(index, found)
    most = []
    for number, (one, alike) in enumerate(zip(batch, found.of, strict=True)):
        others = (match for match in alike if _is_other(index, one, vectors[number], match, line))
        best = next(others, None)
        most.append(
            MeasuredPart(one.key, one.uri, 0)
            if best is None
            else MeasuredPart(one.key, one.uri, best.points, best.record.id, best.record.uri)
        )
    return most


def _require_checked(index: Index, found: ObjectsFound) -> None:
    if unchecked := sum(found.unchecked):
        raise CalibrationError(
            f"{unchecked} pairs of parts could not be compared, since {index.path} holds no local features "
            "and the training images are not where it names them: build it again with --objects, or give "
            "--objects 0"
        )


def _is_other(index: Index, one: Innocent, vectors: NDArray[np.float32], match: Match, line: float) -> bool:
    """Whether a match is with another image than the same, or a duplicate of it."""
    if one.row is None:
        return True
    if match.row == one.row:
        return False
    views = len(index.manifest.views)
    stored = take(index, match.row * views + np.arange(views))
    return float((vectors.astype(np.float64) @ stored.T).max()) < line


def journal_of(index: Index, of: str, line: float) -> PartJournal:
    """Where what is measured of parts is kept until all is.

    Args:
        index: an open index.
        of: what the images are, for people: another null has another journal.
        line: score from which on two whole images are the same one.
    """
    return PartJournal(index.path, "\0".join(map(str, (index.manifest.generation, of, line, *way_of(index)))))
