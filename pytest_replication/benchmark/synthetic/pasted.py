"""Copies of a part: an object or a square patch of one image in another, or all but its objects.

These are the copies that `benchmarks/objects.py` measures with; the sizes are our own.
"""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter

from pytest_replication.benchmark.synthetic.geometry import cover, covering_box, paste
from pytest_replication.benchmark.synthetic.placed import Cut, Mask, draw_change, place
from pytest_replication.benchmark.synthetic.recipe import Ingredients, Kind, Mixed, Parameter
from pytest_replication.benchmark.synthetic.segmented import BACKGROUND, VOID, Segmented
from pytest_replication.benchmark.synthetic.segmix import choose
from pytest_replication.errors import BenchmarkError

_TRIES, _CONTRAST = 10, 16.0
"""Places that are tried for a patch, and the deviation of its grey levels that is enough."""

_MARGIN = 5
"""Pixels around an object that are replaced with it: its edge is soft."""


def object_paste(
    parts: Ingredients,
    *,
    width: float = 0.6,
    smallest: float = 0.0,
    largest: float = 0.0,
    mirrored: float = 0.5,
    turn: float = 0.0,
    shear: float = 0.0,
) -> list[Mixed | None]:
    """Paste an object of the source into each host, all of it within; one too large for that is shrunk.

    Args:
        parts: what the copies are made of.
        width: of the object before it is turned, as a share of the width of the host.
        smallest: with `largest`, draw the factor by which the object is resized between these two
            (uniform in its logarithm), in place of a width.
        largest: see `smallest`.
        mirrored: probability that it is mirrored.
        turn: degrees by which it is turned, to either side.
        shear: how far it is sheared, to either side.

    Raises:
        BenchmarkError: one of `smallest` and `largest` without the other, or swapped.
    """
    if smallest > largest or (smallest == 0) != (largest == 0):
        raise BenchmarkError(
            f"smallest is {smallest} and largest {largest}: give both, the smaller first, or none of them"
        )
    copies: list[Mixed | None] = []
    for host in parts.hosts:
        label = choose(parts.source, parts.rng, 0.0, objects_only=True)
        if label is None:
            copies.append(None)
            continue
        piece = cut_object(parts.source, label)
        factor = width * host.width / piece.image.width
        if largest:
            factor = float(np.exp(parts.rng.uniform(np.log(smallest), np.log(largest))))
        size = (piece.image.width * factor, piece.image.height * factor)
        mixed = place(host, piece, draw_change(size, parts.rng, mirrored, turn, shear), parts.rng)
        copies.append(_told(mixed, {"class": parts.source.name(label)}))
    return copies


def patch_paste(
    parts: Ingredients,
    *,
    side: float = 0.5,
    scale: float = 1.0,
    mirrored: float = 0.5,
    turn: float = 0.0,
    degraded: float = 0.0,
) -> list[Mixed | None]:
    """Paste a square patch of the source, which was resized to cover the host, anywhere into each host.

    A patch with little to see would be no copy that anyone could tell: of `_TRIES` places the first is taken
    where the grey levels deviate by `_CONTRAST`, else the one where they deviate most.

    Args:
        parts: what the copies are made of.
        side: of the patch, as a share of the short side.
        scale: factor by which it is resized after it was cut out.
        mirrored: probability that it is mirrored.
        turn: degrees by which it is turned, to either side.
        degraded: 1 to degrade it with `degrade`, and to compress the picture as JPEG of quality 60.

    Raises:
        BenchmarkError: `degraded` is neither 0 nor 1.
    """
    if degraded not in (0, 1):
        raise BenchmarkError(f"degraded is {degraded}; expected 0 or 1")
    copies: list[Mixed | None] = []
    for host in parts.hosts:
        piece = _patch(parts.source.image, host.size, side, parts.rng)
        if degraded:
            piece = Cut(degrade(piece.image, parts.rng), piece.mask, piece.box)
        size = (piece.image.width * scale, piece.image.height * scale)
        mixed = place(host, piece, draw_change(size, parts.rng, mirrored, turn, 0.0), parts.rng)
        if mixed is not None and degraded:
            mixed = Mixed(_compressed(mixed.image), mixed.area, mixed.made)
        copies.append(mixed)
    return copies


def redrawn(parts: Ingredients) -> list[Mixed | None]:
    """Paste an object at 60 % of the width, or a patch of 50 %, in turns, and redraw the picture (`redraw`).

    Raises:
        BenchmarkError: OpenCV is not installed.
    """
    copies: list[Mixed | None] = []
    for number, host in enumerate(parts.hosts):
        one = Ingredients(parts.source, (host,), 1, parts.first + number, parts.rng)
        what, recipe = (("object", object_paste), ("patch", patch_paste))[one.first % 2]
        (mixed,) = recipe(one)
        if mixed is not None:
            mixed = Mixed(redraw(mixed.image), mixed.area, {"pasted": what, **mixed.made})
        copies.append(mixed)
    return copies


def foreground_replaced(parts: Ingredients) -> list[Mixed | None]:
    """Keep the background of the source, and cover each object with a piece of the host.

    The piece has the shape of the object or of its box, by chance, with a margin; void is covered as well,
    so that nothing but background is left of the source.
    """
    return [_without_objects(parts.source, host, parts.rng) for host in parts.hosts]


def cut_object(source: Segmented, label: int) -> Cut:
    """Cut an object out of an image, at its box."""
    mask = source.labels == label
    box = Image.fromarray(mask).getbbox()
    if box is None:
        raise ValueError(f"the image has no pixel of the label {label}")
    left, upper, right, lower = box
    return Cut(source.image.crop(box), mask[upper:lower, left:right], (left, upper, right, lower))


def degrade(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Take half of the resolution, change colours, and add noise.

    Each channel is multiplied by .7 to 1.3, the brightness by .8 to 1.2; the noise is normal, σ 6.
    """
    half = [max(1, side // 2) for side in image.size]
    soft = image.resize(half, Image.Resampling.BICUBIC).resize(image.size, Image.Resampling.BICUBIC)
    gains = rng.uniform(0.7, 1.3, 3)
    pixels = np.asarray(ImageEnhance.Brightness(soft).enhance(float(rng.uniform(0.8, 1.2))), np.float64)
    noisy = pixels * gains + rng.normal(0, 6, pixels.shape)
    return Image.fromarray(np.clip(np.rint(noisy), 0, 255).astype(np.uint8))


def redraw(image: Image.Image) -> Image.Image:
    """Redraw a picture without its fine texture: median, bilateral filter, half of the resolution and back.

    Raises:
        BenchmarkError: OpenCV is not installed.
    """
    try:
        import cv2
    except ImportError as error:
        raise BenchmarkError(
            f"redrawing needs OpenCV ({error}): pip install 'pytest-replication[bench]'"
        ) from error
    smooth = cv2.bilateralFilter(cv2.medianBlur(np.array(image), 5), 7, 40, 5)
    drawn = Image.fromarray(np.asarray(smooth, np.uint8))
    half = [max(1, side // 2) for side in image.size]
    return drawn.resize(half, Image.Resampling.BICUBIC).resize(image.size, Image.Resampling.BICUBIC)


def _compressed(image: Image.Image) -> Image.Image:
    held = io.BytesIO()
    image.save(held, "JPEG", quality=60)
    return Image.open(held).convert("RGB")


def _told(mixed: Mixed | None, more: dict[str, Any]) -> Mixed | None:
    return None if mixed is None else Mixed(mixed.image, mixed.area, more | dict(mixed.made))


def _patch(source: Image.Image, size: tuple[int, int], side: float, rng: np.random.Generator) -> Cut:
    whole = cover(source, size)
    length = max(1, round(min(size) * side))
    best, most = (0, 0), -1.0
    grey = np.asarray(whole.convert("L"), np.float32)
    for _ in range(_TRIES):
        left, upper = (int(rng.integers(room - length + 1)) for room in size)
        contrast = float(grey[upper : upper + length, left : left + length].std())
        if contrast > most:
            best, most = (left, upper), contrast
        if most >= _CONTRAST:
            break
    left, upper = best
    shown = covering_box(source.size, size)
    factor = (shown[2] - shown[0]) / size[0]
    start = (shown[0] + left * factor, shown[1] + upper * factor)
    box = (*start, start[0] + length * factor, start[1] + length * factor)
    piece = whole.crop((left, upper, left + length, upper + length))
    return Cut(piece, np.ones((length, length), np.bool_), box)


def _without_objects(source: Segmented, host: Image.Image, rng: np.random.Generator) -> Mixed | None:
    labels = [label for label in source.shares() if label != BACKGROUND]
    if not labels:
        return None
    picture, covered = source.image, np.zeros(source.labels.shape, np.bool_)
    over, done = cover(host, source.image.size), []
    for label in (*labels, VOID):
        mask = _grown(source.labels == label)
        box = Image.fromarray(mask).getbbox()
        if box is None:
            continue
        left, upper, right, lower = box
        shape = "outline" if label == VOID or rng.random() < 0.5 else "box"
        piece = (
            mask[upper:lower, left:right] if shape == "outline" else np.ones((lower - upper, right - left))
        )
        piece = piece.astype(np.bool_)
        at = [
            int(rng.integers(room + 1)) for room in (over.width - right + left, over.height - lower + upper)
        ]
        cut = over.crop((at[0], at[1], at[0] + right - left, at[1] + lower - upper))
        picture, _ = paste(picture, cut, piece, (left, upper))
        covered[upper:lower, left:right] |= piece
        done.append({"class": source.name(label) if label != VOID else "void", "by": shape, "from": at})
    if covered.all():
        return None
    return Mixed(picture, float((~covered).mean()), {"replaced": done})


def _grown(mask: Mask) -> Mask:
    shape = Image.fromarray(mask.astype(np.uint8) * 255).filter(ImageFilter.MaxFilter(2 * _MARGIN + 1))
    return np.asarray(shape) > 0


_SHARE = Parameter(0.5, 0.0, 1.0)
_TURN = Parameter(0.0, 0.0, 180.0)
OBJECT_PASTE = Kind(
    object_paste,
    hosts=True,
    masks=True,
    parameters={
        "width": Parameter(0.6, 0.05, 1.0),
        "smallest": Parameter(0.0, 0.0, 10.0),
        "largest": Parameter(0.0, 0.0, 10.0),
        "mirrored": _SHARE,
        "turn": _TURN,
        "shear": Parameter(0.0, 0.0, 1.0),
    },
)
PATCH_PASTE = Kind(
    patch_paste,
    hosts=True,
    parameters={
        "side": Parameter(0.5, 0.01, 1.0),
        "scale": Parameter(1.0, 0.05, 10.0),
        "mirrored": _SHARE,
        "turn": _TURN,
        "degraded": Parameter(0.0, 0.0, 1.0),
    },
)
REDRAWN = Kind(redrawn, hosts=True, masks=True)
FOREGROUND_REPLACED = Kind(foreground_replaced, hosts=True, masks=True)
