"""Pieces of an image, resized, mirrored, turned and sheared, anywhere within another."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from pytest_replication.benchmark.synthetic.geometry import paste
from pytest_replication.benchmark.synthetic.recipe import Mixed

Mask = NDArray[np.bool_]
Points = NDArray[np.float64]
Edges = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True, eq=False)
class Cut:
    """A piece that was cut out of an image.

    Attributes:
        image: RGB.
        mask: (h, w) bool: which of its pixels are the piece.
        box: left, upper, right, lower edge of it in the image it comes from, in pixels of that.
    """

    image: Image.Image
    mask: Mask
    box: Edges


@dataclass(frozen=True, slots=True)
class Change:
    """How a piece is changed.

    Attributes:
        size: width and height before it is turned and sheared, in pixels.
        mirrored: whether left and right are swapped first.
        degrees: by how many it is turned; clockwise where positive.
        shear: pixels by which a row moves to the right for each row it is further down.
    """

    size: tuple[float, float]
    mirrored: bool = False
    degrees: float = 0.0
    shear: float = 0.0

    def matrix(self) -> Points:
        """What turns and shears: (2, 2), for columns of x and y."""
        angle = math.radians(self.degrees)
        turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
        return np.asarray(turn @ np.array([[1.0, self.shear], [0.0, 1.0]]))

    def corners(self) -> Points:
        """Where upper left, upper right, lower right and lower left corner come to lie: (4, 2), from 0 on."""
        moved = _rectangle(0, 0, *self.size) @ self.matrix().T
        return np.asarray(moved - moved.min(axis=0))

    def within(self, size: tuple[int, int]) -> Change:
        """The same, made smaller where it would not fit in an image of a size."""
        room = float((np.array(size) / np.maximum(self.corners().max(axis=0), 1e-9)).min())
        return self if room >= 1 else replace(self, size=(self.size[0] * room, self.size[1] * room))


def draw_change(
    size: tuple[float, float], rng: np.random.Generator, mirrored: float, turn: float, shear: float
) -> Change:
    """Draw whether a piece is mirrored, and to which side it is turned and sheared.

    Args:
        size: see `Change`.
        rng: where all chance comes from.
        mirrored: probability.
        turn: degrees, to either side.
        shear: strength, to either side.
    """
    flip = bool(rng.random() < mirrored)
    sides = rng.choice((-1.0, 1.0), 2)
    # Adding nothing makes 0 of -0.
    return Change(size, flip, float(sides[0]) * turn + 0.0, float(sides[1]) * shear + 0.0)


def place(host: Image.Image, piece: Cut, change: Change, rng: np.random.Generator) -> Mixed | None:
    """Change a piece and paste it at a random place of an image, all of it within.

    Returns:
        The copy. What was drawn names the corners of the piece in its source (``from``) and in the
        picture (``to``), in the same order. None when nothing of the piece is left.
    """
    fitting = change.within(host.size)
    image, mask, corners = changed(piece, fitting)
    image, mask = _bounded(image, mask, host.size)
    at = [
        int(rng.integers(max(0, room - side) + 1)) for room, side in zip(host.size, image.size, strict=True)
    ]
    picture, count = paste(host, image, mask, (at[0], at[1]))
    if count == 0:
        return None
    left, upper, right, lower = piece.box
    order = [1, 0, 3, 2] if change.mirrored else [0, 1, 2, 3]
    made: dict[str, Any] = {
        "scale": round(fitting.size[0] / max(1e-9, right - left), 4),
        "shrunk": fitting is not change,
        "mirrored": change.mirrored,
        "degrees": change.degrees,
        "shear": change.shear,
        "at": at,
        "from": _listed(_rectangle(left, upper, right, lower)),
        "to": _listed(corners[order] + np.array(at)),
    }
    return Mixed(picture, count / (host.width * host.height), made)


def changed(piece: Cut, change: Change) -> tuple[Image.Image, Mask, Points]:
    """Resize, mirror, turn and shear a piece.

    Returns:
        Pixels, which of them are the piece, and where its corners lie: upper left, upper right, lower
        right, lower left of the mirrored piece.
    """
    size = (max(1, round(change.size[0])), max(1, round(change.size[1])))
    image = piece.image.resize(size, Image.Resampling.BICUBIC)
    shape = Image.fromarray(piece.mask.astype(np.uint8) * 255).resize(size, Image.Resampling.BILINEAR)
    if change.mirrored:
        image, shape = ImageOps.mirror(image), ImageOps.mirror(shape)
    exact = replace(change, size=(float(size[0]), float(size[1])))
    corners = exact.corners()
    if change.degrees or change.shear:
        inverse = np.linalg.inv(exact.matrix())
        start = (_rectangle(0, 0, *exact.size) @ exact.matrix().T).min(axis=0)
        shift = inverse @ start
        data = (*inverse[0], shift[0], *inverse[1], shift[1])
        extent = tuple(max(1, math.ceil(side - 1e-6)) for side in corners.max(axis=0))
        image = image.transform(extent, Image.Transform.AFFINE, data, Image.Resampling.BICUBIC)
        shape = shape.transform(extent, Image.Transform.AFFINE, data, Image.Resampling.BILINEAR)
    return image, np.asarray(shape) >= 128, corners


def _bounded(image: Image.Image, mask: Mask, size: tuple[int, int]) -> tuple[Image.Image, Mask]:
    """Cut off the row or column by which rounding up may exceed the room."""
    width, height = min(image.width, size[0]), min(image.height, size[1])
    return image.crop((0, 0, width, height)), mask[:height, :width]


def _rectangle(left: float, upper: float, right: float, lower: float) -> Points:
    return np.array([[left, upper], [right, upper], [right, lower], [left, lower]], np.float64)


def _listed(points: Points) -> list[list[float]]:
    return [[round(float(x), 2), round(float(y), 2)] for x, y in points]
