from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from pytest_replication.benchmark.edits import EDITS


@pytest.mark.parametrize("name", EDITS)
def test_an_edit_changes_the_image_and_leaves_the_original_alone(
    name: str, picture: Callable[..., Image.Image]
) -> None:
    image = picture(0, (200, 100))
    before = image.tobytes()
    edited = EDITS[name](image)
    assert edited.mode == "RGB"
    assert image.tobytes() == before
    assert edited.size != image.size or edited.tobytes() != before


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("crop-70", (140, 70)),
        ("thumbnail-64", (128, 64)),
        ("thumbnail-64-long", (64, 32)),
        ("mirror", (200, 100)),
    ],
)
def test_sizes(name: str, size: tuple[int, int], picture: Callable[..., Image.Image]) -> None:
    assert EDITS[name](picture(0, (200, 100))).size == size


def test_the_mirror_swaps_left_and_right(picture: Callable[..., Image.Image]) -> None:
    image = picture(0)
    assert np.array_equal(np.asarray(EDITS["mirror"](image)), np.asarray(image)[:, ::-1])
