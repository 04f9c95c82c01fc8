"""A copied part is found where it is, however it was moved; what is not copied does not lie alike."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont, ImageOps

from pytest_replication.images.local import FEATURE
from pytest_replication.scoring.geometry import Alignment, LocalImage, _laid, align

pytest.importorskip("cv2")
CLEAR = 8


def local(image: Image.Image) -> LocalImage:
    return LocalImage.of(image)


@pytest.fixture(scope="module")
def photos(training: Path, unrelated: Path) -> tuple[list[Image.Image], list[Image.Image]]:
    def opened(folder: Path) -> list[Image.Image]:
        files = sorted(path for path in folder.iterdir() if path.suffix in (".jpg", ".png", ".jpeg"))
        return [Image.open(path).convert("RGB") for path in files]

    return opened(training), opened(unrelated)


def inside(alignment: Alignment, polygon: str, box: tuple[float, float, float, float]) -> bool:
    left, top, right, bottom = box
    corners = getattr(alignment, polygon)
    slack = 0.03
    return all(left - slack <= x <= right + slack and top - slack <= y <= bottom + slack for x, y in corners)


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize(("scale", "turn"), [(0.5, 0), (1.0, 0), (0.8, 20)])
def test_a_part_that_was_moved_scaled_turned_and_mirrored_is_found_in_its_place(
    photos: tuple[list[Image.Image], list[Image.Image]], flip: bool, scale: float, turn: int
) -> None:
    source, host = photos[0][0].resize((480, 360)), photos[1][0].resize((320, 480))
    box = (120, 80, 360, 280)
    part = source.crop(box).convert("RGBA")
    part = ImageOps.mirror(part) if flip else part
    part = part.resize((round(240 * scale), round(200 * scale)), Image.Resampling.BICUBIC)
    part = part.rotate(turn, Image.Resampling.BICUBIC, expand=True)
    sample, at = host.copy(), (20, 60)
    sample.paste(part, at, part)
    found = align(local(sample), local(source))
    assert found is not None
    assert found.points == found.inliers >= CLEAR
    assert found.correlation is not None
    assert found.correlation > 0.8
    assert found.mirrored == flip
    # Longest sides are made equal, of both images.
    assert found.scale == pytest.approx(1 / scale * (480 / 480), rel=0.05)
    assert abs(found.degrees) == pytest.approx(turn, abs=2)
    x0, y0 = at[0] / 320, at[1] / 480
    assert inside(found, "sample", (x0, y0, x0 + part.width / 320, y0 + part.height / 480))
    assert inside(found, "training", (box[0] / 480, box[1] / 360, box[2] / 480, box[3] / 360))
    assert 0 < found.spread <= part.width * part.height / (320 * 480)


def test_unrelated_photographs_do_not_lie_alike(
    photos: tuple[list[Image.Image], list[Image.Image]],
) -> None:
    training, others = ([local(image) for image in images[:6]] for images in photos)
    found = [align(one, other) for one, other in itertools.product(others, training)]
    assert max(0 if one is None else one.inliers for one in found) < CLEAR


def test_what_repeats_is_no_copy() -> None:
    def board(side: int, shift: int) -> Image.Image:
        image = Image.new("RGB", (384, 384), "white")
        draw = ImageDraw.Draw(image)
        for row, column in itertools.product(range(-1, 20), range(-1, 20)):
            if (row + column) % 2:
                x, y = column * side + shift, row * side + shift
                draw.rectangle((x, y, x + side - 1, y + side - 1), fill="black")
        return image

    found = align(local(board(32, 0)), local(board(32, 13)))
    assert found is None or found.inliers < CLEAR


def test_boards_of_one_size_are_no_copies_of_each_other() -> None:
    def board(dark: str, light: str, size: tuple[int, int]) -> Image.Image:
        image = Image.new("RGB", size, light)
        for row, column in itertools.product(range(20), range(20)):
            if (row + column) % 2:
                box = (40 * column, 40 * row, 40 * column + 39, 40 * row + 39)
                ImageDraw.Draw(image).rectangle(box, fill=dark)
        return image

    found = align(local(board("#3c1e46", "#f0dcaa", (512, 384))), local(board("navy", "white", (384, 512))))
    assert found is not None
    assert found.inliers >= CLEAR
    assert found.points < 5


def test_walls_of_other_bricks_lie_on_each_other_in_many_ways() -> None:
    def wall(seed: int) -> Image.Image:
        random = np.random.default_rng(seed)
        image = Image.new("RGB", (420, 420), (150, 150, 150))
        draw = ImageDraw.Draw(image)
        for row, y in enumerate(range(0, 420, 30)):
            for x in range(row % 2 * 30 - 60, 420, 60):
                draw.rectangle(
                    (x + 2, y + 2, x + 57, y + 27), fill=tuple(random.integers(90, 190, 3).tolist())
                )
        return image

    found = [align(local(wall(seed)), local(wall(seed + 1))) for seed in (0, 2, 4, 6)]
    assert all(one is None or one.points < 6 <= one.inliers for one in found)
    same = align(local(wall(0)), local(wall(0).crop((30, 30, 390, 390))))
    assert same is not None
    assert same.points > 30


def test_images_without_features_align_with_nothing() -> None:
    blank = LocalImage(np.empty(0, FEATURE), 300, 200)
    assert align(blank, blank) is None


def test_the_same_pair_gives_the_same_alignment(
    photos: tuple[list[Image.Image], list[Image.Image]],
) -> None:
    one, other = local(photos[0][0]), local(photos[0][0].rotate(10))
    assert align(one, other) == align(one, other)


def test_a_sample_that_was_prepared_aligns_as_it_did(
    photos: tuple[list[Image.Image], list[Image.Image]],
) -> None:
    one, other = local(photos[0][0]), local(photos[0][0].rotate(10))
    ready = one.prepare()
    assert ready.prepare() is ready
    assert align(ready, other) == align(one, other)


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("turn", [90, 180])
def test_pictures_lie_on_each_other_however_they_are_turned(
    photos: tuple[list[Image.Image], list[Image.Image]], turn: int, flip: bool
) -> None:
    source = photos[0][0].resize((480, 360))
    sample = ImageOps.mirror(source) if flip else source
    found = align(local(sample.rotate(turn, expand=True)), local(source))
    assert found is not None
    assert found.correlation is not None
    assert found.correlation > 0.95
    assert found.points == min(found.inliers, int(found.kinds)) > 50


def test_a_caption_that_both_have_does_not_hide_a_copy(
    photos: tuple[list[Image.Image], list[Image.Image]],
) -> None:
    font = ImageFont.load_default(26)

    def captioned(image: Image.Image, top: int) -> Image.Image:
        image = image.copy()
        draw = ImageDraw.Draw(image)
        draw.rectangle((0, top - 4, 512, top + 36), fill="white")
        draw.text((10, top), "Pack my box with five dozen jugs", fill="black", font=font)
        return image

    training = captioned(photos[0][0].resize((512, 512)), 440)
    alone = photos[1][0].resize((512, 512))
    alone.paste(training.crop((150, 60, 290, 200)), (30, 200))
    both = captioned(alone, 60)
    by_part, by_both = align(local(alone), local(training)), align(local(both), local(training))
    assert by_part is not None
    assert by_both is not None
    assert by_part.points >= CLEAR
    assert by_both.points >= 0.8 * by_part.points


def test_shear_is_taken_where_points_tell_it() -> None:
    same = np.array([[1.0, 0, 0], [0, 1, 0]])
    grid = np.array([(x, y) for x in range(0, 90, 30) for y in range(0, 90, 30)], np.float64)
    sheared = grid @ np.array([[1, 0], [0.2, 1]])
    assert _laid(same, grid, sheared) == pytest.approx(np.array([[1, 0.2, 0], [0, 1, 0]]), abs=1e-9)
    assert _laid(same, grid[:5], sheared[:5]) is same
    line = np.column_stack([np.arange(20.0), np.zeros(20)])
    assert _laid(same, line, line) is same
