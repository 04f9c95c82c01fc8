"""A sample and a training image: by how much they are alike, and what pixels and parts say of it."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_replication.index import Index, Record
from pytest_replication.scoring.geometry import Alignment

WHOLE, OBJECT = "whole", "object"
"""Kinds of matches: of whole images, by their score; of parts, by their points."""


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
