from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pytest_replication.images.decode import decode
from pytest_replication.images.sources.pnm import encode_block

SHAPES = st.tuples(st.integers(1, 3), st.integers(1, 9), st.integers(1, 9)).flatmap(
    lambda s: st.sampled_from([s, (*s, 1), (*s, 3)])
)


@given(hnp.arrays(np.uint8, SHAPES), st.booleans())
def test_pixels_survive_the_decoder(block: np.ndarray, transposed: bool) -> None:
    if transposed:
        block = np.asfortranarray(block)
    for image, data in zip(block, encode_block(block), strict=True):
        wanted = image.reshape(*image.shape[:2], -1)
        assert np.array_equal(np.asarray(decode(data)), np.broadcast_to(wanted, (*image.shape[:2], 3)))
