"""What points count."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_replication.scoring.counting import REPEATED_MOST, counted, distinct, kinds, once
from pytest_replication.scoring.tones import Tones

MANY, CONTRAST, INK, BOARD = Tones(0.5, 0.3), Tones(0.9, 0.2), Tones(0.9, 0.01), Tones(0.97, 0.0)


@pytest.mark.parametrize(
    ("alike", "tones", "points"),
    [
        (None, None, 20),
        (0.9, MANY, 20),
        (0.6, MANY, 20),
        (0.45, MANY, 10),
        (0.3, MANY, 0),
        (-0.5, MANY, 0),
        (0.9, CONTRAST, 20),
        (0.9, INK, 5),
        (0.9, BOARD, 5),
        (None, BOARD, 5),
    ],
)
def test_points_count_as_far_as_parts_look_alike_and_are_not_bare(
    alike: float | None, tones: Tones | None, points: int
) -> None:
    assert counted(20, alike, tones) == points


def test_points_that_fall_together_count_once() -> None:
    assert distinct(np.array([[1.0, 1], [6, 2], [9, 1], [9, 9]])) == 3


def directions(*of: int) -> np.ndarray:
    made = np.zeros((len(of), 128), np.uint8)
    made[np.arange(len(of)), of] = 255
    return made


def test_what_repeats_counts_once() -> None:
    assert kinds(directions(0, 1, 2, 3)) == 4
    assert kinds(directions(0, 1, 0, 1, 0, 1)) == pytest.approx(2)
    assert kinds(directions(*[5] * 40)) == pytest.approx(1)


def test_descriptions_without_length_do_not_stop_it() -> None:
    assert kinds(np.zeros((3, 128), np.uint8)) == 3
    assert kinds(np.zeros((0, 128), np.uint8)) == 0


@given(st.lists(st.integers(0, 5), max_size=30))
def test_kinds_are_those_there_are(of: list[int]) -> None:
    assert kinds(directions(*of)) == pytest.approx(len(set(of)))
    assert counted(kinds(directions(*of)), None, None) == len(set(of))


@pytest.mark.parametrize(
    ("points", "differing", "elsewhere", "left"),
    [(10, 12.0, 0, 10), (10, 7.5, 0, 7.5), (10, 12.0, 4, 6), (10, 7.5, 4, 3.5), (3, 3.0, 8, 0)],
)
def test_what_lies_elsewhere_too_is_taken_off(
    points: int, differing: float, elsewhere: int, left: float
) -> None:
    assert once(points, differing, elsewhere) == left


def test_a_second_copied_part_takes_off_no_more_than_a_pattern_has() -> None:
    assert once(40, 40.0, 39) == 40 - REPEATED_MOST
