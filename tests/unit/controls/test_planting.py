from __future__ import annotations

import io
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pytest_replication import open_index
from pytest_replication.controls.planting import (
    LONGEST,
    Planted,
    allowance,
    choose,
    margin,
    plant,
    store_canaries,
)
from pytest_replication.embedders.pixels import PixelEmbedder
from pytest_replication.errors import SettingsError
from pytest_replication.images.edits import EDITS, mirror
from pytest_replication.index import Index
from pytest_replication.index.canaries import png
from pytest_replication.search import search
from pytest_replication.search.embed import embed_images

Originals = list[tuple[int, Image.Image]]


def test_every_edit_of_every_original_is_planted(planted: Planted) -> None:
    assert len(planted) == 20 * len(EDITS)
    assert Counter(zip(planted.rows.tolist(), planted.edits, strict=True)) == {
        (row, edit): 1 for row in range(20) for edit in EDITS
    }


def test_scores_are_those_with_the_own_training_image(
    planted: Planted, pixels_index: Index, originals: Originals
) -> None:
    for place in (0, 9, 75, 159):
        own = dict(originals)[int(planted.rows[place])]
        copy = EDITS[planted.edits[place]](own)
        found = search(pixels_index, embed_images(pixels_index, [copy]), 20)
        rank = found.rows[0].tolist().index(planted.rows[place])
        assert planted.scores[place] == pytest.approx(found.scores[0, rank], abs=2e-6)
        assert planted.first[place] == (rank == 0)


def test_pixels_find_grey_copies_and_no_mirrored_ones(planted: Planted) -> None:
    recall = planted.recall(0.9)
    assert recall["jpeg-20"] == (20, 20)
    assert recall["mirror"][0] < 5
    assert planted.recall(-1)["mirror"][1] == 20
    assert sum(found for found, _ in recall.values()) == planted.found(0.9).sum()


def test_a_copy_whose_original_is_not_the_nearest_is_not_found(planted: Planted) -> None:
    assert not planted.found(-1).all()
    assert not replace(planted, first=np.zeros(len(planted), bool)).found(-1).any()


def test_a_duplicate_of_the_original_counts_as_it(
    made_up_index: object, tmp_path: Path, picture: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = [picture(seed) for seed in range(4)]  # type: ignore[operator]
    pixels = PixelEmbedder()
    vectors = pixels.embed([pixels.prepare(image) for image in images])
    twice = np.concatenate([vectors[[2]].repeat(9, axis=0), vectors])[:, None]
    index = made_up_index(tmp_path / "twice", twice)  # type: ignore[operator]
    monkeypatch.setattr(Index, "embedder", pixels)
    planted = plant(index, [(11, images[2]), (0, images[2])], edits={"none": lambda image: image})
    assert planted.first.all()
    assert planted.scores.tolist() == [1.0, 1.0]
    other = plant(index, [(9, images[3])], edits={"none": lambda image: image})
    assert not other.first.any()
    assert other.scores[0] < 0.9


def test_the_choice_is_spread_over_edits_and_images(pixels_index: Index, planted: Planted) -> None:
    kept = choose(pixels_index, planted, 0.9, 40, 0).kept
    edits, rows = Counter(c.edit for c in kept), Counter(c.row for c in kept)
    found = {name for name, (hits, _) in planted.recall(0.9).items() if hits >= 8}
    assert len(kept) == 40
    assert found <= edits.keys()
    assert max(edits.values()) <= min(edits[name] for name in found) + 1
    assert max(rows.values()) <= 3
    assert kept == choose(pixels_index, planted, 0.9, 40, 0).kept
    assert kept != choose(pixels_index, planted, 0.9, 40, 1).kept


def test_only_copies_that_are_found_with_a_margin_are_kept(pixels_index: Index, planted: Planted) -> None:
    scores = np.sort(planted.scores[planted.first])
    at = float(scores[len(scores) // 2])
    chosen = choose(pixels_index, planted, at, 1000, 0)
    assert min(canary.score for canary in chosen.kept) >= at + allowance(pixels_index)
    assert len(chosen.kept) < chosen.found == planted.found(at).sum()
    assert margin(pixels_index, 1.0) == 0
    assert margin(pixels_index, 0.999) == pytest.approx(0.0005)


def test_canaries_are_the_copies_that_were_scored(pixels_index: Index, planted: Planted) -> None:
    kept = choose(pixels_index, planted, 0.9, 16, 0).kept
    vectors = embed_images(pixels_index, [canary.picture() for canary in kept])
    found = search(pixels_index, vectors, 1)
    assert found.rows[:, 0].tolist() == [canary.row for canary in kept]
    assert found.scores[:, 0] == pytest.approx([canary.score for canary in kept], abs=2e-6)


def test_large_originals_are_shrunk_before_they_are_edited(pixels_index: Index) -> None:
    large = Image.new("RGB", (3000, 10), "red")
    planted = plant(pixels_index, [(0, large)], edits={"mirror": mirror})
    with Image.open(io.BytesIO(planted.originals[0])) as kept:
        assert kept.size == (LONGEST, 2)


@pytest.mark.parametrize("rows", [[-1], [20], [3, 3]])
def test_rows_that_are_not_searched_are_refused(pixels_index: Index, rows: list[int]) -> None:
    image = Image.new("RGB", (8, 8), "red")
    with pytest.raises(SettingsError, match="is not searched, or is given twice"):
        plant(pixels_index, [(row, image) for row in rows])


@pytest.mark.parametrize(("threshold", "count"), [(-1.0, 8), (1.1, 8), (float("nan"), 8), (0.5, 0)])
def test_terms_that_mean_nothing_are_refused(
    pixels_index: Index, planted: Planted, threshold: float, count: int
) -> None:
    with pytest.raises(SettingsError, match="canaries at a threshold of"):
        store_canaries(pixels_index, planted, threshold, count)


def test_png_keeps_every_pixel() -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (9, 7, 3), dtype=np.uint8))
    with Image.open(io.BytesIO(png(noise))) as image:
        assert np.array_equal(np.asarray(image), np.asarray(noise))


def test_storing_keeps_what_was_chosen(damaged: Path, planted: Planted) -> None:
    index = open_index(damaged)
    stored = store_canaries(index, planted, 0.9, 8)
    assert open_index(damaged).canaries == stored
    assert len(stored.kept) == 8
