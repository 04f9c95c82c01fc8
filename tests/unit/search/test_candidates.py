from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_replication.errors import SearchError
from pytest_replication.search.candidates import Candidates, require_equal_scores

pairs = st.lists(
    st.tuples(st.integers(0, 2), st.sampled_from([0.1, 0.2, 0.3, 0.9]), st.integers(0, 50)), max_size=40
)


@given(pairs, st.integers(1, 5), st.randoms())
def test_the_best_stay_whatever_the_order(
    given: list[tuple[int, float, int]], wanted: int, random: object
) -> None:
    given = list({(query, vector): (query, score, vector) for query, score, vector in given}.values())
    together, alone = Candidates.empty(3, wanted), Candidates.empty(3, wanted)
    for half in (given[::2], given[1::2]):
        queries, scores, vectors = (
            (np.array(x) for x in zip(*half, strict=True)) if half else (np.empty(0),) * 3
        )
        together.insert_pairs(queries.astype(np.int64), scores.astype(np.float32), vectors.astype(np.int64))
    random.shuffle(given)  # type: ignore[attr-defined]
    for query, score, vector in given:
        alone.insert(query, np.array([score], np.float32), np.array([vector]))
    for query in range(3):
        expected = sorted((-score, vector) for q, score, vector in given if q == query)[:wanted]
        for found in (together, alone):
            held = found.vectors[query][found.vectors[query] >= 0]
            best = sorted(zip(-found.scores[query][: len(held)].astype(float).round(5), held, strict=True))
            assert [vector for _, vector in best] == [vector for _, vector in expected]
    assert np.array_equal(together.floor, together.scores.min(axis=1))


@pytest.mark.parametrize("wrong", [0.5 + 2e-4, 0.5 - 2e-4, np.nan, np.inf])
def test_scores_that_rounding_does_not_explain_are_refused(wrong: float) -> None:
    exact = np.array([0.5, 0.25])
    require_equal_scores(exact, (exact + 5e-5).astype(np.float32))
    require_equal_scores(exact[:0], np.empty(0, np.float32))
    with pytest.raises(SearchError, match="float32 and float64 scores of a candidate differ by"):
        require_equal_scores(exact, np.array([wrong, 0.25], np.float32))
