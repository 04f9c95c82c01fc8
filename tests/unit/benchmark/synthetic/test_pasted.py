from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from pytest_replication.benchmark.synthetic.pasted import (
    cut_object,
    degrade,
    foreground_replaced,
    object_paste,
    patch_paste,
    redraw,
    redrawn,
)
from pytest_replication.benchmark.synthetic.recipe import Ingredients, Mixed
from pytest_replication.benchmark.synthetic.segmented import Segmented, unlabelled
from pytest_replication.errors import BenchmarkError


def runs(
    recipe: Callable[..., list[Mixed | None]],
    ingredients: Callable[..., Ingredients],
    count: int = 10,
    **arguments: float,
) -> list[Mixed]:
    return [
        mixed
        for seed in range(count)
        for mixed in recipe(ingredients(seed), **arguments)
        if mixed is not None
    ]


def test_an_object_of_its_own_width_is_pasted_pixel_by_pixel(
    segmented: Segmented, ingredients: Callable[..., Ingredients]
) -> None:
    wanted = np.asarray(segmented.image)[4:20, 10:30]
    host = np.asarray(ingredients().hosts[0])
    places = set()
    for mixed in runs(object_paste, ingredients, width=20 / 48, mirrored=0):
        x, y = mixed.made["at"]
        pixels = np.asarray(mixed.image).copy()
        assert np.array_equal(pixels[y : y + 16, x : x + 20], wanted)
        pixels[y : y + 16, x : x + 20] = host[y : y + 16, x : x + 20]
        assert np.array_equal(pixels, host)
        assert mixed.area == pytest.approx(320 / (48 * 32))
        assert (mixed.made["class"], mixed.made["shrunk"], mixed.made["scale"]) == ("cat", False, 1.0)
        assert mixed.made["from"] == [[10, 4], [30, 4], [30, 20], [10, 20]]
        places.add((x, y))
    assert len(places) > 5


@pytest.mark.parametrize("width", [0.05, 0.25, 0.5, 0.75])
def test_an_object_is_as_wide_as_is_asked(ingredients: Callable[..., Ingredients], width: float) -> None:
    for mixed in runs(object_paste, ingredients, 4, width=width):
        x = np.array(mixed.made["to"])[:, 0]
        assert x.max() - x.min() == pytest.approx(48 * width, abs=0.5)


def test_an_object_too_large_for_the_host_is_shrunk_until_it_fits(
    ingredients: Callable[..., Ingredients],
) -> None:
    for mixed in runs(object_paste, ingredients, 4, width=1.0):  # 48 x 38.4 in 48 x 32
        y = np.array(mixed.made["to"])[:, 1]
        assert mixed.made["shrunk"]
        assert y.max() - y.min() == 32


def test_factors_are_drawn_between_two_and_evenly_in_their_logarithm(
    ingredients: Callable[..., Ingredients],
) -> None:
    made = runs(object_paste, ingredients, 60, smallest=0.25, largest=1.0)
    scales = np.array([mixed.made["scale"] for mixed in made])
    assert scales.min() >= 0.25
    assert scales.max() <= 1.0
    assert np.median(scales) == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize("given", [(0.5, 0.0), (0.0, 0.5), (1.0, 0.5)])
def test_one_factor_alone_or_both_swapped_are_refused(
    ingredients: Callable[..., Ingredients], given: tuple[float, float]
) -> None:
    with pytest.raises(BenchmarkError, match="give both, the smaller first"):
        object_paste(ingredients(), smallest=given[0], largest=given[1])


def test_a_source_without_objects_gives_no_copy(
    noise: Callable[..., Image.Image], ingredients: Callable[..., Ingredients]
) -> None:
    bare = unlabelled(noise(1))
    for recipe in (object_paste, foreground_replaced):
        assert recipe(ingredients(hosts=2, source=bare)) == [None, None]
    with pytest.raises(ValueError, match="no pixel of the label 7"):
        cut_object(bare, 7)


def test_half_are_mirrored_and_all_are_turned_by_as_much_as_is_asked(
    ingredients: Callable[..., Ingredients],
) -> None:
    made = [
        *runs(object_paste, ingredients, 60, width=0.2, turn=15.0, shear=0.2),
        *runs(patch_paste, ingredients, 60, side=0.2, turn=15.0),
    ]
    assert {abs(mixed.made["degrees"]) for mixed in made} == {15.0}
    assert {abs(mixed.made["shear"]) for mixed in made[:60]} == {0.2}
    assert np.mean([mixed.made["mirrored"] for mixed in made]) == pytest.approx(0.5, abs=0.12)


def test_a_patch_is_a_square_of_the_source_that_covers_the_host(
    segmented: Segmented, noise: Callable[..., Image.Image], ingredients: Callable[..., Ingredients]
) -> None:
    for mixed in runs(patch_paste, ingredients, side=0.5, mirrored=0):
        (left, upper), _, (right, lower), _ = (map(int, point) for point in mixed.made["from"])
        x, y = mixed.made["at"]
        assert (right - left, lower - upper) == (16, 16)
        pasted = np.asarray(mixed.image)[y : y + 16, x : x + 16]
        assert np.array_equal(pasted, np.asarray(segmented.image)[upper:lower, left:right])
        assert mixed.area == pytest.approx(256 / (48 * 32))
    (larger,) = patch_paste(replace(ingredients(), hosts=(noise(3, (96, 64)),)), side=0.5)
    assert larger is not None
    assert larger.made["scale"] == pytest.approx(2)  # the source was enlarged, and its pixels are counted
    assert larger.area == pytest.approx(32 * 32 / (96 * 64))


def test_a_patch_may_be_pasted_smaller(ingredients: Callable[..., Ingredients]) -> None:
    for mixed in runs(patch_paste, ingredients, 4, side=0.5, scale=0.5):
        assert mixed.made["scale"] == 0.5
        assert mixed.area == pytest.approx(64 / (48 * 32))


def test_a_patch_shows_something_where_the_source_does(
    ingredients: Callable[..., Ingredients], noise: Callable[..., Image.Image]
) -> None:
    half = np.full((32, 48, 3), 90, np.uint8)
    half[:, 24:] = np.asarray(noise(1))[:, 24:]
    flat = unlabelled(Image.fromarray(half))
    made = runs(patch_paste, lambda seed: ingredients(seed, source=flat), 20, side=0.3)
    assert all(np.array(mixed.made["from"])[:, 0].max() > 24 for mixed in made)


def test_a_degraded_patch_is_like_the_source_but_not_the_same(
    ingredients: Callable[..., Ingredients], noise: Callable[..., Image.Image]
) -> None:
    smooth = unlabelled(noise(1, (6, 4)).resize((48, 32), Image.Resampling.BICUBIC))
    arguments = {"side": 0.5, "mirrored": 0.0}
    (plain,) = patch_paste(ingredients(3, source=smooth), **arguments)
    (worse,) = patch_paste(ingredients(3, source=smooth), **arguments, degraded=1)
    assert plain is not None
    assert worse is not None
    assert worse.made["from"] == plain.made["from"]
    x, y = worse.made["at"]
    given, wanted = np.asarray(worse.image, float)[y : y + 16, x : x + 16], np.asarray(plain.image, float)
    x, y = plain.made["at"]
    wanted = wanted[y : y + 16, x : x + 16]
    assert np.abs(given - wanted).mean() > 5
    assert np.corrcoef(given.mean(2).ravel(), wanted.mean(2).ravel())[0, 1] > 0.8
    with pytest.raises(BenchmarkError, match=r"degraded is 0\.5; expected 0 or 1"):
        patch_paste(ingredients(), degraded=0.5)


def test_degrading_changes_colours_and_adds_noise_of_a_known_strength() -> None:
    grey = Image.new("RGB", (64, 64), (100, 100, 100))
    for seed in range(8):
        pixels = np.asarray(degrade(grey, np.random.default_rng(seed)), float)
        assert pixels.std(axis=(0, 1)) == pytest.approx([6, 6, 6], rel=0.1)
        means = pixels.mean(axis=(0, 1))
        assert (means > 100 * 0.7 * 0.8 - 1).all()
        assert (means < 100 * 1.3 * 1.2 + 1).all()
        assert means.max() - means.min() > 1


def test_redrawn_pastes_objects_and_patches_in_turns_and_smooths_all(
    ingredients: Callable[..., Ingredients],
) -> None:
    pytest.importorskip("cv2")
    made = [mixed for mixed in redrawn(ingredients(hosts=4, first=1)) if mixed is not None]
    assert [mixed.made["pasted"] for mixed in made] == ["patch", "object", "patch", "object"]
    host = np.asarray(ingredients().hosts[0], float)
    for mixed in made:
        assert np.asarray(mixed.image, float).std() < 0.6 * host.std()
    bare = ingredients(source=unlabelled(ingredients().source.image))
    assert redrawn(bare) == [None]


def test_redrawing_keeps_what_is_coarse(noise: Callable[..., Image.Image]) -> None:
    pytest.importorskip("cv2")
    coarse = noise(1, (4, 3)).resize((64, 48), Image.Resampling.BICUBIC)
    assert np.abs(np.asarray(redraw(coarse), float) - np.asarray(coarse, float)).mean() < 4


def test_redrawing_says_when_opencv_is_missing(
    monkeypatch: pytest.MonkeyPatch, noise: Callable[..., Image.Image]
) -> None:
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(BenchmarkError, match=r"needs OpenCV .*pip install 'pytest-replication\[bench\]'"):
        redraw(noise(1))


def test_no_pixel_of_the_foreground_or_of_void_is_left_and_the_rest_is_the_background(
    segmented: Segmented, ingredients: Callable[..., Ingredients]
) -> None:
    source = np.asarray(segmented.image)
    foreign = segmented.labels != 0
    shapes = set()
    for mixed in runs(foreground_replaced, ingredients, 20):
        kept = (np.asarray(mixed.image) == source).all(axis=2)
        assert not kept[foreign].any()
        assert mixed.area == pytest.approx(kept.mean(), abs=0.01)
        assert kept[:, 36:].all()  # beyond the margin
        shapes |= {(one["class"], one["by"]) for one in mixed.made["replaced"]}
    assert shapes == {("cat", "box"), ("cat", "outline"), ("void", "outline")}


def test_a_source_that_is_all_object_has_no_background_to_keep(
    noise: Callable[..., Image.Image], ingredients: Callable[..., Ingredients]
) -> None:
    full = Segmented(noise(1), np.ones((32, 48), np.int32))
    assert foreground_replaced(ingredients(source=full)) == [None]
