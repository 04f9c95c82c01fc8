"""Parts of two tones, and whether they are flat."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from pytest_replication.scoring.agreement import SIDE, Picture, picture_of
from pytest_replication.scoring.tones import Tones, tones_of

pytest.importorskip("cv2")

WHOLE = np.array([[0, 0], [SIDE, 0], [SIDE, SIDE], [0, SIDE]], np.float64)
PHOTOS = sorted((Path(__file__).parents[3] / "fixtures" / "photos" / "training").glob("*.jpg"))


def lettering(ground: str = "white") -> Image.Image:
    paper = Image.new("RGB", (512, 512), ground)
    pen, font = ImageDraw.Draw(paper), ImageFont.load_default(70)
    for row, word in enumerate(("KEWACARVO", "MODUBALE", "TIRUNOSK", "WEPAVILO")):
        pen.text((40, 30 + 110 * row), word, fill="#206a10", font=font)
    return paper


def compressed(image: Image.Image) -> Image.Image:
    noise = np.random.default_rng(0).normal(0, 6, (image.height, image.width, 3))
    noisy = Image.fromarray(np.clip(np.asarray(image) + noise, 0, 255).astype(np.uint8))
    noisy.save(file := io.BytesIO(), "JPEG", quality=60)
    return Image.open(file).convert("RGB")


def coat_before_the_sky() -> Picture:
    """Two tones, one of which is cloth: what is photographed, as its contrast is raised."""
    rng = np.random.default_rng(1)
    coarse = Image.fromarray(rng.integers(10, 150, (32, 32), np.uint8)).resize((SIDE, SIDE))
    cloth = np.stack([np.asarray(coarse)] * 3, axis=-1)
    cloth[: SIDE // 2] = 240
    return cloth


@pytest.mark.parametrize("made", [lettering, lambda: compressed(lettering())])
def test_lettering_is_bare(made: object) -> None:
    assert callable(made)
    found = tones_of(picture_of(made()), WHOLE)
    assert found.share > 0.75
    assert found.roughness < 0.05
    assert found.bare


def test_a_checkerboard_is_bare() -> None:
    board = np.kron((np.indices((8, 8)).sum(axis=0) % 2), np.ones((32, 32))).astype(np.uint8) * 200
    found = tones_of(np.stack([board] * 3, axis=-1), WHOLE)
    assert found == Tones(pytest.approx(1.0), 0.0)
    assert found.bare


def test_high_contrast_is_not() -> None:
    found = tones_of(coat_before_the_sky(), WHOLE)
    assert found.share > 0.85
    assert found.roughness > 0.05
    assert not found.bare


def test_photographs_and_ramps_are_not() -> None:
    assert tones_of(picture_of(Image.open(PHOTOS[0]).convert("RGB")), WHOLE).share < 0.75
    ramp = np.broadcast_to(np.arange(SIDE, dtype=np.uint8)[None, :, None], (SIDE, SIDE, 3))
    found = tones_of(np.ascontiguousarray(ramp), WHOLE)
    assert found.share == pytest.approx(0.75, abs=0.01)
    assert found.roughness == pytest.approx(0.25, abs=0.02)
    assert not found.bare


def test_the_part_alone_counts() -> None:
    picture = picture_of(lettering()).copy()
    picture[SIDE // 2 :] = picture_of(Image.open(PHOTOS[0]).convert("RGB").resize((SIDE, SIDE)))[SIDE // 2 :]
    upper = WHOLE * [1, 0.48]
    assert tones_of(picture, upper).bare
    assert not tones_of(picture, WHOLE).bare


def test_next_to_nothing_is_bare() -> None:
    picture = picture_of(Image.new("RGB", (64, 64), "grey"))
    assert tones_of(picture, WHOLE).bare
    assert tones_of(picture[:2, :2].copy(), np.zeros((3, 2))).bare


@pytest.mark.parametrize(
    ("share", "roughness", "bare"),
    [(0.96, 0.5, True), (0.8, 0.04, True), (0.8, 0.06, False), (0.7, 0.0, False)],
)
def test_rough_tones_are_bare_only_where_there_is_nothing_else(
    share: float, roughness: float, bare: bool
) -> None:
    assert Tones(share, roughness).bare is bare
