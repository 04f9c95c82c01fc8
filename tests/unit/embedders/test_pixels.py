from __future__ import annotations

from collections.abc import Callable

import pytest
from PIL import Image, ImageEnhance

from pytest_replication.embedders import load_embedder
from pytest_replication.embedders.probe import embed_images
from pytest_replication.errors import SettingsError


def score(one: Image.Image, other: Image.Image) -> float:
    a, b = embed_images(load_embedder("pixels"), [one, other])
    return float(a @ b)


def test_resized_and_brightened_copies_score_high(picture: Callable[..., Image.Image]) -> None:
    image = picture(1, (300, 200))
    assert score(image, image.resize((120, 80))) > 0.99
    assert score(image, ImageEnhance.Contrast(image).enhance(0.5)) > 0.99


def test_different_images_score_low(picture: Callable[..., Image.Image]) -> None:
    assert abs(score(picture(1), picture(2))) < 0.5


def test_flat_images_are_alike_among_themselves_only(picture: Callable[..., Image.Image]) -> None:
    black, grey = Image.new("RGB", (9, 9), "black"), Image.new("RGB", (9, 9), (128, 128, 128))
    assert score(black, grey) == pytest.approx(1)
    assert score(black, picture(1)) < 0.1


def test_it_takes_no_argument() -> None:
    with pytest.raises(SettingsError):
        load_embedder("pixels:x")
    with pytest.raises(SettingsError):
        load_embedder("pixels", preset="sscd-320")


def test_it_has_no_default_threshold() -> None:
    assert load_embedder("pixels").default_threshold is None
