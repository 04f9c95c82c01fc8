"""What a search for copies of a part finds: numbers and names, nothing judged."""

from __future__ import annotations

from dataclasses import dataclass, field

from pytest_replication.index.shard import Record
from pytest_replication.scoring.geometry import Alignment


@dataclass(frozen=True, slots=True)
class ObjectMatch:
    """A part of a sample that lies on a part of a training image.

    Attributes:
        sample: number of the sample.
        row: row of the training image in the index.
        record: the training image.
        alignment: which part lies on which, and how many distinct points say so.
        source: of the training image's local features: ``index`` or ``original``.
        score: cosine of the pair of views that led to it.
        view: view of the training image in that pair.
        sample_view: view of the sample in it.
        leader: row that stands for all duplicates of the training image; None if they were not counted.
    """

    sample: int
    row: int
    record: Record
    alignment: Alignment
    source: str
    score: float
    view: str
    sample_view: str
    leader: int | None = None


@dataclass(frozen=True, slots=True)
class ObjectsFound:
    """What was found of copies of a part.

    Attributes:
        of: for each sample the candidates of which a part lies on a part of it, most distinct points first;
            a few points of any two images do.
        unchecked: for each sample the candidates that had no local features to compare: of these nothing is
            known.
        features: local features of each sample; one with few of them has no part to recognise.
        candidates: pairs of a sample and a training image that vectors led to.
        searched: rows of the index that were searched for every sample.
        grid: name of the grid of parts of the samples.
        stored: whether the index has parts; else parts of samples were compared with whole training images.
        embedding_seconds: that the vectors of the parts of the samples took.
        searching_seconds: that the search for candidates by them took.
        comparing_seconds: that finding the local features of samples, and comparing them, took.
    """

    of: tuple[tuple[ObjectMatch, ...], ...]
    unchecked: tuple[int, ...]
    features: tuple[int, ...]
    candidates: int
    searched: int
    grid: str
    stored: bool
    embedding_seconds: float = field(default=0.0, compare=False)
    searching_seconds: float = field(default=0.0, compare=False)
    comparing_seconds: float = field(default=0.0, compare=False)

    @property
    def seconds(self) -> float:
        """What all of it took, beyond the vectors that the whole samples have."""
        return self.embedding_seconds + self.searching_seconds + self.comparing_seconds

    @property
    def checked(self) -> int:
        """Pairs whose local features were compared."""
        return self.candidates - sum(self.unchecked)
