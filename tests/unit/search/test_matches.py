from __future__ import annotations

import numpy as np

from pytest_replication.index import Index
from pytest_replication.search import Neighbours, Subject, name_matches

SUBJECT = Subject(("a", "b"), "test", "index", 0, "f", "pixels", "p", None)


def test_neighbours_get_the_names_of_their_rows(pixels_index: Index) -> None:
    found = Neighbours(
        scores=np.array([[0.9, 0.5], [0.4, -np.inf]]),
        rows=np.array([[19, 0], [8, -1]]),
        views=np.zeros((2, 2), np.int64),
        sample_views=np.zeros((2, 2), np.int64),
        searched=20,
    )
    matches = name_matches(pixels_index, found, SUBJECT)
    assert [[m.record.id for m in row] for row in matches.of] == [
        ["wall-clock.jpg", "astronaut.jpg"],
        ["cups.jpg"],
    ]
    assert [m.score for m in matches.best] == [0.9, 0.4]
    assert (matches.best[0].view, matches.best[0].sample, matches.searched) == ("whole", 0, 20)
