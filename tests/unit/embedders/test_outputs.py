from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_replication.embedders.outputs import averaged, checked
from pytest_replication.errors import EmbedderError

SIZE = st.integers(1, 5)


@settings(deadline=None)
@given(SIZE, SIZE, SIZE, SIZE)
def test_maps_become_tokens_row_by_row_and_tokens_a_mean(n: int, length: int, h: int, w: int) -> None:
    cells = np.random.default_rng(n).standard_normal((n, length, h, w))
    tokens = checked(cells, n, "it")
    assert tokens.shape == (n, h * w, length)
    assert tokens.dtype == np.float32
    assert np.array_equal(tokens[-1, w * (h - 1)], cells[-1, :, h - 1, 0].astype(np.float32))
    assert np.allclose(averaged(tokens), cells.mean(axis=(2, 3)), atol=1e-5)


def test_vectors_are_left_alone_and_lists_are_taken() -> None:
    rows = checked([[1, 2], [3, 4]], 2, "it")
    assert np.array_equal(averaged(rows), [[1, 2], [3, 4]])


class Refuses:
    def __array__(self, *args: object, **more: object) -> np.ndarray:
        raise TypeError("on another device")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (None, "an array of object from a NoneType"),
        (["a", "b"], "expected numbers"),
        ([[True], [False]], "array of bool"),
        ([[1.0, 2.0], [1.0]], "is no array|array of object"),
        (Refuses(), r"is no array \(on another device\)"),
        (np.zeros(2), r"shape \(2,\) for 2 images"),
        (np.zeros((3, 4)), r"shape \(3, 4\) for 2 images"),
        (np.zeros((2, 0)), r"shape \(2, 0\)"),
        (np.zeros((2, 1, 1, 1, 1)), r"expected \(n, dim\), tokens"),
    ],
)
def test_anything_else_is_refused(given: object, message: str) -> None:
    with pytest.raises(EmbedderError, match=message):
        checked(given, 2, "it")
