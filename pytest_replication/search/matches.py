"""What a search has found of all samples, with names: everything that a policy judges."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from pytest_replication.images.complexity import Complexity
from pytest_replication.index import Index
from pytest_replication.search.match import Match, name_match
from pytest_replication.search.neighbours import Neighbours, SearchedBy
from pytest_replication.search.objects_found import ObjectsFound
from pytest_replication.search.sightings import Sightings
from pytest_replication.search.subject import Subject
from pytest_replication.stored_fields import NOT_STORED


@dataclass(frozen=True, slots=True)
class LowInformation:
    """A sample with next to nothing in it, of which a descriptor says little.

    Attributes:
        sample: number of the sample.
        why: ``tiny``, ``flat`` or ``near-blank`` (`images.complexity`).
        added: row of the training image that is among its matches since its pixels are the nearest, not for
            its score; None if there is none.
    """

    sample: int
    why: str
    added: int | None = None


@dataclass(frozen=True, slots=True)
class Complexities:
    """Complexity figures of a sample and of its nearest training image.

    Attributes:
        sample: of the sample.
        training: of the training image; None where its pixels are not at hand.
    """

    sample: Complexity
    training: Complexity | None


@dataclass(frozen=True, slots=True)
class Own:
    """A sample and the training image whose caption it was made from: its own one.

    Attributes:
        match: of the two; of the nearest where several images have this caption.
        images: training images that have it.
    """

    match: Match
    images: int

    def is_nearest(self, best: Match) -> bool:
        """Whether nothing is nearer to the sample: it is the best match, or a duplicate of that."""
        mine = self.match
        same = mine.leader is not None and mine.leader == best.leader
        return same or mine.row == best.row or mine.score >= best.score


@dataclass(frozen=True, slots=True)
class Stored:
    """The file that matches were read from.

    Attributes:
        path: of the file.
        written: when they were measured, ISO 8601, UTC.
        sha256: digest of its content.
        version: of the package that wrote it.
    """

    path: str
    written: str
    sha256: str
    version: str


@dataclass(frozen=True, slots=True)
class NullTail:
    """The upper end of the null of a calibration: what a false discovery rate takes to judge again.

    Attributes:
        images: of the null, H.
        scores: the highest of them, highest first, as many as any rate below 1 takes among these samples.
        described: the null in words.
    """

    images: int
    scores: tuple[float, ...]
    described: str

    @staticmethod
    def needed(images: int, samples: int) -> int:
        """How many scores: the rank of a p-value of 1 / samples, and one more."""
        return min(images, (images + 1) // samples + 1)


@dataclass(frozen=True, slots=True)
class Lower:
    """Samples that score clearly lower than images of the hold-out did, which the model never saw.

    Attributes:
        p: one-sided p-value of Mann and Whitney.
        median: of the scores of the samples.
        quantile: score that nine in ten images of the hold-out reach.
    """

    p: float
    median: float
    quantile: float


@dataclass(frozen=True, slots=True)
class Matches:
    """The nearest training images of every sample: everything a policy judges.

    Attributes:
        of: for each sample its matches, best first, at least one.
        searched: rows of the index that were searched for every sample.
        subject: what was compared with what.
        by: what searched.
        p_values: conformal p-value of each sample, empty where the index is not calibrated.
        p_behind: the same for the matches of each sample behind its best, as if they were the best.
        p_least: the smallest p-value that every sample could have had: 1 / (H + 1) for H images of the
            calibration, or of the smallest group of it that a sample is in; 1 without p-values.
        null: the null that the p-values are of; None without p-values.
        lower: samples that score so low that the index may be another than that of the model; else None.
        canaries: what was seen of the copies that were put among the samples; they are no samples.
        low: samples with next to nothing in them, in the order of their numbers.
        complexity: one for each sample, empty where it was not asked for.
        own: for each sample the training image that its prompt is the caption of, None where it is of none;
            empty where no prompt is one.
        objects: copies of parts; None where they were not looked for.
        stored: the file that they were read from, None where they were just measured.
    """

    of: tuple[tuple[Match, ...], ...]
    searched: int
    subject: Subject
    by: SearchedBy = field(default_factory=SearchedBy)
    p_values: tuple[float, ...] = ()
    p_behind: tuple[tuple[float, ...], ...] = ()
    p_least: float = 1.0
    null: NullTail | None = None
    lower: Lower | None = None
    canaries: Sightings = field(default_factory=Sightings)
    low: tuple[LowInformation, ...] = ()
    complexity: tuple[Complexities, ...] = ()
    own: tuple[Own | None, ...] = ()
    objects: ObjectsFound | None = None
    stored: Stored | None = field(default=None, compare=False, metadata=NOT_STORED)

    @property
    def best(self) -> tuple[Match, ...]:
        """The nearest training image of each sample."""
        return tuple(matches[0] for matches in self.of)

    def p_value(self, sample: int, place: int) -> float | None:
        """Conformal p-value of a match by its place among those of its sample; None where it has none."""
        if place == 0:
            return self.p_values[sample] if self.p_values else None
        return self.p_behind[sample][place - 1] if self.p_behind else None


def name_matches(
    index: Index, neighbours: Neighbours, subject: Subject, by: SearchedBy | None = None
) -> Matches:
    """Look up the records of all neighbours.

    Raises:
        IndexCorrupt: the index does not hold the records of its rows.
    """
    records = index.records([int(row) for row in np.unique(neighbours.rows) if row >= 0])
    names = [view.name for view in index.manifest.views]
    of = []
    for sample, rows in enumerate(neighbours.rows):
        matches = [
            name_match(
                index,
                records[int(row)],
                sample=sample,
                row=int(row),
                score=float(neighbours.scores[sample, rank]),
                views=(
                    names[neighbours.sample_views[sample, rank]],
                    names[neighbours.views[sample, rank]],
                ),
            )
            for rank, row in enumerate(rows)
            if row >= 0
        ]
        of.append(tuple(matches))
    return Matches(tuple(of), neighbours.searched, subject, by or SearchedBy())
