"""Label maps in files: PNG with one channel, or npy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pytest_replication.benchmark.synthetic.segmented import VOID, Labels
from pytest_replication.errors import BenchmarkError
from pytest_replication.images.decode import MAX_PIXELS, truncation_refused

VOID_IN_PNG = 255
"""What stands for unknown pixels in an 8-bit PNG, as in Pascal VOC."""


def read_labels(path: Path) -> Labels:
    """Read a label map.

    Args:
        path: a PNG with a palette or of one channel (255 is void when it has 8 bits), or an npy file
            of integers (h, w) (negative numbers are void).

    Returns:
        (h, w) int32.

    Raises:
        BenchmarkError: it cannot be read, or has another form.
    """
    try:
        values = _npy(path) if path.suffix.lower() == ".npy" else _png(path)
    except Exception as error:  # Pillow's parsers raise whatever they trip over
        raise BenchmarkError(f"{path} cannot be read as a label map: {error}") from error
    if values.size and int(values.max()) > np.iinfo(np.int32).max:
        raise BenchmarkError(f"{path} has the label {int(values.max())}, more than 32 bits hold")
    return np.maximum(values, VOID).astype(np.int32)


def _npy(path: Path) -> NDArray[np.int64]:
    values = np.load(path, allow_pickle=False)
    if values.ndim != 2 or not (np.issubdtype(values.dtype, np.integer) or values.dtype == np.bool_):
        raise ValueError(f"it is of shape {values.shape} and {values.dtype}; expected integers (h, w)")
    return np.asarray(values, dtype=np.int64)


def _png(path: Path) -> NDArray[np.int64]:
    with truncation_refused(), path.open("rb") as file, Image.open(file, formats=["PNG"]) as image:
        if image.width * image.height > MAX_PIXELS:
            raise ValueError(f"{image.width} x {image.height} is more than {MAX_PIXELS:,} pixels")
        if image.mode not in ("P", "L", "1", "I", "I;16"):
            raise ValueError(f"it has the mode {image.mode}; expected one channel of labels, or a palette")
        values = np.asarray(image).astype(np.int64)
        return np.where(values == VOID_IN_PNG, VOID, values) if image.mode in ("P", "L") else values
