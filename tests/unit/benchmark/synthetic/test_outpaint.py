from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pytest_replication.benchmark.synthetic.outpaint import (
    CORNERS,
    diagonal_outpaint,
    patch_outpaint,
    triangle,
)
from pytest_replication.benchmark.synthetic.recipe import Ingredients
from pytest_replication.benchmark.synthetic.segmented import unlabelled
from pytest_replication.errors import BenchmarkError


class Red:
    """Fills with red, and refuses every image after the first ones."""

    def __init__(self, refuses_after: int = 1000) -> None:
        self.seeds: list[int] = []
        self.refuses_after = refuses_after

    @property
    def about(self) -> Mapping[str, Any]:
        return {"name": "red"}

    def __call__(self, image: Image.Image, missing: np.ndarray, seed: int) -> Image.Image | None:
        self.seeds.append(seed)
        if len(self.seeds) > self.refuses_after:
            return None
        return Image.fromarray(np.where(missing[..., None], (255, 0, 0), np.asarray(image)).astype(np.uint8))


def test_a_patch_is_square_of_a_size_within_the_range_and_all_that_is_kept(
    ingredients: Callable[..., Ingredients],
) -> None:
    parts = ingredients(copies=50, fill=Red())
    source = np.asarray(parts.source.image)
    patches = []
    for mixed in patch_outpaint(parts, smallest=0.25, largest=0.5):
        assert mixed is not None
        left, upper, right, lower = mixed.made["patch"]
        assert right - left == lower - upper
        assert 8 <= right - left <= 16
        kept = np.zeros((32, 48), np.bool_)
        kept[upper:lower, left:right] = True
        pixels = np.asarray(mixed.image)
        assert np.array_equal(pixels[kept], source[kept])
        assert (pixels[~kept] == (255, 0, 0)).all()
        assert mixed.area == pytest.approx(kept.mean())
        patches.append(mixed.made["patch"])
    assert min(patch[0] for patch in patches) < 4
    assert max(patch[2] for patch in patches) > 44


def test_a_diagonal_keeps_one_half_of_the_image(ingredients: Callable[..., Ingredients]) -> None:
    parts = ingredients(copies=40, fill=Red())
    source = np.asarray(parts.source.image)
    corners = set()
    for mixed in diagonal_outpaint(parts):
        assert mixed is not None
        kept = triangle(48, 32, mixed.made["corner"])
        assert np.array_equal(np.asarray(mixed.image)[kept], source[kept])
        assert (np.asarray(mixed.image)[~kept] == (255, 0, 0)).all()
        assert mixed.area == pytest.approx(0.5, abs=0.03)
        corners.add(mixed.made["corner"])
    assert corners == set(CORNERS)


@pytest.mark.parametrize("size", [(48, 32), (7, 7), (10, 3), (1, 9)])
def test_triangles_hold_their_corner_and_two_opposite_ones_never_meet(size: tuple[int, int]) -> None:
    masks = {corner: triangle(*size, corner) for corner in CORNERS}
    for one, other in (("upper left", "lower right"), ("upper right", "lower left")):
        assert not (masks[one] & masks[other]).any()
        assert np.array_equal(masks[one], masks[other][::-1, ::-1])
    if min(size) > 1:
        assert masks["upper left"][0, 0]
        assert masks["upper right"][0, -1]
        assert masks["lower left"][-1, 0]
        assert masks["lower right"][-1, -1]


def test_each_copy_is_filled_with_a_seed_of_its_own(ingredients: Callable[..., Ingredients]) -> None:
    fillers = [Red(), Red()]
    for filler in fillers:
        patch_outpaint(ingredients(copies=5, fill=filler))
    assert len(set(fillers[0].seeds)) == 5
    assert fillers[0].seeds == fillers[1].seeds


def test_what_the_filler_refuses_is_no_copy(ingredients: Callable[..., Ingredients]) -> None:
    made = patch_outpaint(ingredients(copies=3, fill=Red(refuses_after=1)))
    assert [mixed is None for mixed in made] == [False, True, True]


def test_an_image_of_one_pixel_has_no_triangle(ingredients: Callable[..., Ingredients]) -> None:
    parts = ingredients(source=unlabelled(Image.new("RGB", (1, 1))), copies=1, fill=Red())
    assert diagonal_outpaint(parts) == [None]


def test_a_range_upside_down_or_no_filler_is_refused(ingredients: Callable[..., Ingredients]) -> None:
    with pytest.raises(BenchmarkError, match="swap the two"):
        patch_outpaint(ingredients(fill=Red()), smallest=0.7, largest=0.5)
    with pytest.raises(BenchmarkError, match="no filler was given"):
        diagonal_outpaint(ingredients())
