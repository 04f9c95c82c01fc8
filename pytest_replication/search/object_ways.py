"""How parts are looked for: points that were measured in one way say nothing of another."""

from __future__ import annotations

from typing import NamedTuple

from pytest_replication.images.local import DETECTOR
from pytest_replication.index.reader import Index
from pytest_replication.scoring.geometry import EVIDENCE
from pytest_replication.search.objects import CANDIDATES, VOTED
from pytest_replication.search.parts import grid_of
from pytest_replication.search.votes import ASKED, features_that_vote


class ObjectWay(NamedTuple):
    """What the points of a sample depend on, beside the index.

    Attributes:
        grid: name of the grid of parts of samples.
        candidates: training images of each sample that are looked at.
        detector: what finds local features and how.
        evidence: what a point is, and what proposes training images.
    """

    grid: str
    candidates: int
    detector: str
    evidence: str


def way_of(index: Index) -> ObjectWay:
    """How this version looks for parts with an index."""
    voting = features_that_vote(index)
    proposed = (
        f"{VOTED:.0%} of the candidates by votes of {ASKED} for {voting} features" if voting else "vectors"
    )
    return ObjectWay(grid_of(index), CANDIDATES, DETECTOR, f"{EVIDENCE}; {proposed}")
