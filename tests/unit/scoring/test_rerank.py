from __future__ import annotations

import numpy as np
import pytest

from pytest_replication.errors import SearchError, SettingsError
from pytest_replication.scoring import cross_split_product, rerank, split_product
from pytest_replication.scoring.rerank import SplitScore


def random(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


STORED = random(12, 2, 3, 8)  # 12 training images of 2 views


@pytest.mark.parametrize("score", ["split", "cross"])
def test_candidates_are_ordered_by_their_best_pair_of_views(score: SplitScore) -> None:
    samples = random(2, 2, 3, 8, seed=1)
    rows = np.array([[4, 0, 7, 9], [11, 3, -1, -1]])
    found = rerank(rows, samples, STORED.__getitem__, score=score)
    product = {"split": split_product, "cross": cross_split_product}[score]
    for sample, candidates in enumerate(rows):
        there = candidates[candidates >= 0]
        best = {
            int(row): max(
                (float(product(STORED[row, v][None], samples[sample, s][None])[0, 0]), v, s)
                for v in range(2)
                for s in range(2)
            )
            for row in there
        }
        order = sorted(best, key=lambda row: -best[row][0])
        count = len(order)
        assert found.rows[sample, :count].tolist() == order
        assert found.scores[sample, :count] == pytest.approx([best[row][0] for row in order], abs=1e-6)
        assert found.views[sample, :count].tolist() == [best[row][1] for row in order]
        assert found.sample_views[sample, :count].tolist() == [best[row][2] for row in order]
        for rank, row in enumerate(order):
            _, view, sample_view = best[row]
            mine, theirs = found.chunks[sample, rank]
            x, y = samples[sample, sample_view, mine], STORED[row, view, theirs]
            assert x @ y / np.linalg.norm(x) / np.linalg.norm(y) == pytest.approx(best[row][0], abs=1e-6)
    assert found.rows[1, 2:].tolist() == [-1, -1]
    assert np.isneginf(found.scores[1, 2:]).all()


def test_a_shared_part_comes_first() -> None:
    samples = random(1, 1, 3, 8, seed=1)
    stored = STORED[:, :1].copy()
    stored[5, 0, 1] = samples[0, 0, 1] * 7
    found = rerank(np.arange(12)[None], samples, stored.__getitem__)
    assert (found.rows[0, 0], found.chunks[0, 0].tolist()) == (5, [1, 1])
    assert found.scores[0, 0] == pytest.approx(1)


def test_of_equal_scores_the_order_stays() -> None:
    same = np.repeat(STORED[:1, :1], 12, axis=0)
    found = rerank(np.array([[3, 1, 2]]), random(1, 1, 3, 8, seed=1), same.__getitem__)
    assert found.rows.tolist() == [[3, 1, 2]]


def test_no_candidates_at_all() -> None:
    found = rerank(np.full((1, 3), -1), random(1, 1, 3, 8), STORED.__getitem__)
    assert (found.rows == -1).all()


def test_what_does_not_fit() -> None:
    samples, rows = random(2, 1, 3, 8), np.array([[0], [1]])
    with pytest.raises(SettingsError, match="no split score 'inner': give split or split-concat or cross"):
        rerank(rows, samples, STORED.__getitem__, score="inner")  # type: ignore[arg-type]
    for wrong in (samples[:1], samples[:, 0]):
        with pytest.raises(SearchError, match="do not fit sample tokens"):
            rerank(rows, wrong, STORED.__getitem__)
    with pytest.raises(SearchError, match=r"tokens of 1 candidates have shape \(2, 2, 3, 8\)"):
        rerank(rows, samples, lambda _: STORED[:2])
