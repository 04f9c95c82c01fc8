"""A training set of made-up images that is large enough for tests of sets."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from PIL import Image

from pytest_replication import BuildOptions, Index, build_index, open_index

Many = Callable[..., list[Image.Image]]


@pytest.fixture(scope="session")
def many(picture: Callable[..., Image.Image]) -> Many:
    """So many made-up images from a seed on; blended with training images, if wanted."""

    def make(first: int, count: int, blend: float = 0.0) -> list[Image.Image]:
        images = [picture(first + i, (24, 24)) for i in range(count)]
        if blend:
            images = [Image.blend(image, picture(i % 300, (24, 24)), blend) for i, image in enumerate(images)]
        return images

    return make


@pytest.fixture(scope="session")
def made_up(tmp_path_factory: pytest.TempPathFactory, many: Many) -> Index:
    """Index of 300 made-up images (seeds 0 to 299), with pixels."""
    folder = tmp_path_factory.mktemp("made-up") / "index"
    build_index(many(0, 300), folder, BuildOptions(embedder="pixels", progress=False))
    return open_index(folder)
