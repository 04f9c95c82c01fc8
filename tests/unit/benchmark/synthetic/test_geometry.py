from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from pytest_replication.benchmark.synthetic.geometry import (
    bounded_size,
    cover,
    covering_box,
    paste,
    random_box,
    resize_labels,
)

SIZES = st.tuples(st.integers(1, 300), st.integers(1, 300))


@given(SIZES, st.floats(0, 1), st.integers(0, 2**32))
def test_a_box_lies_inside_and_is_no_larger_than_its_share(
    size: tuple[int, int], kept: float, seed: int
) -> None:
    left, upper, right, lower = random_box(size, kept, np.random.default_rng(seed))
    assert 0 <= left <= right <= size[0]
    assert 0 <= upper <= lower <= size[1]
    assert (right - left) * (lower - upper) <= (1 - kept) * size[0] * size[1] + 1e-6


def test_a_box_away_from_the_edges_has_exactly_its_size() -> None:
    boxes = [random_box((100, 60), 0.75, np.random.default_rng(seed)) for seed in range(200)]
    whole = [(r - b, low - u) for b, u, r, low in boxes if b > 0 and u > 0 and r < 100 and low < 60]
    assert len(whole) > 20
    assert set(whole) == {(50, 30)}


def test_boxes_are_centred_anywhere() -> None:
    boxes = np.array([random_box((100, 60), 0.75, np.random.default_rng(seed)) for seed in range(400)])
    assert (boxes[:, 0] == 0).mean() == pytest.approx(0.25, abs=0.08)  # a centre in the left quarter
    assert (boxes[:, 3] == 60).mean() == pytest.approx(0.25, abs=0.08)


@given(SIZES, SIZES)
def test_the_covering_box_is_the_largest_of_its_proportions(
    size: tuple[int, int], target: tuple[int, int]
) -> None:
    left, upper, right, lower = covering_box(size, target)
    width, height = right - left, lower - upper
    assert width / height == pytest.approx(target[0] / target[1])
    assert width == pytest.approx(size[0]) or height == pytest.approx(size[1])
    assert left == pytest.approx(size[0] - right, abs=1e-6)
    assert upper == pytest.approx(size[1] - lower, abs=1e-6)
    assert cover(Image.new("RGB", size), target).size == target


@given(SIZES, st.integers(16, 400))
def test_sizes_are_bounded_and_never_raised(size: tuple[int, int], longest: int) -> None:
    bounded = bounded_size(size, longest)
    assert max(bounded) == min(max(size), longest)
    assert min(bounded) >= 1
    if max(size) <= longest:
        assert bounded == size


def test_labels_are_cut_and_enlarged_as_the_image_is() -> None:
    labels = np.arange(12, dtype=np.int32).reshape(3, 4)
    assert np.array_equal(resize_labels(labels, (4, 3), (0, 0, 4, 3)), labels)
    assert np.array_equal(resize_labels(labels, (2, 3), (1, 0, 3, 3)), labels[:, 1:3])
    twice = resize_labels(labels, (8, 6), (0, 0, 4, 3))
    assert np.array_equal(twice, labels.repeat(2, axis=0).repeat(2, axis=1))
    image = Image.fromarray(labels.astype(np.uint8))
    nearest = image.resize((5, 7), Image.Resampling.NEAREST)
    assert np.array_equal(resize_labels(labels, (5, 7), (0, 0, 4, 3)), np.asarray(nearest))


@given(st.integers(-40, 60), st.integers(-40, 60), st.integers(0, 1000))
def test_pasting_copies_the_masked_pixels_that_fall_inside_and_no_others(x: int, y: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    host, piece = (rng.integers(0, 256, shape, dtype=np.uint8) for shape in ((20, 30, 3), (25, 15, 3)))
    mask = rng.random((25, 15)) < 0.5
    picture, count = paste(Image.fromarray(host), Image.fromarray(piece), mask, (x, y))
    wanted, pasted = host.copy(), 0
    for row, column in zip(*np.nonzero(mask), strict=True):
        if 0 <= row + y < 20 and 0 <= column + x < 30:
            wanted[row + y, column + x] = piece[row, column]
            pasted += 1
    assert np.array_equal(np.asarray(picture), wanted)
    assert count == pasted


def test_pasting_leaves_the_host_as_it_is(noise: Callable[..., Image.Image]) -> None:
    host = noise(0)
    before = host.tobytes()
    for at in ((0, 0), (100, 0)):
        paste(host, noise(1), np.ones((32, 48), np.bool_), at)
    assert host.tobytes() == before
