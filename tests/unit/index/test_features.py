from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_replication.errors import IndexCorrupt
from pytest_replication.images.local import FEATURE
from pytest_replication.index.features import STORED, count_in, fault_of, of_row, of_rows, pack

counts = st.lists(st.integers(0, 5), max_size=8)


def images(counts: list[int]) -> list[np.ndarray]:
    """Features of made-up images: all different."""
    raw = np.random.default_rng(0).integers(0, 60, (sum(counts), FEATURE.itemsize), dtype=np.uint8)
    return np.split(raw.view(FEATURE)[:, 0], np.cumsum(counts)[:-1]) if counts else []


@given(counts)
def test_each_image_gets_its_own_back(counts: list[int]) -> None:
    given_ = images(counts)
    stored = pack(given_)
    assert stored.dtype == STORED
    assert fault_of(stored, len(counts), 5) == ""
    for row, features in enumerate(given_):
        assert np.array_equal(of_row(stored, row), features)
    assert len(of_row(stored, len(counts))) == 0


@given(counts, st.data())
def test_rows_that_are_left_keep_theirs(counts: list[int], data: st.DataObject) -> None:
    kept = [row for row in range(len(counts)) if data.draw(st.booleans())]
    given_ = images(counts)
    left = of_rows(pack(given_), np.array(kept, np.int64))
    assert np.array_equal(left, pack([given_[row] for row in kept]))


@given(counts, st.integers(1, 139))
def test_the_size_of_a_file_tells_how_many_there_are(counts: list[int], more: int) -> None:
    written = io.BytesIO()
    np.save(written, pack(images(counts)))
    size = len(written.getvalue())
    assert count_in(Path("f"), size) == sum(counts)
    for wrong in (size + more, more):
        with pytest.raises(IndexCorrupt, match="hold no whole number of features"):
            count_in(Path("f"), wrong)
