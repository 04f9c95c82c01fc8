"""One accepted pair of images, and all of a file."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from pytest_replication.errors import AcceptedFileError

LONGEST = timedelta(days=731)
"""How long a pair may be accepted: two years. What is accepted for ever is forgotten."""
_SHA256 = re.compile("[0-9a-f]{64}")

Pair = tuple[str, str]
"""sha256 of the pixels of a sample, and of the file of a training image."""


def today() -> date:
    """The day, UTC."""
    return datetime.now(UTC).date()


@dataclass(frozen=True, slots=True)
class Acceptance:
    """A match that people decided about.

    It is about two images and not about a score: another embedder, another threshold or an index that
    has grown leave it in force, another image does not.

    Attributes:
        sample: sha256 of the size and pixels of the sample (`images.content`).
        training: sha256 of the file of the training image.
        reason: why the match is no copy that matters.
        by: who decided.
        decided: when.
        expires: last day on which it is in force, at most `LONGEST` after `decided`.
        sample_name: of the sample then, for readers.
        training_uri: of the training image then, for readers.
        score: that was measured then, for readers; None of a match of parts.
        points: that said then that a part lies on a part, for readers; None of whole images.
        embedder: that measured it, for readers.

    Raises:
        AcceptedFileError: a value that cannot be.
    """

    sample: str
    training: str
    reason: str
    by: str
    decided: date
    expires: date
    sample_name: str = ""
    training_uri: str = ""
    score: float | None = None
    embedder: str = ""
    points: int | None = None

    def __post_init__(self) -> None:
        for name in ("sample", "training"):
            if not _SHA256.fullmatch(getattr(self, name)):
                shown = getattr(self, name)[:70]
                raise AcceptedFileError(f"{name} is {shown!r}, expected a sha256 in lower case")
        for name in ("reason", "by"):
            if not getattr(self, name).strip():
                raise AcceptedFileError(f"{name} is empty: say it")
        if self.score is not None and not math.isfinite(self.score):
            raise AcceptedFileError(f"score is {self.score}, expected a number")
        if self.expires < self.decided:
            raise AcceptedFileError(f"it expires on {self.expires}, before it was decided, {self.decided}")
        if self.expires - self.decided > LONGEST:
            raise AcceptedFileError(
                f"it expires on {self.expires}, more than two years after it was decided, {self.decided}: "
                f"look at it again by {self.decided + LONGEST}"
            )

    @property
    def pair(self) -> Pair:
        """The two images."""
        return self.sample, self.training


@dataclass(frozen=True, slots=True)
class Accepted:
    """What is accepted, and on which day that is asked.

    Attributes:
        entries: one a pair.
        path: of the file, empty where there is none.
        day: on which entries are in force or have expired.

    Raises:
        AcceptedFileError: a pair stands in it twice, or an entry is of a later day.
    """

    entries: tuple[Acceptance, ...] = ()
    path: str = ""
    day: date = field(default_factory=today)

    def __post_init__(self) -> None:
        seen: set[Pair] = set()
        for entry in self.entries:
            if entry.pair in seen:
                raise AcceptedFileError(
                    f"sample {entry.sample[:12]}… and training {entry.training[:12]}… stand in it twice: "
                    "remove one"
                )
            seen.add(entry.pair)
            if entry.decided > self.day + timedelta(days=1):  # where the sun rises first it is tomorrow
                raise AcceptedFileError(
                    f"an entry is of {entry.decided}, which has not come yet: it is {self.day}"
                )

    def by_pair(self) -> Mapping[Pair, Acceptance]:
        """The entries by their pairs."""
        return {entry.pair: entry for entry in self.entries}

    def in_force(self, entry: Acceptance) -> bool:
        """Whether an entry counts on that day."""
        return self.day <= entry.expires


NOTHING = Accepted(day=date.min)
"""No match is accepted."""
