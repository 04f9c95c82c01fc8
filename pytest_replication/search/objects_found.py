"""What was found of copies of a part."""

from __future__ import annotations

from dataclasses import dataclass, field

from pytest_replication.search.match import Match
from pytest_replication.search.sightings import PartSightings


@dataclass(frozen=True, slots=True)
class ObjectsFound:
    """What was found of copies of a part.

    Attributes:
        of: for each sample the candidates of which a part lies on a part of it, most distinct points first;
            a few points of any two images do.
        unchecked: for each sample the candidates that had no local features to compare: of these nothing is
            known.
        features: local features of each sample; one with few of them has no part to recognise.
        candidates: pairs of a sample and a training image that were proposed.
        searched: rows of the index that were searched for every sample.
        grid: name of the grid of parts of the samples.
        stored: whether the index has parts; else parts of samples were compared with whole training images.
        voting: local features of a training image that took part in proposing; 0 where vectors alone did.
        embedding_seconds: that the vectors of the parts of the samples took.
        searching_seconds: that the search for candidates by them took.
        comparing_seconds: that finding the local features of samples, and comparing them, took.
        canaries: what was seen of copies of parts that were put among the samples; they are no samples.
    """

    of: tuple[tuple[Match, ...], ...]
    unchecked: tuple[int, ...]
    features: tuple[int, ...]
    candidates: int
    searched: int
    grid: str
    stored: bool
    voting: int = 0
    embedding_seconds: float = field(default=0.0, compare=False)
    searching_seconds: float = field(default=0.0, compare=False)
    comparing_seconds: float = field(default=0.0, compare=False)
    canaries: PartSightings = field(default_factory=PartSightings)

    @property
    def seconds(self) -> float:
        """What all of it took, beyond the vectors that the whole samples have."""
        return self.embedding_seconds + self.searching_seconds + self.comparing_seconds

    @property
    def checked(self) -> int:
        """Pairs whose local features were compared."""
        return self.candidates - sum(self.unchecked)
