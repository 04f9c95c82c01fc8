from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageFilter

from pytest_replication.benchmark.synthetic.augment import augment, blur, jitter, solarise


def test_the_blur_is_a_gaussian_of_5_x_5(picture: Callable[..., Image.Image]) -> None:
    dot = np.zeros((11, 11, 3), np.uint8)
    dot[5, 5] = 255
    blurred = np.asarray(blur(Image.fromarray(dot), 1.0), float)[..., 0]
    assert np.argwhere(blurred > 0).min() == 3
    assert np.argwhere(blurred > 0).max() == 7
    assert blurred[5, 6] / blurred[5, 5] == pytest.approx(np.exp(-0.5), abs=0.02)
    image = picture(0, (60, 40))
    ours, theirs = (
        np.asarray(x, float) for x in (blur(image, 1.0), image.filter(ImageFilter.GaussianBlur(1.0)))
    )
    assert np.abs(ours - theirs)[3:-3, 3:-3].mean() < 1.0


def test_a_blur_leaves_an_even_image_even_up_to_its_edges() -> None:
    for size in ((1, 1), (2, 7), (9, 9)):
        even = Image.new("RGB", size, (10, 128, 250))
        assert blur(even, 4.0).tobytes() == even.tobytes()


def test_solarisation_inverts_from_the_threshold_on() -> None:
    grey = Image.fromarray(np.arange(256, dtype=np.uint8)[None].repeat(3, 0).T[None].copy())
    values = np.asarray(solarise(grey, 0.9))[0, :, 0]
    assert np.array_equal(values[:230], np.arange(230))
    assert np.array_equal(values[230:], 255 - np.arange(230, 256))


def test_the_jitter_stays_within_its_strength() -> None:
    grey = Image.new("RGB", (4, 4), (100, 100, 100))
    values = [jitter(grey, np.random.default_rng(seed)).getpixel((0, 0))[0] for seed in range(100)]  # type: ignore[index]
    assert 58 <= min(values) < 70  # brightness times 0.6 to 1.4; the rest leaves an even grey alone
    assert 130 < max(values) <= 142


def test_probabilities(picture: Callable[..., Image.Image]) -> None:
    done: Counter[str] = Counter()
    image = picture(0, (8, 8))
    for seed in range(400):
        _, names = augment(image, np.random.default_rng(seed), solarised_from=0.9, autocontrast=0.3)
        done.update(name.split()[0] for name in names)
    wanted = {"jitter": 0.8, "blur": 1.0, "grey": 0.3, "solarise": 0.5, "autocontrast": 0.3}
    assert {name: count / 400 for name, count in done.items()} == pytest.approx(wanted, abs=0.07)
    sigmas = []
    for seed in range(100):
        _, names = augment(image, np.random.default_rng(seed), solarised_from=0.9, autocontrast=0.3)
        sigmas += [float(name.split()[1]) for name in names if name.startswith("blur")]
    assert 0.1 <= min(sigmas) < 0.4
    assert 3.7 < max(sigmas) <= 4.0
