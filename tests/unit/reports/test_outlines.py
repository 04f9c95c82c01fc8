"""Outlines stand where the fractions say, on any ground, and are seen there."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from pytest_replication.reports.outlines import DARK, LIGHT, outlined

CORNERS = ((0.25, 0.25), (0.75, 0.25), (0.75, 0.75), (0.25, 0.75))


@pytest.mark.parametrize("ground", [(0, 0, 0), (255, 255, 255), LIGHT, (128, 128, 128)])
@pytest.mark.parametrize("size", [(96, 96), (640, 200), (30, 50)])
def test_both_lines_run_along_each_side(ground: tuple[int, int, int], size: tuple[int, int]) -> None:
    image = Image.new("RGB", size, ground)
    drawn = np.asarray(outlined(image, CORNERS))
    assert drawn.shape == (size[1], size[0], 3)
    assert (np.asarray(image) == ground).all()  # the picture itself stays
    seen = DARK if ground == LIGHT else LIGHT
    for line in (drawn[size[1] // 2], drawn[:, size[0] // 2]):
        for place in (0.25 * len(line), 0.75 * len(line)):
            assert abs(np.nonzero((line == seen).all(axis=1))[0] - place).min() <= 2 * max(size) / 96 + 1
        assert (line == DARK).all(axis=1).sum() >= 4
    middle = drawn[int(0.4 * size[1]) : int(0.6 * size[1]), int(0.4 * size[0]) : int(0.6 * size[0])]
    assert (middle == ground).all()
    assert (drawn[0] == ground).all()


def test_a_part_that_is_the_whole_or_a_line_is_drawn() -> None:
    image = Image.new("L", (64, 48), 90)
    whole = np.asarray(outlined(image, ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))))
    assert (whole[[0, 0, -1, -1], [0, -1, 0, -1]] != 90).any(axis=1).all()
    line = np.asarray(outlined(image, ((0.1, 0.5), (0.9, 0.5))))
    assert (line == LIGHT).all(axis=2).sum() > 40
    assert (np.asarray(outlined(image, ())) == 90).all()
