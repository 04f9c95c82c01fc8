from __future__ import annotations

import numpy as np
import pytest

from pytest_replication.stats.halves import compare_halves


def test_halves_of_one_set_do_not_differ() -> None:
    rng = np.random.default_rng(0)
    found = [compare_halves(rng.beta(2, 5, 400), 0.05, seed) for seed in range(60)]
    assert all(halves.passed for halves in found)
    assert np.mean([halves.p < 0.5 for halves in found]) == pytest.approx(0.5, abs=0.2)
    assert np.mean([halves.reached for halves in found]) == pytest.approx(10, abs=2.5)


def test_the_split_depends_on_the_seed_and_not_on_the_order() -> None:
    scores = np.random.default_rng(0).random(50)
    assert compare_halves(scores, 0.1, 3) == compare_halves(scores[::-1], 0.1, 3)
    assert compare_halves(scores, 0.1, 3) != compare_halves(scores, 0.1, 4)


def test_halves_that_differ_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    """No random split differs: the halves are made to."""

    class Unmixed:
        def permutation(self, scores: np.ndarray) -> np.ndarray:
            return scores

    monkeypatch.setattr(np.random, "default_rng", lambda seed: Unmixed())
    found = compare_halves(np.linspace(0, 1, 100), 0.05, 0)
    assert not found.passed
    assert (found.p, found.tail_p) < (1e-10, 1e-10)
    assert (found.reached, found.of) == (50, 50)


def test_equal_scores_do_not_differ() -> None:
    found = compare_halves(np.full(40, 0.5), 0.05, 0)
    assert (found.p, found.reached, found.passed) == (1.0, 0, True)


def test_one_score_has_no_halves() -> None:
    with pytest.raises(ValueError, match="no halves"):
        compare_halves(np.array([0.5]), 0.1, 0)
