"""How high real images score that the model never saw, and the threshold that follows.

It holds for the rows that it was measured against (`Manifest.generation`) and for no others.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pytest_replication.choices import EXACT
from pytest_replication.errors import CalibrationError
from pytest_replication.index.manifest import Manifest
from pytest_replication.index.object_calibration import ObjectCalibration
from pytest_replication.index.recalibrate import calibrate_again, outdated

NAMED = 100
"""Copies that are listed by name."""
MOST_SCORES = 1_000_000
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
    engine: str = EXACT
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


def embedder_of(manifest: Manifest) -> tuple[str, str, str]:
    """Name, weights and preprocessing of the embedder of an index."""
    pinned = manifest.embedder
    return pinned.name, pinned.weights_sha256 or "", pinned.preprocessing
