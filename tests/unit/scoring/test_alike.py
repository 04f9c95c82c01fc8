"""What two nearly blank pictures have in common: all of it after an edit, little where they are others."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter, ImageOps

from pytest_replication.images.complexity import low_information
from pytest_replication.scoring.alike import FAINT, alike
from pytest_replication.search.evidence import CLEAR

SIDE = 128


def ramp(first: tuple[int, int, int], last: tuple[int, int, int]) -> Image.Image:
    along = np.linspace(0, 1, SIDE)[None, :, None]
    pixels = np.array(first) * (1 - along) + np.array(last) * along
    return Image.fromarray(np.repeat(pixels, SIDE, axis=0).astype(np.uint8))


def drawing(seed: int = 0) -> Image.Image:
    rng, page = np.random.default_rng(seed), Image.new("RGB", (SIDE, SIDE), "white")
    pen = ImageDraw.Draw(page)
    for _ in range(5):
        pen.line(
            [tuple((rng.integers(-10, 10, 2) + np.array((50, 70))).tolist()) for _ in range(2)], "black", 1
        )
    return page


def moved(image: Image.Image, x: int = 9, y: int = 7) -> Image.Image:
    ground = Image.new("RGB", image.size, image.getpixel((0, 0)))  # type: ignore[arg-type]
    ground.paste(image, (x, y))
    return ground


def specked(image: Image.Image) -> Image.Image:
    found = moved(image)
    found.paste((0, 0, 0), (2, 2, 4, 4))
    return found


EDITS: dict[str, Callable[[Image.Image], Image.Image]] = {
    "dim": lambda image: image.point(lambda v: int(v * 0.2)),
    "faint": lambda image: image.point(lambda v: int(v * 0.2 + 180)),
    "mirrored": ImageOps.mirror,
    "turned": lambda image: image.rotate(90),
    "negative": ImageOps.invert,
    "grey": lambda image: image.convert("L").convert("RGB"),
    "moved": moved,
    "moved, with a speck": specked,
    "blurred": lambda image: image.filter(ImageFilter.GaussianBlur(1)),
    "cut": lambda image: image.crop((20, 25, 110, 115)),
    "moved, mirrored and dim": lambda image: ImageOps.mirror(moved(image)).point(lambda v: int(v * 0.3)),
}


def pixels(image: Image.Image) -> np.ndarray:
    return np.asarray(image.resize((SIDE, SIDE)))


@pytest.mark.parametrize("edit", EDITS)
def test_a_copy_has_nearly_everything_in_common(edit: str) -> None:
    for image in (ramp((40, 60, 90), (230, 200, 120)), drawing()):
        assert low_information(image) is not None
        found = alike(pixels(EDITS[edit](image)), pixels(image))
        assert 0.85 < found <= 1, found


def test_others_have_little_in_common() -> None:
    found = alike(pixels(ramp((40, 60, 90), (230, 200, 120))), pixels(drawing()))
    assert 0 <= found < CLEAR


def test_what_has_no_contrast_cannot_be_told_from_anything() -> None:
    page = pixels(Image.new("RGB", (SIDE, SIDE), (200, 120, 30)))
    for other in (page, pixels(drawing()), pixels(ramp((0, 0, 0), (255, 255, 255)))):
        assert alike(page, other) == alike(other, page) == 1
    span = int(FAINT * 3)  # its standard deviation is below FAINT
    assert alike(pixels(ramp((90,) * 3, (90 + span,) * 3)), pixels(drawing())) == 1


def test_the_pictures_need_not_be_of_one_size() -> None:
    small = np.asarray(drawing().resize((40, 40)))
    assert alike(small, pixels(drawing())) > 0.85
