from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from pytest_replication.benchmark.synthetic.recipe import Ingredients, Mixed
from pytest_replication.benchmark.synthetic.segmented import Segmented
from pytest_replication.benchmark.synthetic.segmix import (
    HARD,
    RESIZED,
    augmented_mix,
    choose,
    segmix,
    segmix_hard,
    segmix_resized,
)


def runs(
    recipe: Callable[..., list[Mixed | None]], ingredients: Callable[..., Ingredients], count: int
) -> list[Mixed]:
    return [mixed for seed in range(count) for mixed in recipe(ingredients(seed)) if mixed is not None]


def test_segmix_copies_one_class_in_place(
    segmented: Segmented, ingredients: Callable[..., Ingredients]
) -> None:
    seen = set()
    for mixed in runs(segmix, ingredients, 10):
        label = {"cat": 7, "background": 0}[mixed.made["class"]]
        seen.add(label)
        mask = segmented.labels == label
        pixels = np.asarray(mixed.image)
        assert np.array_equal(pixels[mask], np.asarray(segmented.image)[mask])
        assert np.array_equal(pixels[~mask], np.asarray(ingredients().hosts[0])[~mask])
        assert mixed.area == pytest.approx(mask.mean())
    assert seen == {0, 7}


def test_void_is_never_chosen_and_classes_below_the_cutoff_are_not(segmented: Segmented) -> None:
    def chosen(**how: object) -> set[int | None]:
        rngs = map(np.random.default_rng, range(30))
        return {choose(segmented, rng, **{"cutoff": 0.0, "objects_only": False} | how) for rng in rngs}  # type: ignore[arg-type]

    assert chosen() == {0, 7}
    assert chosen(objects_only=True) == {7}
    assert chosen(cutoff=0.3) == {0}
    assert chosen(cutoff=0.99) == {None}


def test_no_class_gives_no_copy(ingredients: Callable[..., Ingredients]) -> None:
    for recipe in (segmix, segmix_hard, segmix_resized):
        assert recipe(ingredients(hosts=2), cutoff=0.99) == [None, None]


def test_an_object_that_vanishes_gives_no_copy(
    segmented: Segmented, noise: Callable[..., Image.Image]
) -> None:
    labels = np.zeros((32, 48), np.int32)
    labels[9, 9] = 5  # one pixel does not outlive being shrunk to nearly nothing
    tiny = replace(HARD, resized=(0.05, 0.05), objects_only=True)
    made = [
        augmented_mix(Segmented(noise(1), labels), noise(2), np.random.default_rng(seed), tiny)
        for seed in range(20)
    ]
    assert made.count(None) > 10


def test_an_object_that_falls_beyond_the_edge_gives_no_copy(noise: Callable[..., Image.Image]) -> None:
    labels = np.zeros((32, 48), np.int32)
    labels[np.arange(32), 40 - np.arange(32)] = 5  # a diagonal: the upper left of its box is empty
    still = replace(HARD, resized=(1.0, 1.0), turned=0.0, objects_only=True)
    made = [
        augmented_mix(Segmented(noise(1), labels), noise(2), np.random.default_rng(seed), still)
        for seed in range(40)
    ]
    assert 0 < made.count(None) < 40
    assert all(mixed.area > 0 for mixed in made if mixed)


def test_a_hard_object_lies_where_it_is_said_and_the_rest_is_the_host(
    ingredients: Callable[..., Ingredients], segmented: Segmented
) -> None:
    copies = [m for m in runs(segmix_hard, ingredients, 60) if m.made["class"] == "cat"]
    assert 20 < len(copies) < 40
    host = np.asarray(ingredients().hosts[0])
    for mixed in copies:
        changed = (np.asarray(mixed.image) != host).any(axis=2)
        rows, columns = np.nonzero(changed)
        x, y = mixed.made["at"]
        assert columns.min() >= x
        assert rows.min() >= y
        # The object is 20 x 16, shrunk, turned by 10 degrees at most.
        assert columns.max() - x < 20 + 16 * np.sin(np.radians(10)) + 2
        assert changed.sum() <= mixed.area * changed.size + 0.5
        assert changed.sum() >= 0.97 * mixed.area * changed.size  # some pixels are equal by chance
        assert 0.75 <= mixed.made["scale"] <= 1
        assert -10 <= mixed.made["degrees"] <= 10
        whole = mixed.area * changed.size / mixed.made["shown"]
        assert whole == pytest.approx(320 * mixed.made["scale"] ** 2, rel=0.15)


def test_a_hard_background_stays_in_place(
    ingredients: Callable[..., Ingredients], segmented: Segmented
) -> None:
    host = np.asarray(ingredients().hosts[0])
    copies = [m for m in runs(segmix_hard, ingredients, 40) if m.made["class"] == "background"]
    assert copies
    for mixed in copies:
        mask = segmented.labels == 0
        mask = mask[:, ::-1] if "mirror" in mixed.made["flips"] else mask
        mask = mask[::-1] if "flip" in mixed.made["flips"] else mask
        assert np.array_equal(np.asarray(mixed.image)[~mask], host[~mask])
        assert mixed.area == pytest.approx(mask.mean())


def test_the_object_shows_the_pixels_of_the_source(noise: Callable[..., Image.Image]) -> None:
    """Without colour changes, size or turn, what is pasted is the source, pixel by pixel."""
    smooth = noise(1, (6, 4)).resize((48, 32), Image.Resampling.BICUBIC)
    labels = np.zeros((32, 48), np.int32)
    labels[4:20, 10:30] = 7
    still = replace(HARD, resized=(1.0, 1.0), turned=0.0, objects_only=True)
    compared = 0
    for seed in range(40):
        mixed = augmented_mix(Segmented(smooth, labels), noise(2), np.random.default_rng(seed), still)
        if mixed is None or {name.split()[0] for name in mixed.made["augmented"]} != {"blur"}:
            continue
        x, y = mixed.made["at"]
        wanted = np.asarray(smooth)[4:20, 10:30]
        wanted = wanted[:, ::-1] if "mirror" in mixed.made["flips"] else wanted
        wanted = wanted[::-1] if "flip" in mixed.made["flips"] else wanted
        shown = np.asarray(mixed.image)[y : y + 16, x : x + 20]
        difference = shown.astype(float) - wanted[: shown.shape[0], : shown.shape[1]]
        assert np.abs(difference).mean() < 4  # the blur alone
        compared += 1
    assert compared >= 2


def test_flips_places_and_kinds_come_with_their_probability(
    ingredients: Callable[..., Ingredients],
) -> None:
    copies = runs(segmix_hard, ingredients, 300)
    flips = [name for mixed in copies for name in mixed.made["flips"]]
    assert flips.count("mirror") / len(copies) == pytest.approx(0.5, abs=0.1)
    assert flips.count("flip") / len(copies) == pytest.approx(0.2, abs=0.08)
    places = np.array([mixed.made["at"] for mixed in copies if "at" in mixed.made])
    assert places.min(axis=0).tolist() == [0, 0]
    assert (places.max(axis=0) > [44, 28]).all()


def test_segmix_resized_pastes_objects_only_and_smaller(ingredients: Callable[..., Ingredients]) -> None:
    copies = runs(segmix_resized, ingredients, 60)
    assert {mixed.made["class"] for mixed in copies} == {"cat"}
    scales = [mixed.made["scale"] for mixed in copies]
    assert 0.5 <= min(scales) < 0.6
    assert 0.9 < max(scales) <= 1.0
    assert RESIZED.solarised_from == 0.8


def test_a_source_of_another_size_covers_the_host(
    segmented: Segmented, noise: Callable[..., Image.Image]
) -> None:
    host = noise(3, (20, 40))
    for seed in range(10):
        mixed = augmented_mix(segmented, host, np.random.default_rng(seed))
        assert mixed is None or mixed.image.size == (20, 40)
    fitted = segmented.covering((20, 40))
    assert fitted.labels.shape == (40, 20)
    assert fitted.name(7) == "cat"
