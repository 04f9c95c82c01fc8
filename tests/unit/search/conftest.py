"""An index of random unit vectors, for tests that need no images."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pytest_replication import Index


@pytest.fixture(scope="session")
def unit() -> Callable[..., np.ndarray]:
    """Random float32 unit rows of a shape."""

    def make(seed: int, *shape: int) -> np.ndarray:
        rows = np.random.default_rng(seed).standard_normal(shape)
        return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)

    return make


@pytest.fixture
def index(tmp_path: Path, made_up_index: Callable[..., Index], unit: Callable[..., np.ndarray]) -> Index:
    """60 rows of two views, in three shards."""
    return made_up_index(tmp_path / "index", unit(1, 25, 2, 12), unit(2, 25, 2, 12), unit(3, 10, 2, 12))
