"""Outlines of parts on pictures: a light line on a dark one, so that it is seen on any ground."""

from __future__ import annotations

from PIL import Image, ImageDraw

from pytest_replication.scoring.geometry import Polygon

LIGHT, DARK = (255, 220, 0), (0, 0, 0)
_THICKNESS = 1 / 128
"""Of the light line, as a share of the longest side; the dark one is three times as thick."""


def outlined(image: Image.Image, corners: Polygon) -> Image.Image:
    """Draw the outline of a part on a copy of a picture.

    Args:
        image: of any size; stretching it beforehand, as to a square, stretches the part alike.
        corners: of the part in their order, as fractions of width and height.

    Returns:
        A picture of the same size, RGB; without corners that picture as it was.
    """
    drawn = image.convert("RGB")
    if not corners:
        return drawn
    points = [(x * (drawn.width - 1), y * (drawn.height - 1)) for x, y in corners]
    ring = [*points, *points[:2]]  # the second again, so that the first corner is joined as the others are
    thickness = max(1, round(_THICKNESS * max(drawn.size)))
    draw = ImageDraw.Draw(drawn)
    for color, width in ((DARK, 3 * thickness), (LIGHT, thickness)):
        draw.line(ring, fill=color, width=width, joint="curve")
    return drawn
