"""What a foreign network or function may give: one vector an image, or tokens, which are averaged."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_replication.errors import EmbedderError

EXPECTED = "(n, dim), tokens (n, chunks, length) or a map (n, length, h, w)"


def checked(given: object, images: int, what: str) -> NDArray[np.float32]:
    """Bring an output to one of two forms.

    Args:
        given: what a network or function returned, anything that numpy makes an array of.
        images: how many images it was given.
        what: who gave it, for the message.

    Returns:
        (n, dim) vectors or (n, chunks, length) tokens; the cells of a map are taken row by row.

    Raises:
        EmbedderError: it is no array of numbers, or of another shape.
    """
    try:
        array: NDArray[Any] = np.asarray(given)
    except Exception as error:  # tensors on another device, ragged lists, objects that refuse
        raise EmbedderError(
            f"{what} gave a {type(given).__name__} that is no array ({error}): return {EXPECTED}"
        ) from error
    if array.dtype.kind not in "fiu":
        raise EmbedderError(
            f"{what} gave an array of {array.dtype} from a {type(given).__name__}, expected numbers: return "
            f"{EXPECTED}"
        )
    if array.ndim not in (2, 3, 4) or len(array) != images or 0 in array.shape:
        raise EmbedderError(
            f"{what} gave an array of shape {array.shape} for {images} images: expected {EXPECTED}"
        )
    if array.ndim == 4:
        array = array.reshape(images, array.shape[1], -1).transpose(0, 2, 1)
    return array.astype(np.float32)


def averaged(output: NDArray[np.float32]) -> NDArray[np.float32]:
    """One vector an image: the mean of its tokens, or what it is already."""
    return output.mean(axis=1) if output.ndim == 3 else output
