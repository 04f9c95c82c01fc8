from __future__ import annotations

import io
import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter

from pytest_replication.images.complexity import low_information, measure_complexity, roughness
from pytest_replication.images.square import square


def gradient(
    first: tuple[int, ...], last: tuple[int, ...], angle: float = 0.7, side: int = 96
) -> Image.Image:
    y, x = np.mgrid[-1 : 1 : side * 1j, -1 : 1 : side * 1j]
    along = x * math.cos(angle) + y * math.sin(angle)
    along = ((along - along.min()) / np.ptp(along))[..., None]
    return Image.fromarray((np.array(first) * (1 - along) + np.array(last) * along).astype(np.uint8))


def page(side: int) -> Image.Image:
    """A white page with a black square of so many pixels a side."""
    image = Image.new("RGB", (256, 256), "white")
    ImageDraw.Draw(image).rectangle((20, 40, 19 + side, 39 + side), fill="black")
    return image


def noisy(deviation: float, side: int = 256) -> Image.Image:
    noise = np.random.default_rng(0).normal(0, deviation, (side, side, 3))
    return Image.fromarray(np.clip(128 + noise, 0, 255).astype(np.uint8))


@pytest.mark.parametrize(
    ("image", "why"),
    [
        *[(Image.new("RGB", (64, 48), colour), "flat") for colour in ("black", "white", "navy")],
        (gradient((0, 0, 0), (255, 255, 255)), "flat"),
        (gradient((200, 30, 30), (30, 30, 200), 2.0, 28), "flat"),
        (noisy(5), "flat"),
        (page(6), "flat"),
        (page(36), "near-blank"),
        (page(60), None),
        (Image.new("RGB", (7, 200), "red"), "tiny"),
        (noisy(60, 7), "tiny"),
        (noisy(60, 8), None),
    ],
)
def test_images_with_next_to_nothing_in_them(image: Image.Image, why: str | None) -> None:
    assert low_information(image) == why


def test_photographs_and_blurred_ones_have_enough(training: Path, unrelated: Path) -> None:
    for path in (*training.iterdir(), *unrelated.iterdir()):
        image = Image.open(path).convert("RGB")
        assert low_information(image) is None, path
        assert low_information(image.resize((32, 32))) is None, path
        assert low_information(image.filter(ImageFilter.GaussianBlur(4))) is None, path


def test_roughness_is_what_the_best_polynomial_leaves(training: Path) -> None:
    pixels = square(Image.open(training / "cat.jpg").convert("RGB"), 24).astype(np.float64)
    y, x = np.mgrid[-1:1:24j, -1:1:24j]
    terms = np.stack([x**i * y**j for i in range(5) for j in range(5 - i)], -1).reshape(-1, 15)
    values = pixels.reshape(-1, 3)
    rest = values - terms @ np.linalg.lstsq(terms, values, rcond=None)[0]
    assert roughness(pixels) == pytest.approx(math.sqrt((rest**2).mean()))
    assert roughness(np.full((16, 16, 3), 255.0)) < 1e-6


def test_the_figures_of_the_paper(training: Path) -> None:
    image = Image.open(training / "coins.jpg").convert("RGB")
    found = measure_complexity(image)
    small = image.resize((224, 224), Image.Resampling.BILINEAR)
    counts: dict[int, int] = {}
    for value in np.asarray(small.convert("L")).ravel().tolist():
        counts[value] = counts.get(value, 0) + 1
    shares = [count / 224**2 for count in counts.values()]
    assert found.entropy == pytest.approx(-sum(p * math.log2(p) for p in shares))
    encoded = io.BytesIO()
    small.save(encoded, "JPEG", quality=90)
    assert found.jpeg_kib == len(encoded.getvalue()) / 1024
    pixels = np.asarray(small).astype(float)
    changes = np.abs(pixels[1:] - pixels[:-1]).sum() + np.abs(pixels[:, 1:] - pixels[:, :-1]).sum()
    assert found.variation == pytest.approx(1e-4 * changes)
    assert found.product == pytest.approx(found.entropy * math.sqrt(found.jpeg_kib))


def test_one_colour_has_no_entropy_and_no_variation() -> None:
    found = measure_complexity(Image.new("RGB", (10, 10), "red"))
    assert (found.entropy, found.variation, found.product) == (0, 0, 0)
    assert found.jpeg_kib > 0


def test_a_square_is_resized_and_one_of_that_size_left_alone(training: Path) -> None:
    image = Image.open(training / "cat.jpg").convert("RGB")
    small = square(image, 16)
    assert (small.shape, small.dtype) == ((16, 16, 3), np.uint8)
    assert np.array_equal(square(Image.fromarray(small), 16), small)
