"""Arrays of images, a block at a time: checked, brought to bytes, listed."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_replication.errors import SourceError
from pytest_replication.images.decode import MAX_PIXELS
from pytest_replication.images.memory import UnusableImages, check_bright, to_bytes
from pytest_replication.images.sources.base import ImageRef, digest, storable
from pytest_replication.images.sources.pnm import encode_block

_BLOCK = 8 << 20
"""Bytes of images that are held at a time."""


def check_shape(shape: Sequence[int], dtype: Any, what: str) -> None:
    """Refuse what is not an array of images.

    Args:
        shape: (n, h, w) or (n, h, w, 1 | 3) is expected.
        dtype: uint8 or floating point is expected.
        what: the array, for the message.

    Raises:
        SourceError: it is something else.
    """
    shape = tuple(shape)
    expected = "(n, h, w), (n, h, w, 1) or (n, h, w, 3) of uint8 or of floats in [0, 1]"
    hint = ""
    fits = len(shape) == 3 or (len(shape) == 4 and shape[3] in (1, 3))
    if len(shape) == 3 and shape[2] in (1, 3):
        fits, hint = False, "; [None] makes an array of one image"
    elif not fits and len(shape) == 4 and shape[1] in (1, 3):
        hint = "; .transpose(0, 2, 3, 1) brings channels to the end"
    if not fits or 0 in shape[1:] or not (dtype == np.uint8 or np.issubdtype(dtype, np.floating)):
        raise SourceError(f"{what} is of shape {shape} and type {dtype}; expected {expected}{hint}")
    if shape[1] * shape[2] > MAX_PIXELS:
        raise SourceError(f"{what} holds images of {shape[2]} x {shape[1]}, more than {MAX_PIXELS:,} pixels")


def images_a_block(shape: Sequence[int], itemsize: int) -> int:
    """Images of an array that are held at a time, at least one."""
    return max(1, _BLOCK // (math.prod(shape[1:]) * itemsize))


def refs(
    blocks: Iterable[NDArray[Any]], id_: str, uri: str, what: str, labels: Iterable[object] | None = None
) -> Iterator[ImageRef]:
    """List the images of an array.

    Args:
        blocks: its parts, in order.
        id_: id of the array, which begins those of its images.
        uri: where it is.
        what: the array, for messages.
        labels: one an image, None where there are none.

    Raises:
        SourceError: a value is out of range or not finite, or all of uint8 are below 2.
    """
    number, brightest = 0, 0
    given = itertools.repeat(None) if labels is None else iter(labels)
    for block in blocks:
        try:
            pixels = to_bytes(block, what)
        except UnusableImages as error:
            raise SourceError(f"{uri}: {error}") from error
        brightest = max(brightest, int(pixels.max()))
        for data in encode_block(pixels):
            label = storable(next(given))
            yield ImageRef(f"{id_}#{number}", f"{uri}#{number}", data, digest(data), label=label)
            number += 1
    try:
        check_bright(brightest, what)
    except UnusableImages as error:
        raise SourceError(f"{uri}: {error}") from error
