from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pytest_replication.benchmark.synthetic.label_files import read_labels
from pytest_replication.errors import BenchmarkError


def test_a_palette_gives_its_numbers_and_not_its_colours(tmp_path: Path) -> None:
    image = Image.fromarray(np.array([[0, 1], [2, 255]], np.uint8))
    image.putpalette([9] * 768)
    image.save(tmp_path / "x.png")
    assert read_labels(tmp_path / "x.png").tolist() == [[0, 1], [2, -1]]


def test_16_bits_have_no_void(tmp_path: Path) -> None:
    Image.fromarray(np.array([[0, 255], [300, 65535]], np.uint16)).save(tmp_path / "x.png")
    assert read_labels(tmp_path / "x.png").tolist() == [[0, 255], [300, 65535]]


def test_negative_numbers_and_truth_values_of_an_array(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.array([[-7, 3]], np.int64))
    assert read_labels(tmp_path / "x.npy").tolist() == [[-1, 3]]
    np.save(tmp_path / "x.npy", np.array([[True, False]]))
    assert read_labels(tmp_path / "x.npy").tolist() == [[1, 0]]


@pytest.mark.parametrize(
    "values",
    [
        np.zeros((2, 2), np.float32),
        np.zeros((2, 2, 3), np.uint8),
        np.zeros(4, np.uint8),
        np.array([[object()]], dtype=object),
        np.array([[2**40]]),
    ],
)
def test_arrays_of_another_form_are_refused(tmp_path: Path, values: np.ndarray) -> None:
    np.save(tmp_path / "x.npy", values)
    with pytest.raises(BenchmarkError, match=r"cannot be read as a label map|more than 32 bits hold"):
        read_labels(tmp_path / "x.npy")


def test_images_of_another_form_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    Image.new("RGB", (2, 2)).save(path)
    with pytest.raises(BenchmarkError, match="it has the mode RGB"):
        read_labels(path)
    Image.new("L", (64, 64), 7).save(path)
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(BenchmarkError, match="cannot be read as a label map"):
        read_labels(path)
    Image.new("L", (2, 2)).save(path, "BMP")
    with pytest.raises(BenchmarkError, match="cannot be read as a label map"):
        read_labels(path)
    with pytest.raises(BenchmarkError, match="cannot be read as a label map"):
        read_labels(tmp_path / "missing.npy")


def test_a_huge_label_map_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pytest_replication.benchmark.synthetic.label_files.MAX_PIXELS", 3)
    Image.new("L", (2, 2)).save(tmp_path / "x.png")
    with pytest.raises(BenchmarkError, match="is more than 3 pixels"):
        read_labels(tmp_path / "x.png")
