"""How an index is calibrated."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pytest_replication.controls.copies import MAX_COPIED
from pytest_replication.errors import SettingsError
from pytest_replication.index.calibration import GROUPINGS
from pytest_replication.index.ingest import Limit

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


def _told(name: str, value: str | Path | int | float) -> str:
    if name == "max_rejected" and isinstance(value, float):
        return f"{100 * value:.12g}%"
    return f"{value:.12g}" if isinstance(value, float) else str(value)
