"""What a search finds: numbers first (`Neighbours`), then with names (`Matches`)."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pytest_replication.images.complexity import Complexity
from pytest_replication.index import Index, Record
from pytest_replication.models.identity import ModelIdentity
from pytest_replication.scoring.geometry import Alignment

WHOLE, OBJECT = "whole", "object"
"""Kinds of matches: of whole images, by their score; of parts, by their points."""


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The nearest rows of each sample, best first.

    Attributes:
        scores: (n, k) float64 inner products, or what they were scored again by, in [-1, 1], rounded
            to 6 decimals, -inf where the index has fewer than k rows.
        rows: (n, k) int64 row numbers, -1 where there is none.
        views: (n, k) int64 number of the view of the training image that scored.
        sample_views: (n, k) int64 number of the view of the sample that scored.
        searched: rows that were searched for every sample: one by one by the exact scan, as far as
            its engine looks by an approximate one.
    """

    scores: NDArray[np.float64]
    rows: NDArray[np.int64]
    views: NDArray[np.int64]
    sample_views: NDArray[np.int64]
    searched: int

    def part(self, which: NDArray[np.bool_]) -> Neighbours:
        """Those of some samples: (n,) bool."""
        return Neighbours(
            self.scores[which],
            self.rows[which],
            self.views[which],
            self.sample_views[which],
            self.searched,
        )


@dataclass(frozen=True, slots=True)
class SearchedBy:
    """What searched, and how much of what there is it finds.

    Attributes:
        engine: ``exact``, or the name of an approximate engine.
        recall: lower bound of the share of copies that it finds: 1 for the exact scan, that of a
            certificate for an engine, None where nothing is known, so that nothing can pass.
        threshold: score that the certificate is about; None for the exact scan.
        planted: copies that were planted for the certificate.
        misses: of them, those that were not found.
        confidence: of the bound.
        note: why it was this one and not the engine that was asked for; empty if it is that one.
    """

    engine: str = "exact"
    recall: float | None = 1.0
    threshold: float | None = None
    planted: int = 0
    misses: int = 0
    confidence: float = 1.0
    note: str = ""

    @property
    def exact(self) -> bool:
        """Whether every row was scored."""
        return self.engine == "exact"


@dataclass(frozen=True, slots=True)
class PixelEvidence:
    """What pixels say of a sample and a training image, both resized to a square.

    Attributes:
        rmse: root mean square difference (`scoring.pixel.rmse`), in [0, 1].
        tiled: largest of 16 tiles (`scoring.pixel.tiled`), in [0, 1].
        side: of the square.
        source: of the training image: ``index``, ``original``, or ``thumbnail``, which is lossy.
        alike: how much both have in common whatever an edit may have changed (`scoring.alike`), in [0, 1],
            where both have next to nothing in them and enough pixels to tell; else None.
    """

    rmse: float
    tiled: float
    side: int
    source: str
    alike: float | None = None


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
class PartMatch:
    """A part of a sample that lies on a part of a training image.

    Attributes:
        alignment: which part lies on which, and how many distinct points say so.
        source: of the training image's local features: ``index`` or ``original``.
    """

    alignment: Alignment
    source: str


@dataclass(frozen=True, slots=True)
class Match:
    """A sample and a training image.

    Attributes:
        sample: number of the sample.
        score: inner product of their unit vectors, or what they were scored again by; bigger is closer. Of
            parts that of the pair of views that led to them.
        row: row of the training image in the index.
        record: the training image.
        view: view of the training image that scored.
        sample_view: view of the sample that scored.
        copies: training images that are duplicates of this one, itself included; None if that was
            not counted.
        exact: those of them with the same vector.
        alike: score from which on two training images were counted as duplicates.
        leader: row that stands for all its duplicates; None if they were not counted.
        pixels: what pixels say of the two; None where that was not measured.
        part: the two parts, where it is a part that lies on a part; None for whole images.
    """

    sample: int
    score: float
    row: int
    record: Record
    view: str
    sample_view: str
    copies: int | None = None
    exact: int | None = None
    alike: float | None = None
    leader: int | None = None
    pixels: PixelEvidence | None = None
    part: PartMatch | None = None

    @property
    def kind(self) -> str:
        """``whole`` where the score speaks, ``object`` where it is a part that lies on a part."""
        return WHOLE if self.part is None else OBJECT

    @property
    def points(self) -> int:
        """Distinct points that say that a part lies on a part; 0 for whole images."""
        return 0 if self.part is None else self.part.alignment.points


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
    canaries: PartSightings = PartSightings()

    @property
    def seconds(self) -> float:
        """What all of it took, beyond the vectors that the whole samples have."""
        return self.embedding_seconds + self.searching_seconds + self.comparing_seconds

    @property
    def checked(self) -> int:
        """Pairs whose local features were compared."""
        return self.candidates - sum(self.unchecked)


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
class Subject:
    """What was compared with what, for messages and reports.

    Attributes:
        samples: name of each sample.
        source: where the samples come from.
        seeds: seed of each sample where known, else empty.
        index: folder of the index.
        rejected: training images that are missing from it because they could not be read.
        fingerprint: digest of its content.
        embedder: name of its embedder.
        preprocessing: of its embedder.
        weights_sha256: of its embedder.
        removed: training images that were taken out of it.
        unproved: vectors in it were imported, and nothing proves the embedder that was declared.
        distinct: number of samples that differ from each other, 0 if that was not counted.
        check: what reports call the check; empty for the name of the test.
        stale: the index has a calibration, which was made before it changed and says nothing any more.
        prompts: prompt of each sample where known, else empty.
        sample_sha256: digest of the pixels of each sample (`images.content`), empty if none was taken.
        labels: class of each sample where known, else empty.
        model: what made the samples, None where that is not known.
        prompted: where the prompts come from, in words; empty where that is not known.
    """

    samples: tuple[str, ...]
    source: str
    index: str
    rejected: int
    fingerprint: str
    embedder: str
    preprocessing: str
    weights_sha256: str | None
    seeds: tuple[int, ...] = ()
    removed: int = 0
    unproved: bool = False
    distinct: int = 0
    check: str = ""
    stale: bool = False
    prompts: tuple[str, ...] = ()
    sample_sha256: tuple[str, ...] = ()
    labels: tuple[int | str, ...] = ()
    model: ModelIdentity | None = None
    prompted: str = ""


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
    by: SearchedBy = SearchedBy()
    p_values: tuple[float, ...] = ()
    p_behind: tuple[tuple[float, ...], ...] = ()
    p_least: float = 1.0
    null: NullTail | None = None
    lower: Lower | None = None
    canaries: Sightings = Sightings()
    low: tuple[LowInformation, ...] = ()
    complexity: tuple[Complexities, ...] = ()
    own: tuple[Own | None, ...] = ()
    objects: ObjectsFound | None = None
    stored: Stored | None = field(default=None, compare=False, metadata={"stored": False})

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


def name_match(
    index: Index,
    record: Record,
    *,
    sample: int,
    row: int,
    score: float,
    views: tuple[str, str],
    part: PartMatch | None = None,
) -> Match:
    """A match, with what the index knows of duplicates of its training image.

    Args:
        index: an open index.
        record: the training image.
        sample: number of the sample.
        row: of the training image.
        score: of the two.
        views: names of the views of the sample and of the training image that scored.
        part: the two parts, of a match of parts.
    """
    duplicates = index.duplicates
    return Match(
        sample=sample,
        score=score,
        row=row,
        record=record,
        view=views[1],
        sample_view=views[0],
        copies=duplicates.copies_of(row) if duplicates else None,
        exact=duplicates.exact_of(row) if duplicates else None,
        alike=duplicates.threshold if duplicates else None,
        leader=duplicates.leader_of(row) if duplicates else None,
        part=part,
    )
