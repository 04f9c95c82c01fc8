"""Correlation around points."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from pytest_replication.scoring.agreement import SIDE, correlation, picture_of

pytest.importorskip("cv2")

SAME = np.array([[1.0, 0, 0], [0, 1, 0]])
PHOTOS = sorted((Path(__file__).parents[3] / "fixtures" / "photos" / "training").glob("*.jpg"))
POINTS = np.array([[60.0, 60], [90, 100], [120, 70], [150, 90]])


def photo(number: int) -> Image.Image:
    return Image.open(PHOTOS[number]).convert("RGB")


def test_pictures_have_one_longest_side() -> None:
    for size in ((900, 300), (40, 60)):
        assert max(picture_of(Image.new("RGB", size)).shape[:2]) == SIDE
    assert picture_of(Image.new("RGB", (5000, 1))).shape == (1, SIDE, 3)


def test_a_copy_correlates_whatever_its_brightness_and_contrast() -> None:
    image = photo(0)
    changed = ImageEnhance.Contrast(ImageEnhance.Brightness(image).enhance(0.8)).enhance(0.7)
    assert correlation(picture_of(image), picture_of(changed), SAME, POINTS) > 0.9


def test_another_image_does_not() -> None:
    one, other = picture_of(photo(0)), picture_of(photo(1))
    assert abs(correlation(one, other, SAME, POINTS)) < 0.5


def test_a_part_that_was_moved_and_scaled_lies_on_its_place() -> None:
    image = photo(0).resize((512, 512))
    part = image.crop((128, 96, 384, 352))  # twice as large in the sample
    matrix = np.array([[0.5, 0, 64], [0, 0.5, 48]])
    assert correlation(picture_of(part), picture_of(image), matrix, POINTS) > 0.9
    off = matrix + np.array([[0, 0, 12], [0, 0, 12]])
    assert correlation(picture_of(part), picture_of(image), off, POINTS) < 0.6


def test_points_at_and_beyond_the_edge_are_taken() -> None:
    picture = picture_of(Image.effect_noise((300, 200), 60).convert("RGB"))
    edge = np.array([[0.0, 0], [SIDE, 400], [-3, 20]])
    assert correlation(picture, picture, SAME, edge) > 0.99


def test_what_is_flat_correlates_with_nothing() -> None:
    flat = picture_of(Image.new("RGB", (64, 64), "grey"))
    assert correlation(flat, flat, SAME, POINTS) == 0
