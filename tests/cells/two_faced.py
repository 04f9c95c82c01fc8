"""A function whose code is the same everywhere and whose vectors are not, as with another runtime or device.

The environment variable ``FACE`` says where it gives the other ones: ``other`` is everywhere, ``workers`` in
processes that another one has started.
"""

from __future__ import annotations

import multiprocessing
import os

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def face(images: list[Image.Image]) -> NDArray[np.float32]:
    vectors = np.stack([np.asarray(i.resize((8, 8)), np.float32).ravel() - 128 for i in images])
    return np.ascontiguousarray(vectors[:, ::-1]) if _turned() else vectors


def another(images: list[Image.Image]) -> NDArray[np.float32]:
    return -face(images)


def _turned() -> bool:
    started = multiprocessing.parent_process() is not None
    return os.environ.get("FACE") in (("other", "workers") if started else ("other",))
