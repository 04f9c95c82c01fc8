"""Each distance against the formula, written out for one pair of images."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from pytest_replication.errors import SearchError, SettingsError
from pytest_replication.images.square import square
from pytest_replication.scoring import pixel
from pytest_replication.scoring.pixel import collapse, nearest_ratio, relative, rmse, tiled

IMAGES = hnp.arrays(np.float64, (2, 8, 9, 3), elements=st.floats(0, 1, width=32))


@pytest.fixture(scope="module")
def photos(training: Path) -> np.ndarray:
    """Real photographs, (20, 32, 32, 3) in [0, 1]."""
    images = [Image.open(path).convert("RGB") for path in sorted(training.iterdir())]
    return pixel.unit_range(np.stack([square(image, 32) for image in images]))


def naive_rmse(a: np.ndarray, b: np.ndarray) -> float:
    total = 0.0
    for x, y in zip(a.ravel().tolist(), b.ravel().tolist(), strict=True):
        total += (x - y) ** 2
    return math.sqrt(total / a.size)


def naive_tiled(a: np.ndarray, b: np.ndarray, side: int = 4) -> float:
    height, width = a.shape[:2]
    found = []
    for i in range(side):
        for j in range(side):
            rows = slice(i * height // side, (i + 1) * height // side)
            columns = slice(j * width // side, (j + 1) * width // side)
            found.append(naive_rmse(a[rows, columns], b[rows, columns]))
    return max(found)


@given(IMAGES)
@settings(max_examples=30, deadline=None)
def test_distances_of_random_images(images: np.ndarray) -> None:
    a, b = images
    assert rmse(a, b) == pytest.approx(naive_rmse(a, b), abs=1e-12)
    assert tiled(a, b) == pytest.approx(naive_tiled(a, b), abs=1e-7)
    assert tiled(a, b, 1) == pytest.approx(rmse(a, b), abs=1e-7)
    assert rmse(a, a) == tiled(b, b) == 0


def test_distances_of_real_images(photos: np.ndarray) -> None:
    whole, cut = rmse(photos[:5, None], photos), tiled(photos[:5, None], photos)
    assert whole.shape == cut.shape == (5, 20)
    for i in range(5):
        for j in range(20):
            assert whole[i, j] == pytest.approx(naive_rmse(photos[i], photos[j]), abs=1e-12)
            assert cut[i, j] == pytest.approx(naive_tiled(photos[i], photos[j]), abs=1e-12)
    assert (cut >= whole - 1e-12).all()
    assert (whole[~np.eye(5, 20, dtype=bool)] > 0.1).all()


def test_a_pattern_on_a_flat_ground_is_far_in_tiles_only() -> None:
    a = np.zeros((32, 32, 3))
    b = a.copy()
    b[:8, :8] = 1
    assert (rmse(a, b), tiled(a, b)) == (0.25, 1.0)


def test_the_relative_distance_of_the_paper(photos: np.ndarray) -> None:
    sample = np.clip(photos[3] + 0.02, 0, 1)
    distances = sorted(naive_rmse(sample, image) for image in photos)
    expected = distances[0] / (0.5 * sum(distances[:10]) / 10)
    found = relative(np.array([distances]), neighbours=10)
    assert found == pytest.approx([expected])
    assert found[0] < 1 < relative(np.array([distances[1:]]), neighbours=10)[0]
    assert relative(np.array([distances]), 10, alpha=1.0) == pytest.approx(found / 2)


def test_the_ratio_of_the_two_nearest(photos: np.ndarray) -> None:
    distances = np.array([sorted(naive_rmse(np.clip(photos[3] + 0.02, 0, 1), image) for image in photos)])
    assert nearest_ratio(distances) == pytest.approx([distances[0, 0] / distances[0, 1]])
    assert nearest_ratio(distances)[0] < 1 / 3


def test_an_exact_copy_is_one_however_many_there_are() -> None:
    distances = np.array([[0.0, 0.0, np.nan], [0.0, np.nan, np.nan], [0.1, np.nan, np.nan]])
    for found in (nearest_ratio(distances), relative(distances, 3)):
        assert found[:2].tolist() == [0, 0]
        assert math.isnan(found[2])


def test_copies_of_the_nearest_count_once() -> None:
    distances = np.array([[0.1, 0.11, 0.12, 0.4], [0.1, 0.2, 0.3, 0.4]])
    same = np.array([[True, True, True, False], [True, False, False, True]])
    found = collapse(distances, same)
    assert np.array_equal(found, [[0.1, 0.4, np.nan, np.nan], [0.1, 0.2, 0.3, np.nan]], equal_nan=True)
    assert nearest_ratio(found).tolist() == [0.25, 0.5]
    assert nearest_ratio(distances)[0] > 0.9
    assert np.array_equal(collapse(distances, np.zeros((2, 4), bool)), distances)


def test_what_cannot_be_compared() -> None:
    image = np.full((8, 8, 3), 0.5)
    for other in (np.zeros((8, 9, 3)), np.zeros((8, 3)), np.zeros((0, 8, 3))):
        with pytest.raises(SearchError, match="cannot be compared pixel by pixel"):
            rmse(image, other)
    for value in (-0.1, 1.1, np.nan, 255):
        with pytest.raises(SearchError, match=r"floats in \[0, 1\]"):
            tiled(image, np.full((8, 8, 3), value))
    for tiles in (0, -4, 5, 100):
        with pytest.raises(SettingsError, match="cannot be cut"):
            tiled(image, image, tiles)
    for neighbours, alpha in ((0, 0.5), (4, 0.5), (2, 0.0), (2, np.nan)):
        with pytest.raises(SettingsError, match="is no measure"):
            relative(np.ones((1, 3)), neighbours, alpha)
    with pytest.raises(SettingsError, match="needs two distances"):
        nearest_ratio(np.ones((1, 1)))
