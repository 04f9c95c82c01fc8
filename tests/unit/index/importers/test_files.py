from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_replication.errors import SourceError
from pytest_replication.index.importers.files import layout_of, open_npy

Make = Callable[..., np.ndarray]


@pytest.mark.parametrize("dtype", ["<f2", "<f4"])
def test_rows_of_an_npy_file_come_back_as_they_are(dtype: str, tmp_path: Path, made: Make) -> None:
    vectors = made(11).astype(dtype)
    np.save(tmp_path / "v.npy", vectors)
    rows = open_npy(tmp_path / "v.npy")
    assert (rows.rows, rows.dim, rows.dtype) == (11, 5, dtype)
    found = rows.vectors(3, 9)
    assert found.dtype == np.float32
    assert found.flags.c_contiguous
    assert np.array_equal(found, vectors[3:9].astype(np.float32))
    assert rows.vectors(4, 4).shape == (0, 5)


def test_a_header_of_version_2_is_read_and_one_of_version_3_is_not(tmp_path: Path, made: Make) -> None:
    for version in ((2, 0), (3, 0)):
        with (tmp_path / f"{version[0]}.npy").open("wb") as file:
            np.lib.format.write_array(file, made(4), version=version)
    assert np.array_equal(open_npy(tmp_path / "2.npy").vectors(0, 4), made(4))
    with pytest.raises(
        SourceError, match=r"3.npy is no .npy file of numbers \(it does not start as version 1.0 or 2.0 does"
    ):
        open_npy(tmp_path / "3.npy")


@pytest.mark.parametrize(
    "array",
    [
        np.ones((3, 4), "<f8"),
        np.ones((3, 4), ">f4"),
        np.ones((3, 4), "<i4"),
        np.asfortranarray(np.ones((3, 4), "<f4")),
        np.ones(12, "<f4"),
        np.ones((2, 3, 4), "<f4"),
        np.ones((3, 0), "<f4"),
        np.ones((3, 4), [("x", "<f4")]),
    ],
    ids=["f8", "big-endian", "int", "fortran", "1-d", "3-d", "no-dim", "structured"],
)
def test_another_array_is_refused(array: np.ndarray, tmp_path: Path) -> None:
    np.save(tmp_path / "v.npy", array)
    with pytest.raises(SourceError, match=r"v.npy holds .* expected \(rows, dim\) of float16 or float32"):
        open_npy(tmp_path / "v.npy")


def test_a_pickled_array_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "v.npy", np.array([[{}, {}]], dtype=object), allow_pickle=True)
    with pytest.raises(SourceError, match="v.npy holds"):
        open_npy(tmp_path / "v.npy")


@pytest.mark.parametrize("change", [-1, -4, -50, 1, 20])
def test_a_cut_or_longer_file_is_refused(change: int, tmp_path: Path, made: Make) -> None:
    path = tmp_path / "v.npy"
    np.save(path, made(11))
    content = path.read_bytes()
    path.write_bytes(content[:change] if change < 0 else content + bytes(change))
    with pytest.raises(SourceError, match=rf"v.npy has {len(content) + change} bytes, its header asks for"):
        open_npy(path)


@pytest.mark.parametrize(
    "content", [b"", b"\x93NUMPY", b"PK\x03\x04" + bytes(60), b"\x93NUMPY\x01\x00\x05\x00{'a':"]
)
def test_what_is_no_npy_file_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "v.npy").write_bytes(content)
    with pytest.raises(SourceError, match="v.npy is no .npy file of numbers"):
        open_npy(tmp_path / "v.npy")


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="v.npy cannot be read: No such file"):
        open_npy(tmp_path / "v.npy")


def test_a_file_that_becomes_shorter_is_an_error_and_no_crash(tmp_path: Path, made: Make) -> None:
    path = tmp_path / "v.npy"
    np.save(path, made(5000))
    rows = open_npy(path)
    with path.open("rb+") as file:
        file.truncate(1000)
    with pytest.raises(SourceError, match="changed since it was opened"):
        rows.vectors(4000, 5000)


def write_header(path: Path, text: bytes, data: bytes = bytes(24)) -> Path:
    path.write_bytes(b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + data)
    return path


HEADER = b"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }"


def test_a_header_that_another_program_wrote_is_read(tmp_path: Path) -> None:
    assert open_npy(write_header(tmp_path / "v.npy", HEADER + b"   \n")).rows == 2
    other = b'{"shape":(2,3),"descr":"<f4","fortran_order":False}'
    assert open_npy(write_header(tmp_path / "v.npy", other)).dim == 3


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"(2, 3)", b"(-2, -3)"),
        (b"(2, 3)", b"[2, 3]"),
        (b"(2, 3)", b"(2, True)"),
        (b"(2, 3)", b"(2L, 3L)"),
        (b"False", b"0"),
        (b", }", b", 'x': 1}"),
        (b"}", b""),
        (b"{", b"print({"),
        (b"'<f4'", b"'\xff'"),
        (b"'<f4'", b"'<f4'" + b" " * 5000),
    ],
)
def test_a_damaged_header_is_refused(old: bytes, new: bytes, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="v.npy is no .npy file of numbers"):
        open_npy(write_header(tmp_path / "v.npy", HEADER.replace(old, new)))


@given(st.binary(max_size=80), st.integers(0, len(HEADER)), st.integers(0, len(HEADER)))
def test_any_header_is_right_or_refused(
    tmp_path_factory: pytest.TempPathFactory, noise: bytes, start: int, length: int
) -> None:
    text = HEADER[:start] + noise + HEADER[start + length :]
    path = write_header(tmp_path_factory.getbasetemp() / "any.npy", text)
    try:
        found = open_npy(path)
    except SourceError:
        return
    assert found.rows * found.layout.itemsize == 24
    assert found.dtype in ("<f2", "<f4")


def test_a_layout_leaves_room_before_the_vector() -> None:
    layout = layout_of(3, before=12, count=("<i4", 0), norm=("<f4", 4))
    assert layout.itemsize == 24
    assert layout.fields is not None
    assert {name: field[1] for name, field in layout.fields.items()} == {"vector": 12, "count": 0, "norm": 4}
