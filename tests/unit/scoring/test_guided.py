"""Pairs that stand out little join where a transform foretells them, and nowhere else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_replication.scoring.guided import OCTAVES, TURN, Lying, Points, guided, similarity

TOLERANCE = 5.0


def transform(scale: float, degrees: float, x: float, y: float) -> Points:
    turn = np.radians(degrees)
    along, across = scale * np.cos(turn), scale * np.sin(turn)
    return np.array([[along, -across, x], [across, along, y]])


def moved(matrix: Points, points: Points) -> Points:
    return np.asarray(points @ matrix[:, :2].T + matrix[:, 2])


def lying(matrix: Points, count: int = 20, clear: int = 4, seed: int = 0) -> Lying:
    """Pairs that lie as a transform says, of which the first ones stand out."""
    points = np.random.default_rng(seed).uniform(0, 400, (count, 2))
    turned = float(np.degrees(np.arctan2(matrix[1, 0], matrix[0, 0])))
    scaled = float(np.log2(np.hypot(matrix[0, 0], matrix[1, 0])))
    return Lying(
        points,
        moved(matrix, points),
        turns=np.full(count, turned),
        octaves=np.full(count, scaled),
        clear=np.arange(count) < clear,
    )


TRANSFORMS = st.builds(
    transform,
    st.floats(0.2, 5),
    st.floats(-180, 180),
    st.floats(-300, 300),
    st.floats(-300, 300),
)


@given(TRANSFORMS)
def test_what_lies_as_foretold_joins(matrix: Points) -> None:
    found, agree = guided(matrix, lying(matrix), TOLERANCE)
    assert agree.all()
    assert found == pytest.approx(matrix, abs=1e-6)


@given(TRANSFORMS, st.integers(0, 99))
def test_the_transform_is_the_one_of_least_squares(matrix: Points, seed: int) -> None:
    random = np.random.default_rng(seed)
    points = random.uniform(0, 400, (9, 2))
    others = moved(matrix, points) + random.normal(0, 2, (9, 2))
    found = similarity(points, others)
    assert found is not None
    rows = [[x, -y, 1, 0] for x, y in points] + [[y, x, 0, 1] for x, y in points]
    along, across, right, down = np.linalg.lstsq(np.array(rows), others.T.ravel(), rcond=None)[0]
    assert found == pytest.approx(np.array([[along, -across, right], [across, along, down]]), abs=1e-6)


@pytest.mark.parametrize("turn", [0, 175, -178])
def test_a_pair_that_stands_out_little_has_to_be_turned_sized_and_placed_alike(turn: float) -> None:
    matrix = transform(1.5, turn, 10, 20)
    pairs = lying(matrix, count=10, clear=6)
    last = np.arange(10) == 9
    wrong = (
        replace(pairs, turns=np.where(last, pairs.turns + TURN + 1, pairs.turns)),
        replace(pairs, octaves=np.where(last, pairs.octaves - OCTAVES - 0.1, pairs.octaves)),
        replace(pairs, others=pairs.others + np.outer(last, [TOLERANCE + 1, 0])),
    )
    for pairs in wrong:
        assert guided(matrix, pairs, TOLERANCE)[1].tolist() == [True] * 9 + [False]
    around = lying(matrix, count=10, clear=6)
    assert replace(around, turns=around.turns + 360).agree(matrix, TOLERANCE).all()


def test_one_that_stands_out_need_only_be_in_its_place() -> None:
    matrix = transform(1, 30, 0, 0)
    pairs = lying(matrix, count=8, clear=8)
    aside = replace(pairs, turns=pairs.turns + 90, octaves=pairs.octaves + 2)
    assert guided(matrix, aside, TOLERANCE)[1].all()


def test_a_transform_that_is_a_little_off_is_mended() -> None:
    true = transform(1.2, 10, 5, -3)
    pairs = lying(true, count=40, clear=5)
    rough = true + np.array([[0.02, 0, 1], [0, -0.02, 1]])
    assert not pairs.agree(rough, TOLERANCE).all()
    found, agree = guided(rough, pairs, TOLERANCE)
    assert agree.all()
    assert found == pytest.approx(true, abs=1e-6)


def test_no_transform_goes_through_one_place() -> None:
    one, far = np.zeros((3, 2)), np.array([[0.0, 0], [9, 0], [0, 9]])
    assert similarity(one, far) is None
    assert similarity(far, one) is None
    assert similarity(far[:1], far[:1]) is None


def test_that_which_was_given_stays_where_the_next_one_would_lose() -> None:
    identity = transform(1, 0, 0, 0)
    points = np.array([[44.0, 53], [51, 34], [94, 36], [65, 37]])
    others = points + np.array([[3.9, 1.1], [1.4, -1.4], [1.4, -3], [-3.6, 2.8]])
    pairs = Lying(points, others, np.zeros(4), np.zeros(4), np.ones(4, np.bool_))
    again = similarity(points, others)
    assert again is not None
    assert not pairs.agree(again, TOLERANCE).all()
    found, agree = guided(identity, pairs, TOLERANCE)
    assert found is identity
    assert agree.all()
