from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pytest_replication.index.batching import Parts, Waiting

lengths = st.lists(st.integers(1, 3), max_size=30)


@given(lengths, st.integers(1, 4), st.integers(1, 9))
def test_all_come_out_once_in_batches_of_one_shape(shapes: list[int], batch_size: int, most: int) -> None:
    waiting: Waiting[int] = Waiting(batch_size, most)
    held, batches = 0, []
    for key, length in enumerate(shapes):
        batch = waiting.put(key, [np.zeros(length)])
        held += 1 - len(batch)
        assert held < most
        batches += [batch] if batch else []
    batches += waiting.rest()
    assert sorted(key for batch in batches for key, _ in batch) == list(range(len(shapes)))
    for batch in batches:
        assert 1 <= len(batch) <= batch_size
        assert len({views[0].shape for _, views in batch}) == 1
        assert [key for key, _ in batch] == sorted(key for key, _ in batch)


@given(st.lists(st.lists(st.integers(1, 3), min_size=2, max_size=2), max_size=9), st.integers(1, 5))
def test_parts_come_back_to_their_images(images: list[list[int]], batch_size: int) -> None:
    """Each part is embedded as its sum and its length, in batches of one shape."""
    sizes = []

    def embed(parts: list[np.ndarray]) -> np.ndarray:
        sizes.append(len(parts))
        assert len({part.shape for part in parts}) == 1
        return np.array([[part.sum(), len(part)] for part in parts], np.float32)

    parts, number = Parts(embed, batch_size, 2), 0
    expected = []
    for position, shapes in enumerate(images):
        prepared = [np.full(length, float(number + place)) for place, length in enumerate(shapes)]
        number += 2
        parts.put(10 * position, prepared)
        expected.append([[part.sum(), len(part)] for part in prepared])
    order = [10 * position for position in reversed(range(len(images)))]
    found = parts.laid(order, 2)
    assert found.shape == (len(images), 2, 2)
    assert found.tolist() == expected[::-1]
    assert max(sizes, default=0) <= batch_size
