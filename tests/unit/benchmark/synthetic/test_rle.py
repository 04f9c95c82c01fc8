from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_replication.benchmark.synthetic.rle import from_polygon, from_runs, unpack


def pack(runs: list[int]) -> str:
    """The published encoding, written down from its description."""
    text = ""
    for number, run in enumerate(runs):
        value = run - runs[number - 2] if number > 2 else run
        while True:
            bits, value = value & 31, value >> 5
            more = value != (-1 if bits & 16 else 0)
            text += chr(48 + bits + 32 * more)
            if not more:
                break
    return text


def runs_of(mask: np.ndarray) -> list[int]:
    runs, value = [0], False
    for pixel in mask.T.ravel():
        if pixel != value:
            runs.append(0)
            value = pixel
        runs[-1] += 1
    return runs


def test_a_string_that_was_packed_by_hand() -> None:
    # 0011101: two zeros, three ones, a zero, a one. The last run is stored as 1 - 3 = -2: 30 of 31, "N".
    assert unpack("231N") == [2, 3, 1, 1]
    assert unpack("") == []
    assert unpack("P1") == [32]


@given(st.lists(st.integers(0, 10**7), max_size=20))
def test_runs_survive_packing(runs: list[int]) -> None:
    assert unpack(pack(runs)) == runs


@given(st.integers(1, 12), st.integers(1, 12), st.integers(0, 2**32))
def test_masks_survive_both_forms(height: int, width: int, seed: int) -> None:
    mask = np.random.default_rng(seed).random((height, width)) < 0.4
    runs = runs_of(mask)
    assert np.array_equal(from_runs(runs, height, width), mask)
    assert np.array_equal(from_runs(unpack(pack(runs)), height, width), mask)


def test_runs_go_down_the_columns() -> None:
    assert from_runs([1, 2, 3], 3, 2).astype(int).tolist() == [[0, 0], [1, 0], [1, 0]]


@pytest.mark.parametrize("text", ["2 3", "23é", "23o", "\n"])
def test_text_that_is_no_runs_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no part of|end in the middle"):
        unpack(text)


@pytest.mark.parametrize(
    "runs", [[1, 2], [3, 4], [-1, 7], [7, -1], [6.0], [2**63, 6 - 2**63], ["6"], [[6]], [5.5, 0.5]]
)
def test_runs_that_do_not_fill_the_mask_are_refused(runs: list[int]) -> None:
    with pytest.raises(ValueError, match="do not add up to 2 x 3 pixels"):
        from_runs(runs, 2, 3)


def test_a_square_covers_exactly_its_pixels() -> None:
    mask = from_polygon([1, 1, 4, 1, 4, 3, 1, 3], 5, 6)
    wanted = np.zeros((5, 6), np.bool_)
    wanted[1:3, 1:4] = True
    assert np.array_equal(mask, wanted)


def test_a_polygon_is_clipped_to_the_image() -> None:
    assert from_polygon([-5, -5, 90, -5, 90, 90, -5, 90], 4, 3).all()
    assert not from_polygon([-5, -5, -1, -5, -1, 90, -5, 90], 4, 3).any()


@given(st.lists(st.tuples(st.floats(-3, 12), st.floats(-3, 12)), min_size=3, max_size=8))
def test_a_polygon_holds_the_pixels_whose_ray_crosses_it_an_odd_number_of_times(
    corners: list[tuple[float, float]],
) -> None:
    mask = from_polygon([number for corner in corners for number in corner], 9, 10)
    for row in range(9):
        for column in range(10):
            crossings, near = 0, False
            x, y = column + 0.5, row + 0.5
            for (x1, y1), (x2, y2) in zip(corners, corners[1:] + corners[:1], strict=True):
                if (y1 <= y) != (y2 <= y):
                    at = x1 + (y - y1) / (y2 - y1) * (x2 - x1)
                    crossings += at <= x
                    near |= abs(at - x) < 1e-9
            assert near or mask[row, column] == (crossings % 2 == 1)


@pytest.mark.parametrize("points", [[], [1, 2, 3, 4], [0, 0, 1, 0, 1, 1, 5], [0, 0, 1, 0, float("nan"), 1]])
def test_what_is_no_polygon_is_refused(points: list[float]) -> None:
    with pytest.raises(ValueError, match=re.escape("expected x and y of 3 corners or more")):
        from_polygon(points, 4, 4)
