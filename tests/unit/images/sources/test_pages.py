from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_replication.images.sources.pages import Page, pages

ROWS = [bytes([number % 251]) * (number % 300) if number % 5 else None for number in range(4000)]


def write(path: Path, **options: Any) -> Path:
    table = pa.table({"a": pa.array(ROWS, pa.binary()), "b": pa.array([b"x" * 99_999] * 4000)})
    pq.write_table(table, path, **options)
    return path


def columns(path: Path) -> list[Any]:
    metadata = pq.read_metadata(path)
    groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    return [group.column(number) for group in groups for number in range(group.num_columns)]


def start(column: Any) -> int:
    return column.dictionary_page_offset if column.has_dictionary_page else column.data_page_offset


@pytest.mark.parametrize("compression", ["none", "snappy", "zstd"])
@pytest.mark.parametrize("dictionary", [True, False])
@pytest.mark.parametrize("version", ["1.0", "2.0"])
def test_all_pages_are_found(compression: str, dictionary: bool, version: str, tmp_path: Path) -> None:
    options = {"compression": compression, "use_dictionary": dictionary, "data_page_version": version}
    path = write(tmp_path / "t.parquet", row_group_size=1500, data_page_size=4096, **options)
    for column in columns(path):
        with path.open("rb") as file:
            found = list(pages(file, start(column), column.total_compressed_size, column.num_values))
        headers = column.total_compressed_size - sum(page.stored for page in found)
        assert 0 < headers < 300_000  # those of b hold its value as a statistic
        assert sum(page.unpacked for page in found) == column.total_uncompressed_size - headers
        assert sum(page.values for page in found) == column.num_values
        assert (found[0].values == 0) == dictionary


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(at=st.integers(0, 2000), inside=st.binary(min_size=1, max_size=20))
def test_damage_is_a_value_error_and_ends(at: int, inside: bytes, tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    if not path.exists():
        write(path, row_group_size=4000, data_page_size=512)
    column = columns(path)[0]
    content = bytearray(path.read_bytes())
    content[start(column) + at : start(column) + at + len(inside)] = inside
    walk = pages(io.BytesIO(content), start(column), column.total_compressed_size, column.num_values)
    try:
        found = list(walk)
    except ValueError:
        pass
    else:
        assert sum(page.stored for page in found) <= column.total_compressed_size + 100


def header(stored: int, unpacked: int, *more: int) -> bytes:
    """A header of a dictionary page: its kind and sizes."""

    def number(value: int) -> bytes:
        zigzag, found = (value << 1) ^ (value >> 63), bytearray()
        while zigzag > 127:
            found.append(zigzag & 127 | 128)
            zigzag >>= 7
        return bytes([*found, zigzag])

    return b"\x15" + number(2) + b"\x15" + number(unpacked) + b"\x15" + number(stored) + bytes([*more, 0])


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "no whole header"),
        (header(-5, 5), "sizes -5, 5, 0"),
        (header(5, -5), "sizes 5, -5, 0"),
        (b"\0", "sizes None, None, 0"),
        (header(5, 5)[:-1] + b"\x1b\0", "unknown kind 11"),
        (b"\x1c" * 20, "nested too deeply"),
        (b"\x15" + b"\xff" * 11, "more than 64 bits"),
        (header(5, 5)[:-1] + b"\x18\xff\xff\xff\xff\x0f", "no whole header"),
        (header(1 << 40, 5), "behind its column"),
    ],
)
def test_headers_that_make_no_sense_are_refused(content: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        list(pages(io.BytesIO(content), 0, 1000, 1))


def test_fields_that_do_not_matter_are_passed_over() -> None:
    fields = bytes([0x11, 0x12, 0x13, 9, 0x14, 9, 0x16, 9, 0x17, *range(8), 0x18, 3, 1, 2, 3, 0x1C, 0])
    content = header(5, 7, *fields) + b"?????" + header(0, 0, 0x2C, 0x15, 4, 0)
    assert list(pages(io.BytesIO(content), 0, 100, 2)) == [Page(5, 7, 0), Page(0, 0, 2)]
