"""Sizes as people write them."""

from __future__ import annotations

import pytest

from pytest_replication.reports.words import read_size


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("20MB", 20_000_000),
        (" 1.5 kB", 1500),
        ("1GiB", 1 << 30),
        ("512kib", 512 << 10),
        ("700", 700),
        ("2gb", 2 * 10**9),
        ("20k", 20_000),
        ("1.5M", 1_500_000),
        ("46.8 kB", 46_800),
    ],
)
def test_a_size_is_read(text: str, size: int) -> None:
    assert read_size(text) == size


@pytest.mark.parametrize(
    "text", ["", "MB", "20 %", "-1MB", "0", "nan", "inf", "20mbmb", "1e400", "0.1", "20ib", "20 bytes"]
)
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^is no size: write 20MB"):
        read_size(text)
