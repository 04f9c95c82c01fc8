"""What a search has seen of the canaries among its samples."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_replication.search.match import Match


@dataclass(frozen=True, slots=True)
class Sighting:
    """A canary, an edited copy of a training image, that went the way of the samples.

    Attributes:
        row: of the training image that it is a copy of.
        edit: what was done to it.
        planted: score that it had with this training image, or a duplicate of it, when it was planted.
        match: its best match with one of these among its nearest training images; None if there is none.
    """

    row: int
    edit: str
    planted: float
    match: Match | None


@dataclass(frozen=True, slots=True)
class Sightings:
    """All canaries that a search had to find.

    Attributes:
        of: one for each canary.
        stored: canaries of the index; None if none were planted.
        reachable: those of them that scored enough for the threshold of the gate when they were planted.
        tried: copies that were planted to have them.
        found: copies of them that were found.
        allowance: how far the score of one image may differ from one time to the next.
        absent: why there are none; empty where there are some.
    """

    of: tuple[Sighting, ...] = ()
    stored: int | None = None
    reachable: int = 0
    tried: int = 0
    found: int = 0
    allowance: float = 0.0
    absent: str = "none were planted"


@dataclass(frozen=True, slots=True)
class PartSighting:
    """A canary of a part, which went the way of the samples.

    Attributes:
        row: of the training image that its part is of.
        planted: points that it had with it, or a duplicate of it, when it was planted.
        points: that it had now; 0 where it was not found.
    """

    row: int
    planted: int
    points: int


@dataclass(frozen=True, slots=True)
class PartSightings:
    """All canaries of parts that a search had to find.

    Attributes:
        of: one for each canary.
        stored: canaries of parts that the index has.
        tried: copies of parts that were planted to have them.
        found: of them, those that were found.
        absent: why there are none; empty where there are some.
    """

    of: tuple[PartSighting, ...] = ()
    stored: int = 0
    tried: int = 0
    found: int = 0
    absent: str = "none were planted"
