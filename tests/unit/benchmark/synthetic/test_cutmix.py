from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from pytest_replication.benchmark.synthetic.cutmix import cutmix, mix
from pytest_replication.benchmark.synthetic.recipe import Ingredients


@pytest.mark.parametrize("in_front", [True, False])
@pytest.mark.parametrize("seed", range(5))
def test_every_pixel_comes_from_the_image_that_the_box_says(
    noise: Callable[..., Image.Image], in_front: bool, seed: int
) -> None:
    source, host = noise(1), noise(2)
    mixed = mix(source, host, 0.5, in_front, np.random.default_rng(seed))
    left, upper, right, lower = mixed.made["box"]
    inside = np.zeros((32, 48), np.bool_)
    inside[upper:lower, left:right] = True
    of_source = inside == in_front
    pixels = np.asarray(mixed.image)
    assert np.array_equal(pixels[of_source], np.asarray(source)[of_source])
    assert np.array_equal(pixels[~of_source], np.asarray(host)[~of_source])
    assert mixed.area == pytest.approx(of_source.mean())
    assert mixed.made["shows"] == ("box" if in_front else "background")


def test_the_picture_has_the_size_of_its_background(noise: Callable[..., Image.Image]) -> None:
    source, host = noise(1, (40, 40)), noise(2, (64, 20))
    rng = np.random.default_rng(0)
    assert mix(source, host, 0.5, True, rng).image.size == (64, 20)
    assert mix(source, host, 0.5, False, rng).image.size == (40, 40)


def test_the_copies_of_one_source_share_lambda_and_side_but_no_box(
    ingredients: Callable[..., Ingredients],
) -> None:
    copies = [copy for copy in cutmix(ingredients(hosts=6)) if copy]
    assert len(copies) == 6
    assert len({copy.made["lambda"] for copy in copies}) == 1
    assert len({copy.made["shows"] for copy in copies}) == 1
    assert len({tuple(copy.made["box"]) for copy in copies}) > 1


def test_lambda_is_uniform_for_beta_1_and_the_sides_take_turns_by_chance(
    ingredients: Callable[..., Ingredients],
) -> None:
    copies = [copy for seed in range(300) for copy in cutmix(ingredients(seed)) if copy]
    lambdas = np.array([copy.made["lambda"] for copy in copies])
    assert lambdas.mean() == pytest.approx(0.5, abs=0.05)
    assert lambdas.std() == pytest.approx(12**-0.5, abs=0.03)
    assert np.mean([copy.made["shows"] == "box" for copy in copies]) == pytest.approx(0.5, abs=0.1)


def test_beta_moves_lambda_to_the_middle(ingredients: Callable[..., Ingredients]) -> None:
    copies = [copy for seed in range(50) for copy in cutmix(ingredients(seed), beta=100.0) if copy]
    assert np.std([copy.made["lambda"] for copy in copies]) < 0.06
