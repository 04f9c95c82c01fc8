"""Transforms that are fitted to pairs, and which pairs agree with one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_pairs import moved, point_pairs, transform

from pytest_replication.scoring.transforms import affine, degrees, octaves, scale, similarity

TRANSFORMS = st.builds(
    transform, st.floats(0.2, 5), st.floats(-179, 179), st.floats(-300, 300), st.floats(-300, 300)
)


@given(TRANSFORMS, st.integers(0, 99))
def test_the_similarity_is_the_one_of_least_squares(matrix, seed):
    random = np.random.default_rng(seed)
    points = random.uniform(0, 400, (9, 2))
    others = moved(matrix, points) + random.normal(0, 2, (9, 2))
    found = similarity(points, others)
    assert found is not None
    rows = [[x, -y, 1, 0] for x, y in points] + [[y, x, 0, 1] for x, y in points]
    along, across, right, down = np.linalg.lstsq(np.array(rows), others.T.ravel(), rcond=None)[0]
    assert found == pytest.approx(np.array([[along, -across, right], [across, along, down]]), abs=1e-6)


@given(st.floats(0.2, 5), st.floats(-179, 179))
def test_a_similarity_turns_and_scales_as_it_was_made(factor, turn):
    matrix = transform(factor, turn, 3, 4)
    assert scale(matrix) == pytest.approx(factor)
    assert octaves(matrix) == pytest.approx(np.log2(factor), abs=1e-6)
    assert degrees(matrix) == pytest.approx(turn)


def test_an_affine_transform_is_found_again():
    matrix = np.array([[1.2, 0.3, 5], [-0.1, 0.9, -7]])
    points = np.random.default_rng(0).uniform(0, 400, (5, 2))
    assert affine(points, moved(matrix, points)) == pytest.approx(matrix)


def test_no_similarity_goes_through_one_place():
    one, far = np.zeros((3, 2)), np.array([[0.0, 0], [9, 0], [0, 9]])
    assert similarity(one, far) is None
    assert similarity(far, one) is None
    assert similarity(far[:1], far[:1]) is None


@pytest.mark.parametrize("turn", [0, 175, -178])
def test_pairs_agree_whatever_full_turns_they_have(turn):
    matrix = transform(1.5, turn, 10, 20)
    pairs = point_pairs(matrix)
    assert replace(pairs, turns=pairs.turns + 360).agree(matrix, 5).all()
    assert not replace(pairs, turns=pairs.turns + 180).agree(matrix, 5).any()
