from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from pytest_replication.embedders.catalogue import ENTRIES, Input
from pytest_replication.embedders.presets import PRESETS, Preset, preset_named
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


SIZES = [(640, 427), (427, 640), (600, 401), (257, 256), (256, 261), (1024, 683), (90, 89), (75, 599)]


def speckled(width: int, height: int) -> Image.Image:
    """An image in which a shift by one pixel shows."""
    values = np.random.default_rng(width * height).integers(0, 256, (height, width, 3), np.uint8)
    return Image.fromarray(values)


@pytest.mark.parametrize("name", PRESETS)
def test_pixels_are_those_of_torchvision(name: str) -> None:
    transforms = pytest.importorskip("torchvision.transforms")
    preset = preset_named(name)
    steps = [transforms.Resize((preset.square,) * 2 if preset.square else preset.short_side)]
    steps += [transforms.CenterCrop(preset.crop)] * bool(preset.crop)
    for width, height in [*SIZES, *((40 + 7 * n, 60 + 5 * (n * n % 31)) for n in range(40))]:
        image = speckled(width, height)
        expected = np.asarray(transforms.Compose(steps)(image))
        assert np.array_equal(preset.pixels(image), expected), (width, height)


@pytest.mark.parametrize(
    ("size", "share", "crop_mode"), [(224, 0.875, "center"), (224, 0.9, "center"), (81, 0.9, "squash")]
)
def test_pixels_of_the_own_presets_are_those_of_timm(size: int, share: float, crop_mode: str) -> None:
    factory = pytest.importorskip("timm.data.transforms_factory")
    preset = Input(size, share, square=crop_mode == "squash").preset(size)
    transform = factory.transforms_imagenet_eval(
        size, crop_pct=share, crop_mode=crop_mode, interpolation="bicubic", normalize=False
    )
    for width, height in SIZES:
        image = speckled(width, height)
        expected = transform(image).permute(1, 2, 0).numpy()
        assert np.array_equal(preset.pixels(image), expected), (width, height)


def test_descriptions_differ_from_those_of_other_pixels() -> None:
    for preset in (preset_named("sscd-288"), preset_named("dcr-laion"), ENTRIES["vit-b16"].input.preset(224)):
        assert "(long side at most 8-fold)" not in preset.describe()
    assert "centre crop 81," not in Preset("own", 90, 0, 81, (0.5,) * 3, (0.5,) * 3).describe()


def test_the_description_of_a_square_stays() -> None:
    """Else every index that was built with the usual preset would have to be built again."""
    assert preset_named("sscd-320").describe() == (
        "sscd-320: bilinear to 320 x 320, mean (0.485, 0.456, 0.406), std (0.229, 0.224, 0.225)"
    )


def test_an_unknown_preset_lists_the_known_ones() -> None:
    with pytest.raises(SettingsError, match="known are sscd-320"):
        preset_named("x")
