from __future__ import annotations

import gzip
import os
import struct
import tracemalloc
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_replication.errors import SourceError
from pytest_replication.images.decode import decode
from pytest_replication.images.sources import arrays, idx, open_source

IMAGES = np.random.default_rng(0).integers(0, 256, (7, 5, 4), dtype=np.uint8)
LABELS = np.arange(7, dtype=np.uint8)


def write(path: Path, array: np.ndarray, magic: bytes | None = None) -> Path:
    head = magic or bytes((0, 0, 8, array.ndim))
    data = head + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


@pytest.fixture(params=["", ".gz"])
def mnist(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Folder of a training set and a test set."""
    for name, images, labels in (("train", IMAGES, LABELS), ("t10k", IMAGES[:2], LABELS[:2])):
        write(tmp_path / f"{name}-images-idx3-ubyte{request.param}", images)
        write(tmp_path / f"{name}-labels-idx1-ubyte{request.param}", labels)
    return tmp_path


def test_the_training_images_of_a_folder_are_listed(mnist: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrays, "_BLOCK", 3 * 20)
    (file,) = mnist.glob("train-images*")
    for form in (mnist, f"idx:{mnist}", file, f"idx:{file}"):
        source = open_source(form)
        found = list(source)
        assert len(source) == len(found) == 7
        assert [ref.label for ref in found] == list("0123456")
        assert [ref.id for ref in found] == [f"{file.name}#{number}" for number in range(7)]
        assert found[6].uri == f"{file}#6"
        for ref, image in zip(found, IMAGES, strict=True):
            assert np.array_equal(np.asarray(decode(ref.read()))[..., 0], image)


def test_labels_are_optional_and_have_to_fit(mnist: Path) -> None:
    (labels,) = mnist.glob("train-labels*")
    write(labels, LABELS[:6])
    with pytest.raises(SourceError, match=r"7 images and .* 6 labels"):
        open_source(mnist)
    labels.unlink()
    assert [ref.label for ref in open_source(mnist)] == [None] * 7


def test_labels_are_never_all_in_memory(tmp_path: Path) -> None:
    count = 4_000_000  # of gzip that stands for a thousand times its bytes
    images, labels = tmp_path / "train-images-idx3-ubyte.gz", tmp_path / "train-labels-idx1-ubyte.gz"
    with gzip.open(images, "wb") as file:
        file.write(struct.pack(">4I", 0x803, count, 2, 2))
    with gzip.open(labels, "wb", compresslevel=1) as file:
        file.write(struct.pack(">2I", 0x801, count) + bytes(count))
    tracemalloc.start()
    try:
        open_source(images)
        assert tracemalloc.get_traced_memory()[1] < count // 4
    finally:
        tracemalloc.stop()
    with gzip.open(labels, "ab") as file:
        file.write(b"x")
    with pytest.raises(SourceError, match="labels-idx1.* holds more bytes than its header names"):
        open_source(images)


def test_a_name_with_dots_is_known_and_another_has_no_labels(tmp_path: Path) -> None:
    write(tmp_path / "train-images.idx3-ubyte", IMAGES)
    write(tmp_path / "train-labels.idx1-ubyte", LABELS)
    assert [ref.label for ref in open_source(tmp_path)] == list("0123456")
    assert next(iter(open_source(f"idx:{write(tmp_path / 'other', IMAGES)}"))).label is None


@pytest.mark.parametrize("magic", [b"\0\0\x09\3", b"\0\0\x08\4", b"\x1f\x8b\x08\0", b"ab"])
def test_another_header_is_refused(magic: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x-images-idx3-ubyte"
    path.write_bytes(magic + bytes(50) if len(magic) == 4 else magic)
    with pytest.raises(SourceError, match=f"begins with {magic.hex()}"):
        open_source(path)


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x-images-idx3-ubyte").touch()
    with pytest.raises(SourceError, match="begins with nothing"):
        open_source(tmp_path / "x-images-idx3-ubyte")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(change=st.integers(-150, 20).filter(bool), suffix=st.sampled_from(["", ".gz"]))
def test_bytes_too_few_or_too_many_are_an_error(change: int, suffix: str, tmp_path: Path) -> None:
    data = b"\0\0\x08\3" + struct.pack(">3I", *IMAGES.shape) + IMAGES.tobytes()
    data = data[:change] if change < 0 else data + bytes(change)
    path = tmp_path / f"x-images-idx3-ubyte{suffix}"
    path.write_bytes(gzip.compress(data) if suffix else data)
    with pytest.raises(SourceError, match="x-images-idx3-ubyte"):
        list(open_source(path))


def test_a_gzip_that_is_cut_off_is_an_error(tmp_path: Path) -> None:
    path = write(tmp_path / "x-images-idx3-ubyte.gz", IMAGES)
    os.truncate(path, path.stat().st_size - 6)
    with pytest.raises(SourceError, match="end-of-stream"):
        list(open_source(path))


def test_images_that_are_all_black_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "x-images-idx3-ubyte", IMAGES // 255)
    with pytest.raises(SourceError, match="largest value is"):
        list(open_source(path))


def test_no_images_and_images_without_pixels_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="holds no images"):
        open_source(write(tmp_path / "a-images-idx3-ubyte", IMAGES[:0]))
    with pytest.raises(SourceError, match=r"shape \(7, 0, 4\)"):
        open_source(write(tmp_path / "b-images-idx3-ubyte", IMAGES[:, :0]))


def test_a_folder_without_training_images_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "t10k-images-idx3-ubyte", IMAGES)
    with pytest.raises(SourceError, match="holds no train-images-idx3-ubyte"):
        open_source(tmp_path)


def test_idx_files_in_several_folders_ask_for_one(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).mkdir()
        write(tmp_path / name / "train-images-idx3-ubyte", IMAGES)
    with pytest.raises(SourceError, match="in 2 folders"):
        open_source(tmp_path)
    assert len(open_source(tmp_path / "a")) == 7


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="gone cannot be read: No such file"):
        open_source(f"idx:{tmp_path}/gone")


def test_images_are_read_and_brought_to_files_a_block_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not one by one: a set of 60,000 is listed in a second."""
    images = np.random.default_rng(0).integers(0, 256, (1000, 28, 28), dtype=np.uint8)
    source = open_source(write(tmp_path / "train-images-idx3-ubyte", images))
    monkeypatch.setattr(arrays, "_BLOCK", 300 * 28 * 28)
    read, encoded = spy(monkeypatch, idx, "_exactly"), spy(monkeypatch, arrays, "encode_block")
    assert sum(1 for _ in source) == 1000
    assert [size for _, size, _ in read] == [300 * 784, 300 * 784, 300 * 784, 100 * 784]
    assert [len(pixels) for (pixels,) in encoded] == [300, 300, 300, 100]


def spy(monkeypatch: pytest.MonkeyPatch, module: ModuleType, name: str) -> list[tuple[Any, ...]]:
    """Arguments of all calls of a function from now on."""
    calls, real = [], getattr(module, name)

    def called(*args: Any) -> Any:
        calls.append(args)
        return real(*args)

    monkeypatch.setattr(module, name, called)
    return calls
