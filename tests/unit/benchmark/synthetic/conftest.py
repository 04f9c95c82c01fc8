from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pytest_replication.benchmark.synthetic.recipe import Ingredients
from pytest_replication.benchmark.synthetic.segmented import Segmented


@pytest.fixture(scope="session")
def noise() -> Callable[..., Image.Image]:
    """Make an image of which every pixel is another: what is copied can be recognised exactly."""

    def make(seed: int = 0, size: tuple[int, int] = (48, 32)) -> Image.Image:
        pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
        return Image.fromarray(pixels)

    return make


@pytest.fixture(scope="session")
def segmented(noise: Callable[..., Image.Image]) -> Segmented:
    """An image of 48 x 32 with an object of label 7 (columns 10 to 29, rows 4 to 19) and some void."""
    labels = np.zeros((32, 48), np.int32)
    labels[4:20, 10:30] = 7
    labels[20, 10:30] = -1
    return Segmented(noise(1), labels, {7: "cat"})


@pytest.fixture
def ingredients(segmented: Segmented, noise: Callable[..., Image.Image]) -> Callable[..., Ingredients]:
    """Make ingredients of one source and a number of hosts of its size."""

    def make(seed: int = 0, hosts: int = 1, **changes: Any) -> Ingredients:
        images = tuple(noise(100 + number) for number in range(hosts))
        given = {
            "source": segmented,
            "hosts": images,
            "copies": hosts,
            "first": 0,
            "rng": np.random.default_rng(seed),
        }
        return Ingredients(**(given | changes))

    return make
