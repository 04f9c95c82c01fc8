from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pytest_replication.embedders import Embedder, EmbedderSpec, load_embedder
from pytest_replication.embedders.base import Prepared
from pytest_replication.embedders.probe import embed_images
from pytest_replication.errors import IndexMismatch, SourceError
from pytest_replication.images.decode import decode
from pytest_replication.index.importers import Embeddings, open_embeddings, prove_imported


class Mirrored(Embedder):
    """``pixels`` with another preset: it mirrors images first."""

    def __init__(self) -> None:
        self._inner = load_embedder("pixels")
        spec = self._inner.spec
        self.spec = EmbedderSpec(spec.name, spec.dim, None, "mirrored", "pixels", preset="mirrored")

    def prepare(self, image: Image.Image) -> Prepared:
        return self._inner.prepare(image.transpose(Image.Transpose.FLIP_LEFT_RIGHT))

    def forward(self, batch: Sequence[Prepared]) -> np.ndarray:
        return self._inner.forward(batch)


class Small(Mirrored):
    """An embedder with vectors of another length."""

    def __init__(self) -> None:
        super().__init__()
        self.spec = EmbedderSpec("small", 64, None, "", "small")


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    return load_embedder("pixels")


@pytest.fixture(scope="module")
def photographs(training: Path, unrelated: Path) -> list[Path]:
    """31 real photographs."""
    return sorted(training.glob("*.jpg")) + sorted(unrelated.glob("*.jpg"))


@pytest.fixture(scope="module")
def vectors(embedder: Embedder, photographs: list[Path]) -> np.ndarray:
    return embed_images(embedder, [decode(path.read_bytes()) for path in photographs])


@pytest.fixture
def imported(tmp_path: Path, photographs: list[Path], vectors: np.ndarray) -> Callable[..., Embeddings]:
    """Save vectors with names and open them."""

    def one(
        names: Sequence[object] | None = None,
        dtype: str = "<f4",
        change: np.ndarray | None = None,
        repeat: int = 1,
    ) -> Embeddings:
        stored = (vectors if change is None else change) * 2.5
        np.save(tmp_path / "v.npy", np.tile(stored, (repeat, 1)).astype(dtype))
        lines = [str(name) for name in (photographs if names is None else names)] * repeat
        (tmp_path / "names.txt").write_text("\n".join(lines))
        return open_embeddings(f"npy:{tmp_path / 'v.npy'}", names=tmp_path / "names.txt")

    return one


@pytest.mark.parametrize("dtype", ["<f2", "<f4"])
def test_the_embedder_that_made_them_is_proved(imported: Callable, embedder: Embedder, dtype: str) -> None:
    proof = prove_imported(imported(dtype=dtype), embedder, None)
    assert proof is not None
    assert proof.checked == 31
    assert proof.lowest > (0.99999 if dtype == "<f2" else 0.9999999)


def test_rows_are_spread_over_the_whole_set(imported: Callable, embedder: Embedder) -> None:
    large = imported(repeat=40)
    read: list[int] = []
    block = large.block
    large.block = lambda start, stop: read.append(start) or block(start, stop)
    proof = prove_imported(large, embedder, None, wanted=50)
    assert proof is not None
    assert proof.checked == len(set(read)) == 50
    assert (read[0], read[-1]) == (0, large.rows - 1)
    assert set(np.diff(read)) <= {25, 26}


def test_another_preset_is_a_mismatch_that_counts(imported: Callable) -> None:
    with pytest.raises(
        IndexMismatch,
        match=r"v.npy: 31 of 31 images get another vector from pixels with preset mirrored \(lowest cosine -?0\.\d+, of "
        r".*\.jpg; at least 0.999 is asked for\): another embedder or preset made them",
    ):
        prove_imported(imported(), Mirrored(), None)


def test_one_row_that_differs_is_a_mismatch(
    imported: Callable, embedder: Embedder, vectors: np.ndarray, photographs: list[Path]
) -> None:
    changed = vectors.copy()
    changed[17] = vectors[3]
    with pytest.raises(
        IndexMismatch, match=rf"1 of 31 images get .*, of {photographs[17]}; .*: row i of the names"
    ):
        prove_imported(imported(change=changed), embedder, None)


def test_rows_in_another_order_are_a_mismatch(
    imported: Callable, embedder: Embedder, vectors: np.ndarray
) -> None:
    with pytest.raises(IndexMismatch, match="31 of 31.* or row i of the names is not row i of the vectors"):
        prove_imported(imported(change=np.roll(vectors, 1, axis=0)), embedder, None)


def test_the_tolerance_decides(imported: Callable, embedder: Embedder, vectors: np.ndarray) -> None:
    noise = np.random.default_rng(0).standard_normal(vectors.shape)
    noisy = vectors + 0.08 * noise / np.linalg.norm(noise, axis=1, keepdims=True)
    with pytest.raises(IndexMismatch, match="at least 0.999 is asked for"):
        prove_imported(imported(change=noisy), embedder, None)
    proof = prove_imported(imported(change=noisy), embedder, None, tolerance=0.99)
    assert proof is not None
    assert 0.99 < proof.lowest < 0.999


def test_relative_names_are_looked_for_in_the_folder_of_images(
    imported: Callable, embedder: Embedder, photographs: list[Path]
) -> None:
    names = [path.relative_to(path.parents[1]) for path in photographs]
    proof = prove_imported(imported(names), embedder, photographs[0].parents[1])
    assert proof is not None
    assert proof.checked == 31
    assert prove_imported(imported(names), embedder, None) is None


def test_a_folder_without_the_images_is_an_error_and_no_proof_left_out(
    imported: Callable, embedder: Embedder, photographs: list[Path]
) -> None:
    names = [path.relative_to(path.parents[1]) for path in photographs]
    wrong = photographs[0].parents[2]
    with pytest.raises(
        SourceError,
        match=rf"cannot be proved: 0 of the images that were looked for below {wrong} can be read, and 31 are "
        rf"needed; name the folder that its names \({names[0]}\) are relative to",
    ):
        prove_imported(imported(names), embedder, wrong)
    with pytest.raises(SourceError, match="0 of the images .* and 1 are needed"):
        prove_imported(imported(names), embedder, wrong, least=0)


def test_a_small_set_needs_every_image(
    imported: Callable, embedder: Embedder, photographs: list[Path]
) -> None:
    names: list[object] = list(photographs)
    names[5] = "http://images.example/5.jpg"
    assert prove_imported(imported(names), embedder, None) is None
    proof = prove_imported(imported(names), embedder, None, least=30)
    assert proof is not None
    assert proof.checked == 30


def test_images_that_cannot_be_decoded_count_as_unreadable(
    imported: Callable, embedder: Embedder, photographs: list[Path], tmp_path: Path
) -> None:
    (tmp_path / "broken.jpg").write_bytes(photographs[0].read_bytes()[:900])
    os.mkfifo(tmp_path / "pipe.jpg")  # reading it would never end
    names: list[object] = [tmp_path / "broken.jpg", "nul\0.jpg", tmp_path / "pipe.jpg", *photographs[3:]]
    with pytest.raises(SourceError, match="28 of the images .* and 31 are needed"):
        prove_imported(imported(names), embedder, tmp_path)
    proof = prove_imported(imported(names), embedder, tmp_path, least=28)
    assert proof is not None
    assert proof.checked == 28


def test_a_large_set_with_few_images_is_unproved(
    imported: Callable, embedder: Embedder, photographs: list[Path]
) -> None:
    names: list[object] = [path if number % 3 == 0 else "gone.jpg" for number, path in enumerate(photographs)]
    large = imported(names, repeat=10)
    assert prove_imported(large, embedder, None) is None
    assert prove_imported(large, embedder, None, least=10) is not None


def test_no_image_at_all_proves_nothing(imported: Callable, embedder: Embedder) -> None:
    assert prove_imported(imported(["gone.jpg"] * 31), embedder, None, least=0) is None


def test_vectors_of_another_length_are_a_mismatch(imported: Callable) -> None:
    with pytest.raises(IndexMismatch, match=r"v.npy holds vectors of 769 numbers, small makes 64"):
        prove_imported(imported(), Small(), None)
