from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from pytest_replication.benchmark.synthetic.placed import Change, Cut, changed, draw_change, place

sides = st.integers(1, 40)


def white(size: tuple[int, int]) -> Cut:
    mask = np.ones((size[1], size[0]), np.bool_)
    return Cut(Image.new("RGB", size, "white"), mask, (0.0, 0.0, float(size[0]), float(size[1])))


@settings(max_examples=40, deadline=None)
@given(
    piece=st.tuples(sides, sides),
    host=st.tuples(sides, sides),
    factor=st.floats(0.05, 5),
    degrees=st.floats(-180, 180),
    shear=st.floats(-1, 1),
    mirrored=st.booleans(),
    seed=st.integers(0, 99),
)
def test_a_piece_lies_within_the_host_and_where_it_is_said(
    piece: tuple[int, int],
    host: tuple[int, int],
    factor: float,
    degrees: float,
    shear: float,
    mirrored: bool,
    seed: int,
) -> None:
    change = Change((piece[0] * factor, piece[1] * factor), mirrored, degrees, shear)
    mixed = place(Image.new("RGB", host), white(piece), change, np.random.default_rng(seed))
    if mixed is None:  # thinner than a pixel
        return
    shown = np.asarray(mixed.image).max(axis=2) > 0
    assert mixed.image.size == host
    assert mixed.area == pytest.approx(shown.mean())
    to = np.array(mixed.made["to"])
    rows, columns = np.nonzero(shown)
    assert columns.min() >= to[:, 0].min() - 1
    assert columns.max() <= to[:, 0].max() + 1
    assert rows.min() >= to[:, 1].min() - 1
    assert rows.max() <= to[:, 1].max() + 1
    assert to.min() >= 0
    assert (
        to.max(axis=0) <= np.array(host) + 1.5
    ).all()  # a side is a whole number of pixels, and at least one


def test_a_piece_that_fits_keeps_its_size_and_one_that_does_not_is_shrunk() -> None:
    change = Change((30.0, 10.0))
    assert change.within((30, 10)) is change
    assert change.within((15, 10)).size == (15.0, 5.0)
    assert Change((30.0, 10.0), degrees=90.0).within((10, 30)).size == pytest.approx((30.0, 10.0))
    assert Change((10.0, 10.0), shear=1.0).within((10, 10)).size == (5.0, 5.0)


def test_what_is_not_changed_keeps_its_pixels(noise: Callable[..., Image.Image]) -> None:
    image = noise(1, (12, 8))
    mask = np.zeros((8, 12), np.bool_)
    mask[2:6, 3:9] = True
    given_, shape, corners = changed(Cut(image, mask, (0, 0, 12, 8)), Change((12.0, 8.0)))
    assert np.array_equal(np.asarray(given_), np.asarray(image))
    assert np.array_equal(shape, mask)
    assert corners.tolist() == [[0, 0], [12, 0], [12, 8], [0, 8]]


@pytest.mark.parametrize(
    ("mirrored", "degrees", "wanted"),
    [
        (True, 0.0, lambda pixels: pixels[:, ::-1]),
        (False, 90.0, lambda pixels: np.rot90(pixels, -1)),  # clockwise
        (False, -90.0, np.rot90),
        (True, 180.0, lambda pixels: pixels[::-1]),
    ],
)
def test_it_is_mirrored_first_then_turned_clockwise(
    noise: Callable[..., Image.Image],
    mirrored: bool,
    degrees: float,
    wanted: Callable[[object], np.ndarray],
) -> None:
    image = noise(1, (12, 8))
    cut = Cut(image, np.ones((8, 12), np.bool_), (0, 0, 12, 8))
    turned, mask, _ = changed(cut, Change((12.0, 8.0), mirrored, degrees))
    expected = wanted(np.asarray(image))
    assert mask.all()
    assert np.abs(np.asarray(turned, float) - expected).max() <= 1


def test_corners_are_named_in_the_order_of_the_source() -> None:
    """A red upper left corner is found at the first of the points, however it was changed."""
    pixels = np.full((20, 30, 3), 255, np.uint8)
    pixels[:6, :6] = (255, 0, 0)
    cut = Cut(Image.fromarray(pixels), np.ones((20, 30), np.bool_), (5, 7, 35, 27))
    rng = np.random.default_rng(0)
    for _ in range(20):
        change = draw_change((60.0, 40.0), rng, 0.5, float(rng.uniform(0, 180)), float(rng.uniform(0, 0.5)))
        mixed = place(Image.new("RGB", (120, 100)), cut, change, rng)
        assert mixed is not None
        red = np.argwhere((np.asarray(mixed.image) == (255, 0, 0)).all(axis=2))[:, ::-1].mean(axis=0)
        distances = np.linalg.norm(np.array(mixed.made["to"]) - red, axis=1)
        assert distances.argmin() == 0
        assert mixed.made["from"] == [[5, 7], [35, 7], [35, 27], [5, 27]]
        assert mixed.made["mirrored"] is change.mirrored


def test_sides_and_mirrors_are_drawn_evenly() -> None:
    rng = np.random.default_rng(0)
    drawn = [draw_change((4.0, 4.0), rng, 0.5, 20.0, 0.3) for _ in range(300)]
    assert {abs(change.degrees) for change in drawn} == {20.0}
    assert {abs(change.shear) for change in drawn} == {0.3}
    for shares in ([c.degrees > 0 for c in drawn], [c.shear > 0 for c in drawn], [c.mirrored for c in drawn]):
        assert np.mean(shares) == pytest.approx(0.5, abs=0.1)
    assert not any(draw_change((4.0, 4.0), rng, 0.0, 0.0, 0.0).mirrored for _ in range(20))
