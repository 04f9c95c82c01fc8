from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_replication.errors import SourceError
from pytest_replication.images.decode import decode
from pytest_replication.images.sources import arrays, open_source

RNG = np.random.default_rng(0)
BYTES = RNG.integers(0, 256, (7, 5, 4, 3), dtype=np.uint8)


def pixels(given: object) -> np.ndarray:
    return np.stack([np.asarray(decode(ref.read())) for ref in open_source(given)])


@pytest.mark.parametrize(
    "array",
    [
        BYTES,
        BYTES[..., 0],
        BYTES[..., :1],
        np.asfortranarray(BYTES),
        (BYTES / 255).astype(np.float32),
        (BYTES / 255).astype(">f8"),
        (BYTES / 255).astype(np.float16),
    ],
    ids=lambda a: f"{a.dtype}{a.shape}",
)
@pytest.mark.parametrize("images_a_block", [1, 3, 100])
def test_arrays_are_read_block_by_block(
    array: np.ndarray, images_a_block: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrays, "_BLOCK", images_a_block * array[0].nbytes)
    np.save(tmp_path / "a.npy", array)
    np.savez_compressed(tmp_path / "a.npz", np.ascontiguousarray(array))
    wanted = BYTES[..., :1] if array.shape[-1] != 3 else BYTES
    for name in ("a.npy", "a.npz"):
        assert len(open_source(tmp_path / name)) == 7
        assert np.array_equal(pixels(tmp_path / name), np.broadcast_to(wanted, BYTES.shape))


def test_ids_and_places(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", BYTES)
    np.savez(tmp_path / "a.npz", images=BYTES, labels=np.arange(7))
    (first, *_) = open_source(f"npy:{tmp_path}/a.npy")
    assert (first.id, first.uri, first.label) == ("a.npy#0", f"{tmp_path}/a.npy#0", None)
    (*_, last) = open_source(f"npy:{tmp_path}/a.npz")
    assert (last.id, last.uri, last.label) == ("a.npz/images#6", f"{tmp_path}/a.npz/images#6", "6")


@pytest.mark.parametrize(
    ("array", "reason"),
    [
        (BYTES[0], r"\[None\] makes an array of one image"),
        (BYTES.transpose(0, 3, 1, 2), r"transpose\(0, 2, 3, 1\)"),
        (BYTES[..., :2], r"shape \(7, 5, 4, 2\)"),
        (BYTES[0, 0, 0], r"shape \(3,\)"),
        (BYTES[:, :0], r"shape \(7, 0, 4, 3\)"),
        (BYTES.astype(np.int64), "type int64"),
        (BYTES.astype(bool), "type bool"),
        (BYTES[:0], "holds no images"),
        (np.zeros(3, [("a", "u1")]), "type"),
        (np.empty((7, 5, 4), object), "type object"),
    ],
)
@pytest.mark.parametrize("name", ["a.npy", "a.npz"])
def test_other_arrays_are_refused(name: str, array: np.ndarray, reason: str, tmp_path: Path) -> None:
    write: Any = np.save if name == "a.npy" else lambda path, array: np.savez(path, images=array)
    write(tmp_path / name, array)
    if name == "a.npz" and array.ndim not in (3, 4):
        reason = "save the training images alone"
    with pytest.raises(SourceError, match=reason):
        open_source(tmp_path / name)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ([0.5, 2.0], r"\[0.5, 2\] was given"),
        ([0.5, -1.0], r"\(x \+ 1\) / 2"),
        ([0.5, np.nan], "not finite"),
        (np.array([0, 1], np.uint8), "largest value is 1"),
    ],
)
def test_values_are_checked_to_the_last_block(
    values: Any, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrays, "_BLOCK", 1)
    first, last = values
    array = np.full((3, 4, 4), first, np.asarray(values).dtype)
    array[2, 3, 3] = last
    np.save(tmp_path / "a.npy", array)
    with pytest.raises(SourceError, match=rf"a\.npy: .*{reason}"):
        list(open_source(tmp_path / "a.npy"))


@pytest.mark.parametrize("change", [-1, 1, -50])
def test_bytes_too_few_or_too_many_are_an_error(change: int, tmp_path: Path) -> None:
    stream = io.BytesIO()
    np.save(stream, BYTES)
    data = stream.getvalue()
    data = data[:change] if change < 0 else data + bytes(change)
    (tmp_path / "a.npy").write_bytes(data)
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("images.npy", data)
    for name in ("a.npy", "a.npz"):
        with pytest.raises(SourceError, match=f"holds {BYTES.nbytes + change} bytes .* names {BYTES.nbytes}"):
            open_source(tmp_path / name)


def test_damaged_files_are_errors(tmp_path: Path) -> None:
    (tmp_path / "a.npy").write_bytes(b"no array")
    with pytest.raises(SourceError, match=r"a\.npy cannot be read as an array"):
        open_source(tmp_path / "a.npy")
    np.savez(tmp_path / "b.npz", images=BYTES)
    content = bytearray((tmp_path / "b.npz").read_bytes())
    content[300] ^= 255  # among the pixels
    (tmp_path / "b.npz").write_bytes(content)
    with pytest.raises(SourceError, match="Bad CRC-32"):
        list(open_source(tmp_path / "b.npz"))


def test_headers_of_another_kind_are_refused(tmp_path: Path) -> None:
    stream = io.BytesIO()
    np.lib.format.write_array(stream, BYTES, version=(3, 0))
    (tmp_path / "a.npy").write_bytes(stream.getvalue())
    with pytest.raises(SourceError, match=r"format 3\.0"):
        open_source(tmp_path / "a.npy")
    stream = io.BytesIO()
    np.lib.format.write_array(stream, BYTES, version=(2, 0))
    (tmp_path / "b.npy").write_bytes(stream.getvalue())
    assert np.array_equal(pixels(tmp_path / "b.npy"), BYTES)
    (tmp_path / "c.npy").write_bytes(stream.getvalue().replace(b"(7, 5,", b"(-7,5,"))
    with pytest.raises(SourceError, match="names the shape"):
        open_source(tmp_path / "c.npy")


def test_the_images_of_an_archive_are_found(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", BYTES, np.arange(7)[:, None])
    assert [ref.label for ref in open_source(tmp_path / "a.npz")] == list("0123456")
    np.savez(tmp_path / "b.npz", BYTES, np.arange(8))
    assert {ref.label for ref in open_source(tmp_path / "b.npz")} == {None}
    np.savez(tmp_path / "c.npz", x=BYTES, y=np.arange(7))
    assert len(open_source(tmp_path / "c.npz")) == 7
    np.savez(tmp_path / "d.npz", x_train=BYTES, x_test=BYTES)
    with pytest.raises(
        SourceError, match=r"x_train \(7, 5, 4, 3\), x_test .*: save the training images alone"
    ):
        open_source(tmp_path / "d.npz")
    np.savez(tmp_path / "e.npz", images=BYTES, labels=np.arange(8))
    with pytest.raises(SourceError, match=r"7 images and labels of shape \(8,\)"):
        open_source(tmp_path / "e.npz")
    np.savez(tmp_path / "f.npz", images=BYTES, labels=np.array([None] * 7))
    with pytest.raises(SourceError, match="labels is of type object: save labels as numbers, or as text"):
        open_source(tmp_path / "f.npz")


def test_labels_are_read_a_block_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrays, "_BLOCK", 3 * 60)
    names = [f"name {number}" for number in range(7)]
    np.savez(tmp_path / "a.npz", images=BYTES, labels=names)
    assert [ref.label for ref in open_source(tmp_path / "a.npz")] == names


@pytest.mark.parametrize(
    ("type_", "reason"),
    [
        ("<U500000000", r"labels is of type <U500000000: save"),
        ("<U9", r"labels holds 0 bytes of values and .* 252"),
    ],
)
def test_labels_that_are_not_there_take_no_memory(type_: str, reason: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", images=BYTES)
    header = io.BytesIO()
    facts = {"descr": type_, "fortran_order": False, "shape": (7,)}
    np.lib.format.write_array_header_1_0(header, facts)
    with zipfile.ZipFile(tmp_path / "a.npz", "a") as archive:
        archive.writestr("labels.npy", header.getvalue())
    with pytest.raises(SourceError, match=reason):
        open_source(tmp_path / "a.npz")


def test_an_archive_in_fortran_order_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", images=np.asfortranarray(BYTES))
    with pytest.raises(SourceError, match="ascontiguousarray"):
        open_source(tmp_path / "a.npz")


def test_a_file_that_shrinks_while_it_is_read_is_an_error(tmp_path: Path) -> None:
    for name, save in (("a.npy", np.save), ("a.npz", np.savez)):
        save(tmp_path / name, BYTES)
        source = open_source(tmp_path / name)
        (tmp_path / name).write_bytes(b"")
        with pytest.raises(SourceError, match="cannot be read as an array"):
            list(source)
