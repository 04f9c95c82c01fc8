"""Images that a program holds in memory: PIL images, numpy arrays, torch tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pytest_replication.images.decode import UndecodableImage, normalise, truncation_refused

FORMS = (
    "a list of PIL images, a numpy array (n, h, w, 3 or 1) of uint8 or of floats in [0, 1], "
    "a torch tensor (n, 3 or 1, h, w) in [0, 1], a folder, a list of paths, or Samples"
)
"""The forms in which images may be given, for messages."""


class UnusableImages(Exception):
    """What was given is not images in a known form and range; the text says what it is."""


def images_in_memory(given: object) -> list[Image.Image]:
    """Turn images in memory into upright 8-bit RGB images.

    Args:
        given: a sequence of PIL images, an array (n, h, w, 3 | 1) of uint8 or of floats in
            [0, 1], a torch tensor (n, 3 | 1, h, w) in [0, 1] (or uint8), or a sequence of such
            arrays or tensors of one image, of equal shape.

    Raises:
        UnusableImages: another form, shape or range, or values that are not finite.
    """
    if _is_tensor(given):
        return _from_array(_channels_last(given), "torch tensor")
    if isinstance(given, np.ndarray):
        return _from_array(given, "numpy array")
    if isinstance(given, Sequence) and given and all(isinstance(x, Image.Image) for x in given):
        return [_from_pil(image, number) for number, image in enumerate(given)]
    if isinstance(given, Sequence) and _are_alike(given):
        return images_in_memory(_stacked(given))
    raise UnusableImages(f"{describe(given)} was given; expected {FORMS}")


def describe(given: object) -> str:
    """Say in a few words what an object is, for messages about the wrong one."""
    kind = type(given).__name__
    if isinstance(given, Sequence) and not isinstance(given, (str, bytes)):
        kinds = sorted({type(x).__name__ for x in given})
        return f"a {kind} of {', '.join(kinds[:3])}" if kinds else f"an empty {kind}"
    if hasattr(given, "images"):
        return f"{kind} (its .images are what is wanted)"
    if hasattr(given, "__next__"):
        return f"{kind} (a list of what it yields is wanted)"
    return kind


def _from_pil(image: Image.Image, number: int) -> Image.Image:
    try:
        with truncation_refused():  # an opened file is only read now
            if (image.mode == "I" or image.mode.startswith("I;16")) and np.asarray(image).max() <= 255:
                raise UndecodableImage(f"mode {image.mode} without a value above 255: 8 or 16 bits?")
            return normalise(image)
    except Exception as error:  # closed, truncated, of unknown range: Pillow raises many kinds
        raise UnusableImages(f"image {number} cannot be used: {error or type(error).__name__}") from error


def _are_alike(given: Sequence[Any]) -> bool:
    """Whether these are arrays, or tensors, of single images that fit into one array."""
    arrays = all(isinstance(x, np.ndarray) for x in given) or all(map(_is_tensor, given))
    return bool(given) and arrays and given[0].ndim == 3 and len({(x.shape, x.dtype) for x in given}) == 1


def _stacked(given: Sequence[Any]) -> Any:
    if isinstance(given[0], np.ndarray):
        return np.stack(given)
    import torch

    return torch.stack(list(given))


def _is_tensor(given: object) -> bool:
    # By name, so that a run without torch never imports it.
    return type(given).__module__.partition(".")[0] == "torch" and hasattr(given, "detach")


def _channels_last(tensor: Any) -> NDArray[Any]:
    if tensor.ndim != 4 or tensor.shape[1] not in (1, 3):
        raise UnusableImages(
            f"a torch tensor of shape {tuple(tensor.shape)} was given; expected (n, 3 or 1, h, w)"
        )
    tensor = tensor.detach().cpu()
    if tensor.is_floating_point():
        tensor = tensor.float()  # numpy has no bfloat16
    array: NDArray[Any] = tensor.numpy()
    return array.transpose(0, 2, 3, 1)


def _from_array(array: NDArray[Any], kind: str) -> list[Image.Image]:
    if array.ndim != 4 or array.shape[3] not in (1, 3) or 0 in array.shape[1:]:
        raise UnusableImages(
            f"a {kind} of shape {array.shape} was given; expected (n, h, w, 3) or (n, h, w, 1){_hint(array)}"
        )
    if len(array) == 0:
        return []
    pixels = to_bytes(array, kind)
    if array.dtype == np.uint8:
        check_bright(int(pixels.max()), kind)
    return [Image.fromarray(_rgb(image)) for image in pixels]


def to_bytes(array: NDArray[Any], kind: str) -> NDArray[np.uint8]:
    """Bring pixel values to 0..255: uint8 as it is, floats in [0, 1] scaled and rounded.

    Args:
        array: pixels, of any shape without a zero in it.
        kind: what messages call the array.

    Raises:
        UnusableImages: values of another type or range, or that are not finite.
    """
    if array.dtype == np.uint8:
        return array
    if np.issubdtype(array.dtype, np.floating):
        return _from_unit_range(array, kind)
    raise UnusableImages(f"a {kind} of {array.dtype} was given; expected uint8 or floats in [0, 1]")


def check_bright(largest: int, kind: str) -> None:
    """Refuse a set of uint8 pixels whose largest value says that they were scaled wrongly.

    Raises:
        UnusableImages: no value is above 1.
    """
    if largest <= 1:
        raise UnusableImages(
            f"a {kind} of uint8 whose largest value is {largest} was given; it looks like "
            "[0, 1] floats cast to integers, or the images are all black"
        )


def _hint(array: NDArray[Any]) -> str:
    if array.ndim == 4 and array.shape[1] in (1, 3):
        return "; .transpose(0, 2, 3, 1) brings channels to the end"
    return "; [None] makes a batch of one image" if array.ndim == 3 else ""


def _from_unit_range(array: NDArray[Any], kind: str) -> NDArray[np.uint8]:
    low, high = float(array.min()), float(array.max())  # NaN passes through min and max
    if not (np.isfinite(low) and np.isfinite(high)):
        raise UnusableImages(f"a {kind} with values that are not finite (NaN or infinite) was given")
    if low < 0 or high > 1:
        hint = "; (x + 1) / 2 maps [-1, 1] to it" if -1 <= low < 0 and high <= 1 else ""
        hint = "; x / 255 maps [0, 255] to it" if low >= 0 and 1 < high <= 255 else hint
        raise UnusableImages(
            f"a {kind} of floats in [{low:.4g}, {high:.4g}] was given; expected [0, 1]{hint}"
        )
    rounded: NDArray[np.uint8] = np.rint(array * 255).astype(np.uint8)
    return rounded


def _rgb(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.ascontiguousarray(np.repeat(image, 3, axis=2) if image.shape[2] == 1 else image)
