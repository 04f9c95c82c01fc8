"""Edited copies of an image: the changes under which an image is still a copy of another."""

from __future__ import annotations

import io
from collections.abc import Callable

from PIL import Image, ImageEnhance, ImageFilter, ImageOps

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


def mirror(image: Image.Image) -> Image.Image:
    """Swap left and right."""
    return ImageOps.mirror(image)


def grey(image: Image.Image) -> Image.Image:
    """Remove all colour."""
    return ImageOps.grayscale(image).convert("RGB")


def recolour(image: Image.Image, factor: float = 1.8) -> Image.Image:
    """Multiply the saturation."""
    return ImageEnhance.Color(image).enhance(factor)


def blur(image: Image.Image, radius: float = 4.0) -> Image.Image:
    """Blur with a Gaussian of this radius, in pixels."""
    return image.filter(ImageFilter.GaussianBlur(radius))


def thumbnail(image: Image.Image, short_side: int = 64) -> Image.Image:
    """Shrink until the short side has this many pixels."""
    scale = short_side / min(image.size)
    return image.resize((round(image.width * scale), round(image.height * scale)), Image.Resampling.BICUBIC)


def small_thumbnail(image: Image.Image, long_side: int = 64) -> Image.Image:
    """Shrink until the long side has this many pixels."""
    return thumbnail(image, max(1, round(long_side * min(image.size) / max(image.size))))


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
"""Edits by name."""
