"""Encoded bytes, or an image in memory → one upright 8-bit RGB image.

Training images and samples pass this one decoder, so that a difference in decoding can never
pass for a difference in content. Only Pillow decodes: other decoders and resizers move
embeddings by more than the edits that the gate is meant to find.
"""

from __future__ import annotations

import io
import re
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from functools import cache

import numpy as np
from PIL import Image, ImageFile, ImageOps, UnidentifiedImageError

MAX_PIXELS = 89_478_485
"""Largest image that is decoded, in pixels; Pillow's own line for a decompression bomb."""

DECODER = "pillow, first frame, EXIF orientation, alpha over white, 8-bit RGB"
"""What this module does, as the manifest of an index states it."""

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "JPEG2000", "AVIF", "TGA", "ICO")
"""Pillow formats that are tried; the rest of Pillow's parsers never see untrusted bytes."""


class UndecodableImage(Exception):
    """One image cannot be read; the text is the reason, in a few words."""


def decode(data: bytes) -> Image.Image:
    """Decode one encoded image.

    Args:
        data: the bytes of an image file in one of `FORMATS`.

    Returns:
        The first frame, upright, mode ``RGB``.

    Raises:
        UndecodableImage: empty, truncated, too large, not an image, or of unknown range.
    """
    if not data:
        raise UndecodableImage("the file is empty")
    try:
        with truncation_refused(), Image.open(io.BytesIO(data), formats=_formats()) as image:
            _check_size(image)
            image.load()
            return normalise(image)
    except UndecodableImage:
        raise
    except UnidentifiedImageError:
        raise UndecodableImage("not an image in a format that is read") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise UndecodableImage(f"more than {MAX_PIXELS:,} pixels") from None
    except MemoryError:
        raise UndecodableImage("needs more memory than there is") from None
    except Exception as error:  # Pillow's plugins raise whatever their parser trips over
        raise UndecodableImage(f"damaged: {error or type(error).__name__}") from error


def normalise(image: Image.Image) -> Image.Image:
    """Bring an opened image to upright 8-bit RGB, alpha laid over white.

    Raises:
        UndecodableImage: a 32-bit or floating-point image whose range is not known.
    """
    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I;16") or image.mode in ("I", "F"):
        image = _to_8_bit(image)
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        white = Image.new("RGBA", rgba.size, (255, 255, 255, 255))
        return Image.alpha_composite(white, rgba).convert("RGB")
    return image.convert("RGB")


@cache
def _formats() -> list[str]:
    """Those of `FORMATS` that this Pillow was built with."""
    Image.init()
    return [name for name in FORMATS if name in Image.OPEN]


def _check_size(image: Image.Image) -> None:
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise UndecodableImage(f"{width} x {height} is more than {MAX_PIXELS:,} pixels")


def _to_8_bit(image: Image.Image) -> Image.Image:
    values = np.asarray(image)
    if image.mode == "F":
        if not np.isfinite(values).all() or values.min() < 0 or values.max() > 1:
            raise UndecodableImage("floating-point pixels outside [0, 1]")
        grey = np.rint(values * 255)
    else:
        if values.min() < 0 or values.max() > 65535:
            raise UndecodableImage("integer pixels outside 16 bits")
        grey = np.rint(values / 257)
    return Image.fromarray(grey.astype(np.uint8))


_strictness = threading.Lock()
_strict_readers = 0
_permissive_before = False
_MODULES = r"PIL\.(?#not shown by pytest-replication)"
"""Modules whose warnings are hidden. The comment in the expression tells this filter from any other."""


@contextmanager
def truncation_refused() -> Iterator[None]:
    """Hold process-wide switches of Pillow while any thread decodes, the same for every caller.

    LOAD_TRUNCATED_IMAGES is held down: training code often sets it; with it half a file would be
    embedded as if it were whole. Warnings of Pillow are not shown: they name no file, the image is
    judged as it is decoded, and filters of the caller must not decide whether it can be read.
    """
    global _strict_readers, _permissive_before
    with _strictness:
        if _strict_readers == 0:
            _permissive_before = ImageFile.LOAD_TRUNCATED_IMAGES
            ImageFile.LOAD_TRUNCATED_IMAGES = False
        if not _by_context():
            _hush()  # anew: who left a catch_warnings since then has taken the filter away
        _strict_readers += 1
    try:
        with _hushed_here() if _by_context() else nullcontext():
            yield
    finally:
        with _strictness:
            _strict_readers -= 1
            if _strict_readers == 0:
                ImageFile.LOAD_TRUNCATED_IMAGES = _permissive_before
                _unhush()


def _by_context() -> bool:
    """Whether each thread has warning filters of its own, as in Python 3.14 without its global lock."""
    return bool(getattr(sys.flags, "context_aware_warnings", False))


@contextmanager
def _hushed_here() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=_MODULES)
        yield


def _hush() -> None:
    # Not catch_warnings: other threads may be inside one, and each would put back the filters of the other.
    warnings.filterwarnings("ignore", module=_MODULES)


def _unhush() -> None:
    # Found by what it is: others may have put filters before it, or taken it away with a list of theirs.
    for one in [one for one in warnings.filters if one[3] == re.compile(_MODULES)]:
        with suppress(ValueError):
            warnings.filters.remove(one)  # type: ignore[attr-defined]
