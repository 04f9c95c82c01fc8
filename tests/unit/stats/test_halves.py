from __future__ import annotations

import numpy as np
import pytest

from pytest_replication.stats.halves import compare_halves


def test_halves_of_images_in_no_order_do_not_differ() -> None:
    rng = np.random.default_rng(0)
    found = [compare_halves(rng.beta(2, 5, 400), 0.05) for _ in range(60)]
    assert all(halves.passed for halves in found)
    assert np.mean([halves.p < 0.5 for halves in found]) == pytest.approx(0.5, abs=0.2)
    assert np.mean([halves.reached for halves in found]) == pytest.approx(10, abs=2.5)


def test_kinds_of_images_one_after_the_other_fail() -> None:
    rng = np.random.default_rng(0)
    plain, wild = rng.beta(2, 5, 200), rng.beta(5, 2, 200)
    assert not compare_halves(np.concatenate([plain, wild]), 0.05).passed
    assert compare_halves(rng.permutation(np.concatenate([plain, wild])), 0.05).passed
    found = compare_halves(np.linspace(0, 1, 100), 0.05)
    assert (found.p, found.tail_p) < (1e-10, 1e-10)
    assert (found.reached, found.of) == (50, 50)


def test_a_second_half_with_another_tail_alone_fails() -> None:
    """Mann-Whitney does not see it."""
    rng = np.random.default_rng(0)
    second = np.concatenate([rng.uniform(0, 0.9, 160), rng.uniform(0.95, 1, 40)])
    found = compare_halves(np.concatenate([rng.uniform(0, 0.95, 200), rng.permutation(second)]), 0.02)
    assert found.p > 0.001
    assert not found.passed


def test_equal_scores_do_not_differ() -> None:
    found = compare_halves(np.full(40, 0.5), 0.05)
    assert (found.p, found.reached, found.passed) == (1.0, 0, True)


def test_one_score_has_no_halves() -> None:
    with pytest.raises(ValueError, match="no halves"):
        compare_halves(np.array([0.5]), 0.1)
