"""Views: the named boxes of an image that are embedded, each as an image of its own."""

from __future__ import annotations

from dataclasses import dataclass

from PIL import Image

Box = tuple[float, float, float, float]
"""Left, top, right, bottom as fractions of width and height."""


@dataclass(frozen=True, slots=True)
class View:
    """A part of an image.

    Attributes:
        name: how a match names it.
        box: left, top, right, bottom as fractions of width and height.
    """

    name: str
    box: Box


WHOLE = (View("whole", (0.0, 0.0, 1.0, 1.0)),)
"""The grid of one view: the image as it is."""


def cut(image: Image.Image, views: tuple[View, ...]) -> list[Image.Image]:
    """Cut the views out of an image, in their order."""
    return [_crop(image, view.box) for view in views]


def in_pixels(box: Box, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of what is cut out of an image of this size: one pixel at least."""
    left, top, right, bottom = box
    width, height = size
    x0, y0 = min(round(left * width), width - 1), min(round(top * height), height - 1)
    return x0, y0, max(round(right * width), x0 + 1), max(round(bottom * height), y0 + 1)


def _crop(image: Image.Image, box: Box) -> Image.Image:
    return image if box == WHOLE[0].box else image.crop(in_pixels(box, image.size))
