"""Pairs that stand out little join where a transform foretells them, and nowhere else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_pairs import point_pairs, transform

from pytest_replication.scoring.consensus import consensus
from pytest_replication.scoring.guided import STRETCH, guided, stretched_little
from pytest_replication.scoring.transforms import (
    OCTAVES,
    TURN,
    PointPairs,
    Points,
    degrees,
    scale,
    similarity,
)

TOLERANCE = 5.0


TRANSFORMS = st.builds(
    transform,
    st.floats(0.2, 5),
    st.floats(-180, 180),
    st.floats(-300, 300),
    st.floats(-300, 300),
)


@given(TRANSFORMS)
def test_what_lies_as_foretold_joins(matrix: Points) -> None:
    found, agree = guided(matrix, point_pairs(matrix), TOLERANCE)
    assert agree.all()
    assert found == pytest.approx(matrix, abs=1e-6)


@pytest.mark.parametrize("turn", [0, 175, -178])
def test_a_pair_has_to_be_turned_sized_and_placed_alike(turn: float) -> None:
    matrix = transform(1.5, turn, 10, 20)
    pairs = point_pairs(matrix, count=10)
    last = np.arange(10) == 9
    wrong = (
        replace(pairs, turns=np.where(last, pairs.turns + TURN + 1, pairs.turns)),
        replace(pairs, octaves=np.where(last, pairs.octaves - OCTAVES - 0.1, pairs.octaves)),
        replace(pairs, others=pairs.others + np.outer(last, [TOLERANCE + 1, 0])),
    )
    for pairs in wrong:
        assert guided(matrix, pairs, TOLERANCE)[1].tolist() == [True] * 9 + [False]
    around = point_pairs(matrix, count=10)
    assert replace(around, turns=around.turns + 360).agree(matrix, TOLERANCE).all()


def test_a_transform_that_is_a_little_off_is_mended() -> None:
    true = transform(1.2, 10, 5, -3)
    pairs = point_pairs(true, count=40)
    rough = true + np.array([[0.02, 0, 1], [0, -0.02, 1]])
    assert not pairs.agree(rough, TOLERANCE).all()
    found, agree = guided(rough, pairs, TOLERANCE)
    assert agree.all()
    assert found == pytest.approx(true, abs=1e-6)


def test_that_which_was_given_stays_where_the_next_one_would_lose() -> None:
    identity = transform(1, 0, 0, 0)
    points = np.array([[44.0, 53], [51, 34], [94, 36], [65, 37]])
    others = points + np.array([[3.9, 1.1], [1.4, -1.4], [1.4, -3], [-3.6, 2.8]])
    pairs = PointPairs(points, others, np.zeros(4), np.zeros(4), np.full(4, 0.5))
    again = similarity(points, others)
    assert again is not None
    assert not pairs.agree(again, TOLERANCE).all()
    found, agree = guided(identity, pairs, TOLERANCE)
    assert found is identity
    assert agree.all()


def sheared(by: float) -> Points:
    return np.array([[1.0, by, 20], [0, 1, -10]])


@pytest.mark.parametrize("by", [0.1, 0.2, -0.2])
def test_a_part_that_was_sheared_agrees_as_a_whole(by: float) -> None:
    pairs = point_pairs(sheared(by), count=200)
    seed = consensus(pairs, TOLERANCE)
    assert seed is not None
    assert pairs.agree(seed, TOLERANCE).sum() < 100
    found, agree = guided(seed, pairs, TOLERANCE)
    assert agree.all()
    assert found == pytest.approx(sheared(by), abs=1e-4)
    assert degrees(found) == pytest.approx(np.degrees(np.arctan2(-by, 2)))
    assert scale(found) == pytest.approx(1)


def test_what_is_stretched_more_than_a_part_may_be_stays_as_it_was() -> None:
    stretched = np.array([[STRETCH * 1.1, 0, 0], [0, 1, 0]])
    assert not stretched_little(stretched)
    assert not stretched_little(np.array([[1.0, 0, 0], [0, -1, 0]]))  # another mirror image
    assert stretched_little(np.array([[STRETCH * 0.9, 0, 0], [0, 1, 0]]))
    pairs = point_pairs(stretched, count=60)
    near = similarity(pairs.points, pairs.others)
    assert near is not None
    found, agree = guided(near, pairs, TOLERANCE)
    assert found[0, 0] == pytest.approx(found[1, 1])
    assert agree.sum() < 60


def test_an_affine_transform_that_stretches_too_much_is_not_taken() -> None:
    stretched = np.array([[STRETCH * 1.02, 0, 0], [0, 1, 0]])
    pairs = point_pairs(stretched, count=300)
    near = consensus(pairs, TOLERANCE)
    assert near is not None
    found, agree = guided(near, pairs, TOLERANCE)
    assert stretched_little(found)
    assert not agree.all()


def test_a_few_more_do_not_make_shear() -> None:
    identity = transform(1, 0, 0, 0)
    pairs = point_pairs(identity, count=30)
    aside = np.zeros((30, 2))
    aside[:1] = 2 * TOLERANCE, 0  # one that only shear would take in
    found, agree = guided(identity, replace(pairs, others=pairs.others + aside), TOLERANCE)
    assert found == pytest.approx(identity, abs=1e-6)
    assert agree.tolist() == [False, *[True] * 29]
