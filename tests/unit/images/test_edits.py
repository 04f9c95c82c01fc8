from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from pytest_replication.images.edits import ALL_EDITS, EDITS, differs


@pytest.mark.parametrize("name", ALL_EDITS)
def test_an_edit_changes_the_image_and_leaves_the_original_alone(
    name: str, picture: Callable[..., Image.Image]
) -> None:
    image = picture(0, (200, 100))
    before = image.tobytes()
    edited = ALL_EDITS[name](image)
    assert edited.mode == "RGB"
    assert image.tobytes() == before
    assert edited.size != image.size or edited.tobytes() != before
    assert ALL_EDITS[name](image).tobytes() == edited.tobytes()


@pytest.mark.parametrize("name", ALL_EDITS)
@pytest.mark.parametrize("size", [(1, 1), (3, 200)])
def test_an_edit_takes_an_image_of_any_size(
    name: str, size: tuple[int, int], picture: Callable[..., Image.Image]
) -> None:
    edited = ALL_EDITS[name](picture(0, size))
    assert min(edited.size) >= 1


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("crop-70", (140, 70)),
        ("thumbnail-64", (128, 64)),
        ("thumbnail-64-long", (64, 32)),
        ("mirror", (200, 100)),
        ("crop-50", (100, 50)),
        ("crop-corner-60", (120, 60)),
        ("crop-side-50", (100, 100)),
        ("turn-5", (200, 100)),
        ("turn-90", (100, 200)),
        ("stretch-140", (280, 100)),
        ("frame", (224, 124)),
        ("screenshot", (200, 175)),
        ("collage", (200, 100)),
    ],
)
def test_sizes(name: str, size: tuple[int, int], picture: Callable[..., Image.Image]) -> None:
    assert ALL_EDITS[name](picture(0, (200, 100))).size == size


@pytest.mark.parametrize("name", ["thumbnail-64", "thumbnail-64-long", "thumbnail-32", "pixelate-32"])
@pytest.mark.parametrize("size", [(28, 28), (20, 9), (1, 30)])
def test_a_thumbnail_never_enlarges(
    name: str, size: tuple[int, int], picture: Callable[..., Image.Image]
) -> None:
    image = picture(0, size)
    assert not differs(image, ALL_EDITS[name](image))


def test_the_mirror_swaps_left_and_right(picture: Callable[..., Image.Image]) -> None:
    image = picture(0)
    assert np.array_equal(np.asarray(EDITS["mirror"](image)), np.asarray(image)[:, ::-1])


def test_crops_keep_the_pixels_of_their_part(picture: Callable[..., Image.Image]) -> None:
    pixels = np.asarray(image := picture(0, (200, 100)))
    assert np.array_equal(np.asarray(ALL_EDITS["crop-corner-60"](image)), pixels[:60, :120])
    assert np.array_equal(np.asarray(ALL_EDITS["crop-side-50"](image)), pixels[:, 100:])


def test_what_is_laid_around_leaves_the_image_whole(picture: Callable[..., Image.Image]) -> None:
    pixels = np.asarray(image := picture(0, (200, 100)))
    assert np.array_equal(np.asarray(ALL_EDITS["frame"](image))[12:112, 12:212], pixels)
    assert np.array_equal(np.asarray(ALL_EDITS["screenshot"](image))[25:125], pixels)


def test_what_is_laid_over_leaves_the_rest(picture: Callable[..., Image.Image]) -> None:
    pixels = np.asarray(image := picture(0, (200, 100)))
    for name, top, bottom in (("face", 30, 70), ("text", 70, 100)):
        changed = (np.asarray(ALL_EDITS[name](image)) != pixels).any(axis=2)
        rows = np.flatnonzero(changed.any(axis=1))
        assert changed.mean() > 0.02
        assert rows.min() >= top
        assert rows.max() <= bottom


def test_noise_has_the_deviation_that_was_asked_for() -> None:
    grey = Image.new("RGB", (200, 100), (128, 128, 128))
    for name, deviation in (("noise-15", 15), ("noise-40", 40)):
        assert np.asarray(ALL_EDITS[name](grey), float).std() == pytest.approx(deviation, rel=0.02)


def test_a_quarter_of_the_colour_circle_turns_red_into_a_yellow_green() -> None:
    red, green, blue = ALL_EDITS["hue-90"](Image.new("RGB", (4, 4), (255, 0, 0))).getpixel((0, 0))  # type: ignore[misc]
    assert green == 255
    assert 120 < red < 135
    assert blue == 0


def test_all_edits_hold_the_ones_that_are_claimed_to_be_found() -> None:
    assert EDITS.items() <= ALL_EDITS.items()
