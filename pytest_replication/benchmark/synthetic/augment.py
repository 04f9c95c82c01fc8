"""The augmentations of Segmix: colour jitter, a 5 x 5 blur, grey, solarisation, contrast.

They follow the definitions of torchvision's transforms of those names, on Pillow and numpy.
"""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

from pytest_replication.images.edits import hue

JITTER = (0.4, 0.4, 0.2, 0.1)
"""Strength of the jitter of brightness, contrast, saturation and hue."""


def jitter(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Change brightness, contrast, saturation and hue by random amounts, in random order."""
    factors = [float(rng.uniform(1 - strength, 1 + strength)) for strength in JITTER[:3]]
    shift = float(rng.uniform(-JITTER[3], JITTER[3]))
    kinds = (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color)
    for step in rng.permutation(4):
        image = hue(image, shift) if step == 3 else kinds[step](image).enhance(factors[step])
    return image


def blur(image: Image.Image, sigma: float) -> Image.Image:
    """Blur with a 5 x 5 Gaussian kernel; beyond the edges the image is mirrored."""
    offsets = np.arange(-2, 3)
    kernel = np.exp(-0.5 * (offsets / sigma) ** 2)
    kernel /= kernel.sum()
    pixels = np.asarray(image, dtype=np.float64)
    for axis in (0, 1):
        length = pixels.shape[axis]
        margins = [(2, 2) if number == axis else (0, 0) for number in range(3)]
        padded = np.pad(pixels, margins, "reflect")
        shifted = [weight * padded.take(range(k, k + length), axis) for k, weight in enumerate(kernel)]
        pixels = np.sum(shifted, axis=0)
    return Image.fromarray(np.clip(np.rint(pixels), 0, 255).astype(np.uint8))


def solarise(image: Image.Image, threshold: float) -> Image.Image:
    """Invert all values from a threshold in [0, 1] on."""
    return ImageOps.solarize(image, int(np.ceil(threshold * 255)))


def augment(
    image: Image.Image, rng: np.random.Generator, *, solarised_from: float, autocontrast: float
) -> tuple[Image.Image, list[str]]:
    """Augment the colours of a source.

    Args:
        image: RGB.
        rng: where all chance comes from.
        solarised_from: threshold of the solarisation (probability 0.5), in [0, 1].
        autocontrast: probability that the values of each channel are stretched to the full range.

    Returns:
        The image, and the names of what was done.
    """
    done = []
    if rng.random() < 0.8:
        image = jitter(image, rng)
        done.append("jitter")
    sigma = float(rng.uniform(0.1, 4.0))
    image = blur(image, sigma)
    done.append(f"blur {sigma:.2f}")
    if rng.random() < 0.3:
        image = ImageOps.grayscale(image).convert("RGB")
        done.append("grey")
    if rng.random() < 0.5:
        image = solarise(image, solarised_from)
        done.append("solarise")
    if rng.random() < autocontrast:
        image = ImageOps.autocontrast(image)
        done.append("autocontrast")
    return image, done
