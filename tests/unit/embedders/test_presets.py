from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from pytest_replication.embedders.presets import PRESETS, preset_named
from pytest_replication.errors import SettingsError


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("sscd-320", (320, 320, 3)),
        ("sscd-288", (288, 432, 3)),
        ("dcr-laion", (224, 224, 3)),
        ("dcr-metrics", (224, 224, 3)),
    ],
)
def test_sizes(name: str, shape: tuple[int, ...], picture: Callable[..., Image.Image]) -> None:
    assert preset_named(name).pixels(picture(size=(480, 320))).shape == shape


def test_the_crop_is_taken_from_the_centre() -> None:
    image = Image.new("RGB", (512, 256), "black")
    image.paste("white", (256 - 112, 16, 256 + 112, 240))
    assert preset_named("dcr-laion").pixels(image).min() == 255


@pytest.mark.parametrize(("name", "white"), [("sscd-320", (1 - 0.485) / 0.229), ("dcr-metrics", 1.0)])
def test_normalisation(name: str, white: float) -> None:
    preset = preset_named(name)
    normalised = preset.normalised(np.full((2, 2, 3), 255, np.uint8))
    assert normalised.shape == (3, 2, 2)
    assert normalised.dtype == np.float32
    assert normalised[0, 0, 0] == pytest.approx(white)


def test_descriptions_tell_all_presets_apart() -> None:
    assert len({preset.describe() for preset in PRESETS.values()}) == len(PRESETS)


def test_a_sliver_does_not_become_gigabytes() -> None:
    assert preset_named("sscd-288").pixels(Image.new("RGB", (1, 20000))).shape == (8 * 288, 288, 3)
    assert preset_named("dcr-laion").pixels(Image.new("RGB", (20000, 1))).shape == (224, 224, 3)


def test_an_unknown_preset_lists_the_known_ones() -> None:
    with pytest.raises(SettingsError, match="known are sscd-320"):
        preset_named("x")
