"""Edited copies of an image: the changes under which an image is still a copy of another.

`EDITS` are those that the gate claims to find. `ALL_EDITS` adds harder and stranger ones, for
measurements. All give RGB, the same for the same image, and leave the original as it is.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import partial

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

from pytest_replication.images import overlays

Edit = Callable[[Image.Image], Image.Image]


def jpeg(image: Image.Image, quality: int = 20) -> Image.Image:
    """Compress as JPEG and decode again."""
    encoded = io.BytesIO()
    image.save(encoded, "JPEG", quality=quality)
    return Image.open(encoded).convert("RGB")


def centre_crop(image: Image.Image, share: float = 0.7) -> Image.Image:
    """Keep a share of width and of height, around the centre."""
    width, height = image.size
    left, top = round(width * (1 - share) / 2), round(height * (1 - share) / 2)
    return image.crop((left, top, width - left, height - top))


def corner_crop(image: Image.Image, share: float = 0.6) -> Image.Image:
    """Keep a share of width and of height, at the upper left."""
    width, height = image.size
    return image.crop((0, 0, max(1, round(width * share)), max(1, round(height * share))))


def side_crop(image: Image.Image, share: float = 0.5) -> Image.Image:
    """Keep a share of the width at the right, and all of the height."""
    width, height = image.size
    return image.crop((min(width - 1, round(width * (1 - share))), 0, width, height))


def mirror(image: Image.Image) -> Image.Image:
    """Swap left and right."""
    return ImageOps.mirror(image)


def flip(image: Image.Image) -> Image.Image:
    """Swap top and bottom."""
    return ImageOps.flip(image)


def turn(image: Image.Image, degrees: float = 5.0) -> Image.Image:
    """Turn counter-clockwise inside the same frame; black fills the corners."""
    return image.rotate(degrees, Image.Resampling.BICUBIC)


def quarter_turn(image: Image.Image) -> Image.Image:
    """Turn by 90 degrees counter-clockwise."""
    return image.transpose(Image.Transpose.ROTATE_90)


def grey(image: Image.Image) -> Image.Image:
    """Remove all colour."""
    return ImageOps.grayscale(image).convert("RGB")


def recolour(image: Image.Image, factor: float = 1.8) -> Image.Image:
    """Multiply the saturation."""
    return ImageEnhance.Color(image).enhance(factor)


def brightness(image: Image.Image, factor: float = 1.4) -> Image.Image:
    """Multiply all values."""
    return ImageEnhance.Brightness(image).enhance(factor)


def contrast(image: Image.Image, factor: float = 1.5) -> Image.Image:
    """Multiply the distance of all values from the mean."""
    return ImageEnhance.Contrast(image).enhance(factor)


def hue(image: Image.Image, turns: float = 0.25) -> Image.Image:
    """Turn all hues by this share of the colour circle."""
    hue_of, saturation, value = image.convert("HSV").split()
    turned = hue_of.point([(level + round(turns * 256)) % 256 for level in range(256)])
    return Image.merge("HSV", (turned, saturation, value)).convert("RGB")


def posterise(image: Image.Image, bits: int = 2) -> Image.Image:
    """Keep the highest bits of each value."""
    return ImageOps.posterize(image, bits)


def noise(image: Image.Image, deviation: float = 15.0, seed: int = 0) -> Image.Image:
    """Add Gaussian noise of this standard deviation, in levels of 0 to 255; the same for each seed."""
    pixels = np.asarray(image, dtype=np.float64)
    noisy = pixels + np.random.default_rng(seed).normal(0, deviation, pixels.shape)
    return Image.fromarray(np.clip(np.rint(noisy), 0, 255).astype(np.uint8))


def blur(image: Image.Image, radius: float = 4.0) -> Image.Image:
    """Blur with a Gaussian of this radius, in pixels."""
    return image.filter(ImageFilter.GaussianBlur(radius))


def thumbnail(image: Image.Image, short_side: int = 64) -> Image.Image:
    """Shrink until the short side has this many pixels; a smaller image stays as it is."""
    scale = min(1.0, short_side / min(image.size))
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return image.resize(size, Image.Resampling.BICUBIC)


def small_thumbnail(image: Image.Image, long_side: int = 64) -> Image.Image:
    """Shrink until the long side has this many pixels; a smaller image stays as it is."""
    long_side = min(long_side, max(image.size))
    return thumbnail(image, max(1, round(long_side * min(image.size) / max(image.size))))


def pixelate(image: Image.Image, cells: int = 32) -> Image.Image:
    """Make blocks, so many along the long side."""
    scale = min(1.0, cells / max(image.size))
    small = image.resize([max(1, round(side * scale)) for side in image.size], Image.Resampling.BOX)
    return small.resize(image.size, Image.Resampling.NEAREST)


def stretch(image: Image.Image, factor: float = 1.4) -> Image.Image:
    """Multiply the width."""
    return image.resize((max(1, round(image.width * factor)), image.height), Image.Resampling.BICUBIC)


def differs(image: Image.Image, edited: Image.Image) -> bool:
    """Whether an edit changed anything: greying a grey image does not, and its copy is the image itself."""
    return image.size != edited.size or image.tobytes() != edited.tobytes()


EDITS: dict[str, Edit] = {
    "jpeg-20": jpeg,
    "crop-70": centre_crop,
    "mirror": mirror,
    "grey": grey,
    "recolour": recolour,
    "blur-4": blur,
    "thumbnail-64": thumbnail,
    "thumbnail-64-long": small_thumbnail,
}
"""Edits by name, of which each copy should score above the threshold of a copy-detection descriptor."""

ALL_EDITS: dict[str, Edit] = EDITS | {
    "jpeg-5": partial(jpeg, quality=5),
    "crop-50": partial(centre_crop, share=0.5),
    "crop-corner-60": corner_crop,
    "crop-side-50": side_crop,
    "flip": flip,
    "turn-5": turn,
    "turn-15": partial(turn, degrees=15.0),
    "turn-90": quarter_turn,
    "brighter": brightness,
    "darker": partial(brightness, factor=0.6),
    "contrast-150": contrast,
    "contrast-50": partial(contrast, factor=0.5),
    "hue-90": hue,
    "posterise-2": posterise,
    "noise-15": noise,
    "noise-40": partial(noise, deviation=40.0),
    "blur-8": partial(blur, radius=8.0),
    "thumbnail-32": partial(thumbnail, short_side=32),
    "pixelate-32": pixelate,
    "stretch-140": stretch,
    "text": overlays.text,
    "face": overlays.face,
    "frame": overlays.frame,
    "screenshot": overlays.screenshot,
    "collage": overlays.collage,
}
"""All edits by name, also those that hide much of the image."""
