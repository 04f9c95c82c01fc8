"""Views: the named boxes of an image that are embedded, each as an image of its own."""

from __future__ import annotations

from dataclasses import dataclass

from PIL import Image


@dataclass(frozen=True, slots=True)
class View:
    """A part of an image.

    Attributes:
        name: how a match names it.
        box: left, top, right, bottom as fractions of width and height.
    """

    name: str
    box: tuple[float, float, float, float]


WHOLE = (View("whole", (0.0, 0.0, 1.0, 1.0)),)
"""The grid of one view: the image as it is."""


def cut(image: Image.Image, views: tuple[View, ...]) -> list[Image.Image]:
    """Cut the views out of an image, in their order."""
    return [_crop(image, view.box) for view in views]


def _crop(image: Image.Image, box: tuple[float, float, float, float]) -> Image.Image:
    if box == WHOLE[0].box:
        return image
    left, top, right, bottom = box
    width, height = image.size
    x0, y0 = min(round(left * width), width - 1), min(round(top * height), height - 1)
    return image.crop((x0, y0, max(round(right * width), x0 + 1), max(round(bottom * height), y0 + 1)))
