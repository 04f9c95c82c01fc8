"""Vectors and names that the tests of all kinds of embeddings share."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

Vectors = NDArray[np.float32]


@pytest.fixture(scope="session")
def made() -> Callable[..., Vectors]:
    """Make some vectors that are of no particular length: the same ones each time."""

    def make(rows: int, dim: int = 5, seed: int = 0) -> Vectors:
        return np.random.default_rng(seed).standard_normal((rows, dim)).astype(np.float32) * 3

    return make
