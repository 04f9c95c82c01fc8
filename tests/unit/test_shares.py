"""How many a share allows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_replication._cli.options import limit
from pytest_replication.index.ingest import allow
from pytest_replication.shares import allowed


@given(st.integers(1, 10**7), st.data())
def test_a_share_of_a_number_allows_it(of: int, data: st.DataObject) -> None:
    count = data.draw(st.integers(0, of))
    assert allowed(count / of, of) == count


@given(st.floats(0, 1), st.integers(1, 10**7))
def test_no_more_is_allowed(share: float, of: int) -> None:
    count = allowed(share, of)
    assert count / of <= share
    assert count == of or (count + 1) / of > share


@pytest.mark.parametrize(
    ("share", "of", "count"),
    [(0.29, 100, 29), (0.58, 50, 29), (0.0, 7, 0), (1.0, 7, 7), (0.999, 10, 9), (0.5, 0, 0)],
)
def test_shares_that_people_write(share: float, of: int, count: int) -> None:
    assert allowed(share, of) == count


def test_unreadable_images_are_counted_so() -> None:
    assert allow(0.29, 100) == 29
    assert allow(limit("29%"), 100) == 29
    assert allow(limit("0.7%"), 1000) == 7
    assert allow(3, 100) == 3
