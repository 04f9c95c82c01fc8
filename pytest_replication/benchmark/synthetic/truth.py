"""What each query of a synthetic set should find, and what counts neither for it nor against it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pytest_replication.benchmark.sets import Picture, Query


@dataclass(frozen=True, slots=True)
class Piece:
    """One picture of a synthetic set.

    Attributes:
        picture: the picture.
        source: id of the image that it is, or is a copy of.
        shows: ids of all images of which it shows something.
        made: how it was made.
    """

    picture: Picture
    source: str
    shows: frozenset[str]
    made: Mapping[str, Any] = field(default_factory=dict)


class Twins:
    """Which images count as the same: groups that grow by pairs.

    Args:
        ids: of all images.
    """

    def __init__(self, ids: Iterable[str]) -> None:
        self._parent = {id_: id_ for id_ in ids}

    def __contains__(self, id_: str) -> bool:
        return id_ in self._parent

    def join(self, one: str, other: str) -> None:
        """Put the groups of two images together."""
        first, second = sorted((self.group(one), self.group(other)))
        self._parent[second] = first

    def group(self, id_: str) -> str:
        """The image that stands for the group of an image."""
        while self._parent[id_] != id_:
            self._parent[id_] = id_ = self._parent[self._parent[id_]]
        return id_


def with_truth(queries: Sequence[Piece], database: Sequence[Piece], twins: Twins) -> tuple[Query, ...]:
    """Say of each query what it should find.

    Positives are the pictures of the same source. Junk is every other picture of the database that
    shows something of an image that the query shows too, or of a twin of one.
    """
    of_source: dict[str, set[str]] = defaultdict(set)
    of_group: dict[str, set[str]] = defaultdict(set)
    for piece in database:
        of_source[piece.source].add(piece.picture.id)
        for shown in piece.shows:
            of_group[twins.group(shown)].add(piece.picture.id)
    judged = []
    for piece in queries:
        positives = frozenset(of_source.get(piece.source, ()))
        related = [of_group.get(twins.group(shown), set()) for shown in piece.shows]
        junk = frozenset().union(*related) - positives
        judged.append(Query(piece.picture, positives, junk, piece.made))
    return tuple(judged)
