"""How high real images score that the model never saw, as it is stored beside the shards.

A JSON file: the scores, how they were measured, and what was left out. It holds for the rows that it
was measured against (`Manifest.generation`) and for no others.
"""

from __future__ import annotations

import json
import math
import shlex
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pytest_replication.errors import CalibrationError, IndexCorrupt
from pytest_replication.index.canaries import Canaries, attach_canaries
from pytest_replication.index.manifest import Manifest
from pytest_replication.index.object_calibration import ObjectCalibration, parse_objects
from pytest_replication.index.recalibrate import calibrate_again, outdated
from pytest_replication.index.shard import describe_file
from pytest_replication.index.writer import IndexWriter

if TYPE_CHECKING:
    from pytest_replication.index.reader import Index

FORMAT = 1
NAMED = 100
"""Copies that are listed by name."""
MOST_SCORES = 1_000_000
_MOST_BYTES = 64 << 20
HOLDOUT, TRAINING = "holdout", "training"
GROUPINGS = ("label", "caption")


@dataclass(frozen=True, slots=True)
class Copy:
    """An image of the hold-out and the training image that it is nearest to.

    Attributes:
        uri: where the image of the hold-out lies.
        training_id: names the training image.
        training_uri: where that lies.
        score: of the two.
    """

    uri: str
    training_id: str
    training_uri: str
    score: float


@dataclass(frozen=True, slots=True)
class HalvesControl:
    """The first and the second half of the null as it is listed: the A/A control.

    Attributes:
        p: two-sided Mann-Whitney p-value of the two halves.
        reached: images of the second half that reach the threshold of the first.
        of: images of the second half.
        tail_p: how likely a number as far from what is expected is by chance, two-sided.
        passed: neither is below the limit.
    """

    p: float
    reached: int
    of: int
    tail_p: float
    passed: bool


@dataclass(frozen=True, slots=True)
class Found:
    """Planted copies of one kind that the threshold finds.

    Attributes:
        edit: how the copies were made.
        found: copies whose own training image is the nearest and reaches the threshold.
        planted: copies that were made.
        scores: of each with its own training image.
    """

    edit: str
    found: int
    planted: int
    scores: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Calibration:
    """How high real images score that the model never saw, and the threshold that follows.

    Attributes:
        scores: (H,) float64, sorted, lowest first: the highest score of each image of the null.
        threshold: from which on a sample counts as replicated.
        rate: wanted false-positive rate of one sample: `fpr` over `samples`.
        fpr: as it was wanted.
        samples: samples that `fpr` is about: 1, or those of a whole gate.
        origin: ``holdout``, or ``training`` for training images against the rest.
        source: what the hold-out calls itself; empty without one.
        listed: images that were looked at.
        unreadable: of them, those that could not be read.
        repeated: of them, those whose file was there before.
        copied: of them, those that are copies of training images, and were left out.
        copies: some of these, highest score first.
        closest: the closest of those that were kept.
        copies_from: score from which on an image was taken for a copy.
        by: ``label`` or ``caption`` of the nearest training image, where that makes groups; else empty.
        names: the groups that are large enough for a threshold of their own.
        group_of: (H,) int64 number of the group of each score, -1 for none of them.
        control: the A/A control.
        planted: what is found of planted copies, a kind each; empty if none were planted.
        note: why none were planted; empty if some were.
        seed: of all that was drawn.
        created: ISO 8601, UTC.
        writer: version of this package.
        embedder: name, weights and preprocessing of the embedder.
        engine: what searched: the exact scan.
        score: what was compared: the inner product of whole images.
        canaries: planted copies that were stored with it, without which no gate passes; None if none were
            planted.
        objects: how many points parts of such images have alike with training images; None where that was not
            measured.
        asked: options of the command line that made it, by name, as far as they are not the defaults.
    """

    scores: NDArray[np.float64]
    threshold: float
    rate: float
    fpr: float
    samples: int
    origin: str
    source: str
    listed: int
    unreadable: int
    repeated: int
    copied: int
    copies: tuple[Copy, ...]
    closest: tuple[Copy, ...]
    copies_from: float
    by: str
    names: tuple[str, ...]
    group_of: NDArray[np.int64]
    control: HalvesControl
    planted: tuple[Found, ...]
    note: str
    seed: int
    created: str
    writer: str
    embedder: tuple[str, str, str]
    engine: str = "exact"
    score: str = "inner product"
    canaries: int | None = None
    objects: ObjectCalibration | None = None
    asked: tuple[tuple[str, str], ...] = ()

    def __len__(self) -> int:
        return len(self.scores)

    @property
    def described(self) -> str:
        """The null in words: 9,988 unseen images."""
        kind = "unseen" if self.origin == HOLDOUT else "training"
        return f"{len(self):,} {kind} images"


def is_stale(manifest: Manifest) -> bool:
    """Whether an index has a calibration that was made before it changed."""
    return manifest.calibration is not None and manifest.calibration.of != manifest.generation


def stale(folder: Path, manifest: Manifest) -> CalibrationError:
    """The error for a calibration, and its canaries, that were made before the index changed."""
    canaries, control = "", ""
    if "canaries" in outdated(manifest):
        canaries = ", and so are its canaries out of use"
        control = " and do without a control (--replication-canaries 0 in pytest, --canaries 0 in check)"
    return CalibrationError(
        f"{folder} has changed since it was calibrated, and scores grow with an index{canaries}: calibrate "
        f"it again ({calibrate_again(folder, manifest)}), give a threshold{control}, or drop what was "
        f"measured ('pytest-replication calibrate {shlex.quote(str(folder))} --drop')"
    )


def store_calibration(index: Index, found: Calibration, canaries: Canaries | None = None) -> Calibration:
    """Put the calibration of an index and its canaries beside the shards, by one rename.

    Args:
        index: the index as it was opened to calibrate it.
        found: its calibration.
        canaries: what was planted with it; those of an earlier one go in any case.

    Returns:
        What was stored: it says how many canaries there are.

    Raises:
        IndexCorrupt: the index has changed since.
        IndexUnavailable: it is not there, not complete, or being written.
    """
    generation = index.manifest.generation
    found = replace(found, canaries=None if canaries is None else len(canaries.kept))
    with IndexWriter(index.path) as writer:
        manifest = writer.edit()
        if manifest.generation != generation:
            raise IndexCorrupt(f"{index.path} has changed while it was calibrated: calibrate it again")
        entry = writer.attach("calibration", ".json", _to_json(found), len(found))
        entry = replace(entry, of=generation, threshold=found.threshold, clusters=len(found.names))
        planted = None if canaries is None else attach_canaries(writer, canaries, generation)
        writer.commit(replace(manifest, calibration=entry, canaries=planted))
    return found


def drop_calibration(path: Path) -> bool:
    """Take the calibration and its canaries out of an index; returns whether there were any.

    Raises:
        IndexUnavailable: it is not there, not complete, or being written.
    """
    with IndexWriter(path) as writer:
        manifest = writer.edit()
        there = manifest.calibration is not None or manifest.canaries is not None
        if there:
            writer.commit(replace(manifest, calibration=None, canaries=None))
    return there


def read_calibration(folder: Path, manifest: Manifest) -> Calibration | None:
    """Read the calibration of an index; None if it has none, or one from before it changed.

    Raises:
        IndexCorrupt: the file is not the one that was written.
    """
    entry = manifest.calibration
    if entry is None or is_stale(manifest):
        return None
    path = folder / entry.name
    try:
        if entry.file.bytes > _MOST_BYTES:
            raise ValueError(f"it has {entry.file.bytes} bytes, more than a calibration may have")
        if describe_file(path) != entry.file:
            raise ValueError("its checksum differs")
        found = _from_json(path.read_text(encoding="utf-8"))
        if (len(found), found.threshold) != (entry.rows, entry.threshold):
            raise ValueError("it holds another number of scores or another threshold than its manifest says")
        if found.embedder != embedder_of(manifest):
            raise ValueError(f"it was made with {found.embedder[0]}, the index with {manifest.embedder.name}")
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise IndexCorrupt(
            f"{path} is damaged, or was replaced while the index was open ({error}): open the index again; "
            f"if it stays so, calibrate again, or drop it with 'pytest-replication calibrate {folder} --drop'"
        ) from error
    return found


def embedder_of(manifest: Manifest) -> tuple[str, str, str]:
    """Name, weights and preprocessing of the embedder of an index."""
    pinned = manifest.embedder
    return pinned.name, pinned.weights_sha256 or "", pinned.preprocessing


def _to_json(found: Calibration) -> bytes:
    values = {"scores": found.scores.tolist(), "group_of": found.group_of.tolist()}
    body = {"format": FORMAT, **asdict(replace(found, scores=np.empty(0), group_of=np.empty(0, np.int64)))}
    content = json.dumps({**body, **values}, allow_nan=False).encode()
    if len(content) > _MOST_BYTES:
        raise CalibrationError(
            f"the calibration has {len(found)} scores in {len(found.names)} groups, which is more than can "
            "be stored: give fewer images, or no --by"
        )
    return content


def _from_json(text: str) -> Calibration:
    body = json.loads(text, parse_constant=_refuse)
    if not isinstance(body, dict) or body.pop("format", None) != FORMAT:
        raise ValueError(f"it is not in format {FORMAT}")
    body["copies"] = tuple(Copy(**copy) for copy in body["copies"])
    body["closest"] = tuple(Copy(**copy) for copy in body["closest"])
    body["control"] = HalvesControl(**body["control"])
    body["planted"] = tuple(map(_found, body["planted"]))
    body["objects"] = parse_objects(body.get("objects"))
    body["names"], body["embedder"] = tuple(body["names"]), tuple(body["embedder"])
    body["scores"] = np.array(body["scores"], np.float64)
    body["group_of"] = np.array(body["group_of"], np.int64)
    body["asked"] = tuple(tuple(pair) for pair in body.get("asked", ()))
    found = Calibration(**body)
    _check(found)
    return found


def _found(values: dict[str, Any]) -> Found:
    kind = Found(**{**values, "scores": tuple(values["scores"])})
    if not 0 <= kind.found <= kind.planted or len(kind.scores) != kind.planted:
        raise ValueError(f"{kind.found} of {kind.planted} planted copies were found")
    if not all(-1 <= score <= 1 for score in kind.scores):
        raise ValueError("a planted copy has no score")
    return kind


def _check(found: Calibration) -> None:
    scores, groups = found.scores, found.group_of
    if scores.ndim != 1 or not 0 < len(scores) <= MOST_SCORES or not np.isfinite(scores).all():
        raise ValueError("its scores are not numbers")
    if (np.diff(scores) < 0).any() or not (np.abs(scores) <= 1).all():
        raise ValueError("its scores are not sorted, or no cosines")
    if groups.shape != scores.shape or not ((groups >= -1) & (groups < len(found.names))).all():
        raise ValueError("its groups are not those of its scores")
    if not (math.isfinite(found.threshold) and 0 < found.rate < 1 and found.samples >= 1):
        raise ValueError("its threshold or its rate is no number")
    if found.origin not in (HOLDOUT, TRAINING) or found.by not in ("", *GROUPINGS):
        raise ValueError(f"its null is {found.origin!r} by {found.by!r}")
    if found.canaries is not None and not (type(found.canaries) is int and found.canaries >= 0):
        raise ValueError(f"{found.canaries} canaries were stored with it")
    if not all(len(pair) == 2 and all(isinstance(text, str) for text in pair) for pair in found.asked):
        raise ValueError("its options are no pairs of texts")
    if found.engine != "exact" or found.score != "inner product":
        raise ValueError(f"it is about {found.score} as {found.engine} finds it")


def _refuse(constant: str) -> Mapping[str, Any]:
    raise ValueError(f"it holds {constant}")
