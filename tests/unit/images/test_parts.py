from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from pytest_replication.errors import SettingsError
from pytest_replication.images.parts import BARE, GRIDS, USUAL, described, grid
from pytest_replication.images.views import View, cut, in_pixels

SIDES = {"quarter": (4, 0.6), "ninth": (9, 0.5), "sixteenth": (16, 0.35)}


def of_kind(kind: str) -> list[View]:
    return [part for part in GRIDS["sixteenths"] if part.name.startswith(kind)]


def test_each_grid_holds_those_before() -> None:
    assert [len(parts) for parts in GRIDS.values()] == [0, 4, 13, 29]
    assert GRIDS["sixteenths"][:13] == GRIDS["ninths"]
    assert GRIDS["ninths"][:4] == GRIDS["quarters"]
    assert len({part.name for part in GRIDS["sixteenths"]}) == 29
    assert grid(USUAL) == ()
    assert grid(BARE) == GRIDS["ninths"]
    with pytest.raises(SettingsError, match="'halves' is no grid of parts"):
        grid("halves")


@pytest.mark.parametrize("kind", SIDES)
def test_boxes_of_a_size_cover_the_image_evenly(kind: str) -> None:
    count, side = SIDES[kind]
    boxes = [part.box for part in of_kind(kind)]
    assert len(boxes) == count
    for left, top, right, bottom in boxes:
        assert right - left == pytest.approx(side, abs=1e-4)
        assert bottom - top == pytest.approx(side, abs=1e-4)
        assert 0 <= left < right <= 1
        assert 0 <= top < bottom <= 1
    mirrored = {(round(1 - box[2], 3), box[1], round(1 - box[0], 3), box[3]) for box in boxes}
    assert mirrored == {(round(box[0], 3), box[1], round(box[2], 3), box[3]) for box in boxes}
    assert {(box[1], box[0], box[3], box[2]) for box in boxes} == set(boxes)


@given(st.sampled_from(sorted(SIDES)), st.floats(0, 1), st.floats(0, 1))
def test_every_point_lies_in_a_box_of_each_size(kind: str, x: float, y: float) -> None:
    boxes = (part.box for part in of_kind(kind))
    assert any(left <= x <= right and top <= y <= bottom for left, top, right, bottom in boxes)


@given(st.integers(1, 40), st.integers(1, 40))
def test_parts_of_images_of_any_size_lie_in_them(width: int, height: int) -> None:
    image = Image.new("RGB", (width, height))
    for part, piece in zip(GRIDS["sixteenths"], cut(image, GRIDS["sixteenths"]), strict=True):
        left, top, right, bottom = in_pixels(part.box, image.size)
        assert 0 <= left < right <= width
        assert 0 <= top < bottom <= height
        assert piece.size == (right - left, bottom - top)


def test_a_part_in_words() -> None:
    assert described(GRIDS["ninths"][8]) == (
        "ninth 5 of 9 (25 to 75 % of the width, 25 to 75 % of the height)"
    )
