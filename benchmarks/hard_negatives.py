"""Drawn pictures that are no copies of one another, though much of them is alike: one family a function.

Each family has pictures to train on and others to ask about. They share their style, font, texture or
colours, and nothing that was drawn by chance.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont

SIZES = ((512, 384), (384, 512), (512, 512), (512, 288))
Size = tuple[int, int]
Rng = np.random.Generator
Family = Callable[[Size, Rng], Image.Image]


def draw(folder: Path, family: str, count: int, seed: int, *, first: int = 0) -> list[Path]:
    """Draw pictures of a family; those from another `first` on are others.

    Returns:
        Their files, ``NNNN.png``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number in range(first, first + count):
        rng = np.random.default_rng([seed, zlib.crc32(family.encode()), number])
        size = SIZES[int(rng.integers(len(SIZES)))]
        paths.append(folder / f"{number:04d}.png")
        FAMILIES[family](size, rng).convert("RGB").save(paths[-1], compress_level=1)
    return paths


def colour(rng: Rng, low: int = 0, high: int = 256) -> tuple[int, int, int]:
    red, green, blue = (int(value) for value in rng.integers(low, high, 3))
    return red, green, blue


def pixels(values: NDArray[np.float64]) -> Image.Image:
    return Image.fromarray(np.clip(np.rint(values), 0, 255).astype(np.uint8))


def blank(size: Size, rng: Rng) -> Image.Image:
    return Image.new("RGB", size, colour(rng))


def gradient(size: Size, rng: Rng) -> Image.Image:
    """From one colour to another, in any direction."""
    x, y = np.meshgrid(np.linspace(-1, 1, size[0]), np.linspace(-1, 1, size[1]))
    angle = rng.uniform(0, 2 * np.pi)
    share = (x * np.cos(angle) + y * np.sin(angle)) / 2.9 + 0.5
    one, other = np.array(colour(rng), float), np.array(colour(rng), float)
    return pixels(one + share[..., None] * (other - one))


def clouds(size: Size, rng: Rng, cells: int) -> NDArray[np.float64]:
    """Smooth noise in [0, 1]."""
    coarse = rng.random((cells, cells)).astype(np.float32)
    return np.asarray(Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC), np.float64).clip(0, 1)


def sky(size: Size, rng: Rng) -> Image.Image:
    """Blue that grows lighter downward, with faint clouds and grain."""
    down = np.linspace(0, 1, size[1])[:, None, None]
    above = np.array([rng.integers(30, 110), rng.integers(90, 160), rng.integers(170, 250)], float)
    below = np.array([rng.integers(150, 230), rng.integers(190, 235), rng.integers(220, 255)], float)
    cloud = clouds(size, rng, 4) * 0.6 + clouds(size, rng, 9) * 0.4
    veil = (np.clip(cloud - 0.5, 0, 1) * rng.uniform(0, 1.2))[..., None]
    shown = (above + (below - above) * down) * (1 - veil) + 250 * veil
    return pixels(shown + rng.normal(0, 1.5, shown.shape))


def word(rng: Rng) -> str:
    """Letters by turns, so that it can be spoken."""
    letters = ("bcdfghjklmnprstvwz", "aeiou")
    count = int(rng.integers(2, 9))
    return "".join(letters[place % 2][int(rng.integers(len(letters[place % 2])))] for place in range(count))


def text(size: Size, rng: Rng) -> Image.Image:
    """A page of words that mean nothing, always in the same font."""
    image = Image.new("RGB", size, (250, 250, 247))
    pen, height = ImageDraw.Draw(image), int(rng.integers(14, 30))
    font = ImageFont.load_default(height)
    for upper in range(16, size[1] - height, round(1.4 * height)):
        line = ""
        while pen.textlength(line, font) < size[0] - 110:
            line += word(rng) + " "
        pen.text((20, upper), line.strip().capitalize(), (25, 25, 25), font)
    return image


def logo(size: Size, rng: Rng) -> Image.Image:
    """A figure above a name, always in the same font."""
    image = Image.new("RGB", size, "white")
    pen, middle, reach = ImageDraw.Draw(image), size[0] // 2, min(size) // 4
    ink, corners = colour(rng, 0, 200), int(rng.integers(3, 9))
    angles = np.arange(2 * corners) * np.pi / corners + rng.uniform(0, 6)
    reaches = np.where(np.arange(2 * corners) % 2, rng.uniform(0.3, 1), 1) * reach
    centre = np.array([middle, size[1] * 0.38])
    star = centre + np.stack([np.cos(angles), np.sin(angles)], 1) * reaches[:, None]
    pen.polygon([(float(x), float(y)) for x, y in star], ink)
    hole = reach * rng.uniform(0.1, 0.35)
    pen.ellipse((*(centre - hole), *(centre + hole)), "white")
    name = word(rng) + word(rng)
    font = ImageFont.load_default(56)
    pen.text((middle, size[1] * 0.8), name.upper()[:9], ink, font, "mm")
    return image


def checkerboard(size: Size, rng: Rng) -> Image.Image:
    cell = int(rng.integers(12, 80))
    x, y = np.meshgrid(np.arange(size[0]) // cell, np.arange(size[1]) // cell)
    dark, light = np.array(colour(rng, 0, 120), float), np.array(colour(rng, 130, 256), float)
    return pixels(np.where(((x + y) % 2)[..., None], dark, light))


def brick(size: Size, rng: Rng) -> Image.Image:
    """A wall; each brick has a shade of its own."""
    height = int(rng.integers(18, 40))
    width, joint = round(height * 2.4), 3
    rows, columns = size[1] // height + 2, size[0] // width + 3
    tint = np.array([rng.uniform(140, 190), rng.uniform(60, 95), rng.uniform(45, 75)])
    shades = rng.normal(0, 14, (rows, columns))
    x, y = np.meshgrid(np.arange(size[0]), np.arange(size[1]))
    y = y + int(rng.integers(height))
    row = y // height
    x = x + (row % 2) * (width // 2) + int(rng.integers(width))
    shown = tint + shades[row, x // width][..., None] + rng.normal(0, 7, (*x.shape, 1))
    mortar = ((y % height < joint) | (x % width < joint))[..., None]
    return pixels(np.where(mortar, 190 + rng.normal(0, 5, (*x.shape, 1)), shown))


def fabric(size: Size, rng: Rng) -> Image.Image:
    """A weave with stripes in both directions, as of a shirt."""
    x, y = np.meshgrid(np.arange(size[0]), np.arange(size[1]))
    thread = rng.uniform(3, 7)
    weave = 10 * np.sin(2 * np.pi * x / thread) * np.sin(2 * np.pi * y / thread)
    ground = np.array(colour(rng, 60, 220), float)
    across, down = (np.array(colour(rng), float) - ground for _ in range(2))
    period, wide = rng.integers(24, 120), rng.uniform(0.1, 0.5)
    shown = ground + 0.5 * ((x % period) < wide * period)[..., None] * across
    shown = shown + 0.5 * ((y % period) < wide * period)[..., None] * down
    return pixels(shown + weave[..., None] + rng.normal(0, 4, shown.shape))


def flag(size: Size, rng: Rng) -> Image.Image:
    """Bars, a cross or a disc in strong colours, over all of the picture."""
    strong = [
        (206, 17, 38),
        (0, 56, 147),
        (0, 122, 61),
        (255, 205, 0),
        (255, 255, 255),
        (20, 20, 20),
        (255, 121, 0),
    ]
    inks = [strong[int(place)] for place in rng.permutation(len(strong))[:4]]
    image = Image.new("RGB", size, inks[0])
    pen, (width, height) = ImageDraw.Draw(image), size
    kind = int(rng.integers(4))
    if kind < 2:  # bars, each of a width of its own
        edges = np.cumsum(rng.uniform(0.4, 1, int(rng.integers(3, 6))))
        order = [strong[int(place)] for place in rng.permutation(len(strong))]
        for start, end, ink in zip([0, *edges[:-1] / edges[-1]], edges / edges[-1], order, strict=False):
            bar = (
                (width * start, 0, width * end, height) if kind else (0, height * start, width, height * end)
            )
            pen.rectangle(bar, ink)
    elif kind == 2:
        bar, left = height * rng.uniform(0.08, 0.14), width * rng.uniform(0.3, 0.5)
        pen.rectangle((left - bar, 0, left + bar, height), inks[1])
        pen.rectangle((0, height / 2 - bar, width, height / 2 + bar), inks[1])
    else:
        reach, left = height * rng.uniform(0.2, 0.35), width * rng.uniform(0.35, 0.65)
        pen.ellipse((left - reach, height / 2 - reach, left + reach, height / 2 + reach), inks[1])
    return image


def frame(size: Size, rng: Rng) -> Image.Image:
    """Flat shapes with thick outlines in the same few colours, as of one drawn film."""
    palette = [(244, 162, 97), (42, 157, 143), (233, 196, 106), (38, 70, 83), (231, 111, 81), (168, 218, 220)]
    image = Image.new("RGB", size, palette[int(rng.integers(len(palette)))])
    pen = ImageDraw.Draw(image)
    for _ in range(int(rng.integers(6, 14))):
        centre = rng.uniform(0, 1, 2) * size
        count = int(rng.integers(5, 12))
        angles = np.sort(rng.uniform(0, 2 * np.pi, count))
        reach = rng.uniform(20, 110) * rng.uniform(0.5, 1, count)
        points = centre + np.stack([np.cos(angles), np.sin(angles)], 1) * reach[:, None]
        shape = [(float(px), float(py)) for px, py in points]
        pen.polygon(shape, palette[int(rng.integers(len(palette)))])
        pen.line([*shape, shape[0]], (25, 25, 35), 5, "curve")
    return image.filter(ImageFilter.GaussianBlur(0.6))


FAMILIES: dict[str, Family] = {
    "blank": blank,
    "gradient": gradient,
    "sky": sky,
    "text": text,
    "logo": logo,
    "checkerboard": checkerboard,
    "brick": brick,
    "fabric": fabric,
    "flag": flag,
    "frame": frame,
}
