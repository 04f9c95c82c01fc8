"""The scan of pixels against distances that are computed one by one."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_replication import BuildOptions, Index, build_index, open_index
from pytest_replication.errors import IndexCorrupt, SampleError, SearchError, SettingsError
from pytest_replication.index.removed import remove_images
from pytest_replication.scoring.pixel import rmse, unit_range
from pytest_replication.search import pixels as module
from pytest_replication.search.pixels import search_pixels, take_pixels

OPTIONS = BuildOptions(embedder="pixels", shard_rows=13, pixels=20, progress=False)


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    """60 images of 20 x 20 with few levels, so that distances tie, and copies among them."""
    rng = np.random.default_rng(0)
    images = rng.choice(np.array([0, 1, 254, 255], np.uint8), (60, 20, 20, 3))
    images[40:45] = images[7]
    images[50] = 255 - images[3]
    return images


@pytest.fixture(scope="module")
def index(images: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Index:
    folder = tmp_path_factory.mktemp("pixels")
    np.save(folder / "images.npy", images)
    build_index(f"npy:{folder / 'images.npy'}", folder / "index", OPTIONS)
    return open_index(folder / "index")


def naive(images: np.ndarray, samples: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    distances = np.array([[float(rmse(unit_range(s), unit_range(t))) for t in images] for s in samples])
    order = np.argsort(distances.round(12), axis=1, kind="stable")[:, :k]
    return np.take_along_axis(distances, order, axis=1), order


@pytest.mark.parametrize("k", [1, 5, 60])
def test_the_nearest_rows_of_random_images(index: Index, images: np.ndarray, k: int) -> None:
    samples = np.concatenate(
        [images[[7, 59]], np.random.default_rng(1).integers(0, 256, (9, 20, 20, 3), np.uint8)]
    )
    found = search_pixels(index, samples, k)
    distances, rows = naive(images, samples, k)
    assert np.array_equal(found.rows, rows)
    assert found.distances == pytest.approx(distances, abs=1e-12)
    assert (found.distances[:2, 0] == 0).all()
    assert found.searched == 60


def test_the_nearest_rows_of_real_images(training: Path, unrelated: Path, tmp_path: Path) -> None:
    build_index(training, tmp_path / "index", replace(OPTIONS, pixels=32))
    build_index(unrelated, tmp_path / "samples", replace(OPTIONS, pixels=32))
    images, samples = (stored(open_index(tmp_path / name)) for name in ("index", "samples"))
    found = search_pixels(open_index(tmp_path / "index"), samples, 20)
    distances, rows = naive(images, samples, 20)
    assert np.array_equal(found.rows, rows)
    assert found.distances == pytest.approx(distances, abs=1e-12)


def stored(index: Index) -> np.ndarray:
    return take_pixels(index, np.arange(index.manifest.stored))


def test_blocks_and_turns_change_nothing(
    index: Index, images: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    samples = images[::-1].copy()
    whole = search_pixels(index, samples, 7)
    for name, value in (("_BLOCK_ROWS", 3), ("_QUERIES", 7), ("_PIECE", 100)):
        monkeypatch.setattr(module, name, value)
    parts = search_pixels(index, samples, 7)
    assert np.array_equal(whole.rows, parts.rows)
    assert np.array_equal(whole.distances, parts.distances)


@given(st.integers(0, 2**32 - 1), st.integers(1, 3000))
@settings(max_examples=25, deadline=None)
def test_products_are_exact_at_the_ends_of_the_range(seed: int, length: int) -> None:
    rng = np.random.default_rng(seed)
    pixels = rng.choice(np.array([0, 255, 1, 254], np.uint8), (2, 1, length, 1), p=[0.6, 0.2, 0.1, 0.1])
    best = module._Best.empty(1, 1)
    module._compare(pixels[:1], module._centred(pixels[1:]), 0, np.empty(0, np.int64), best)
    assert best.squares[0, 0] == ((pixels[0].astype(np.int64) - pixels[1]) ** 2).sum()


def test_removed_images_are_not_found(index: Index, images: np.ndarray, tmp_path: Path) -> None:
    folder = shutil.copytree(index.path, tmp_path / "index")
    remove_images(folder, ids=[record.id for record in index.records([7, 41]).values()])
    found = search_pixels(open_index(folder), images[7:8], 60)
    assert found.searched == 58
    assert found.rows[0, :4].tolist() == [40, 42, 43, 44]
    assert not {7, 41} & set(found.rows[0].tolist())
    assert found.rows[0, 58:].tolist() == [-1, -1]
    assert np.isinf(found.distances[0, 58:]).all()


def test_damaged_pixels_are_an_error(index: Index, images: np.ndarray, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(index.path, tmp_path / "index"))
    path = folder / "shards" / "000001" / "pixels.npy"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(IndexCorrupt, match="pixels.npy has changed since it was written"):
        search_pixels(open_index(folder), images[:1], 1)


def test_wrong_linear_algebra_is_an_error(
    index: Index, images: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_lengths", lambda centred: np.ones(len(centred)))
    with pytest.raises(SearchError, match="linear algebra gives wrong results"):
        search_pixels(index, images[:3], 2)


def test_a_row_that_was_not_compared_is_an_error(
    index: Index, images: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = module._blocks
    monkeypatch.setattr(module, "_blocks", lambda shard: list(whole(shard))[1:])
    with pytest.raises(SearchError, match="0 of 60 rows of .* were compared"):
        search_pixels(index, images[:1], 1)


def test_what_cannot_be_searched(
    index: Index, images: np.ndarray, pixels_index: Index, picture: Callable[..., object]
) -> None:
    with pytest.raises(SettingsError, match="stores no pixels: build it again with --pixels SIDE"):
        search_pixels(pixels_index, images[:1], 1)
    with pytest.raises(SettingsError, match="0 nearest"):
        search_pixels(index, images[:1], 0)
    for samples in (images[:0], images[:1, :8], images[:1].astype(np.float32)):
        with pytest.raises(SampleError, match="cannot be compared with pixels of 20 x 20"):
            search_pixels(index, samples, 1)


def test_pixels_by_row_in_any_order(index: Index, images: np.ndarray) -> None:
    rows = np.array([59, 0, 13, 12, 0])
    assert np.array_equal(take_pixels(index, rows), images[rows])
