"""Candidates by parts against scores that are computed one by one, and on photographs with a part of another."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pytest_replication import BuildOptions, Index, build_index, open_index
from pytest_replication.errors import IndexCorrupt, SampleError, SearchError, SettingsError
from pytest_replication.images.parts import GRIDS
from pytest_replication.index.removed import remove_images
from pytest_replication.search import parts as module
from pytest_replication.search.embed import embed_images
from pytest_replication.search.parts import nearest_parts, sample_views, training_views, with_parts

pytest.importorskip("cv2")

OPTIONS = BuildOptions(embedder="pixels", shard_rows=7, objects="quarters", dtype="float16", progress=False)


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory, picture: Callable[..., Image.Image]) -> Index:
    """30 made-up images, one of them twice."""
    folder = tmp_path_factory.mktemp("parts")
    (folder / "images").mkdir()
    for seed in range(30):
        picture(seed if seed != 21 else 3).save(folder / "images" / f"{seed:02d}.png")
    return open_index(build_index(folder / "images", folder / "index", OPTIONS).index)


@pytest.fixture(scope="module")
def images(picture: Callable[..., Image.Image]) -> list[Image.Image]:
    """An unrelated image, one of the index, and one with the upper left of another pasted into it."""
    pasted = picture(101)
    part = picture(8)
    pasted.paste(part.crop((0, 0, 29, 19)).resize((24, 16)), (12, 8))
    return [picture(100), picture(3), pasted]


@pytest.fixture(scope="module")
def samples(index: Index, images: list[Image.Image]) -> np.ndarray:
    return with_parts(index, images, embed_images(index, images))


def naive(index: Index, samples: np.ndarray) -> np.ndarray:
    """(samples, rows, sample views, views) cosines."""
    rows = np.arange(index.manifest.stored)
    whole = np.concatenate([shard.embeddings()[0] for shard in index.shards]).astype(np.float64)
    stored = np.concatenate([whole, index.parts_of(rows)], axis=1) if index.objects else whole
    products = np.einsum("nsd,rtd->nrst", samples.astype(np.float64), stored)
    lengths = (
        np.linalg.norm(samples.astype(np.float64), axis=2)[:, None, :, None]
        * np.linalg.norm(stored, axis=2)[:, None]
    )
    return (products / lengths).round(6)


def require_best(index: Index, samples: np.ndarray, k: int, left_out: tuple[int, ...] = ()) -> None:
    """Compare what is found with all pairs."""
    found, pairs = nearest_parts(index, samples, k), naive(index, samples)
    best = pairs.max(axis=(2, 3))
    best[:, list(left_out)] = -np.inf
    order = np.argsort(-best, axis=1, kind="stable")[:, :k]
    kept = order.shape[1] - max(0, order.shape[1] - (best.shape[1] - len(left_out)))
    assert found.rows[:, :kept].tolist() == order[:, :kept].tolist()
    assert (found.rows[:, kept:] == -1).all()
    for sample in range(len(samples)):
        for place in range(kept):
            row, pair = (
                found.rows[sample, place],
                (found.sample_views[sample, place], found.views[sample, place]),
            )
            assert found.scores[sample, place] == pytest.approx(best[sample, row], abs=2e-6)
            assert pairs[sample, row][pair] == pytest.approx(best[sample, row], abs=2e-6)
    assert found.searched == index.rows


@pytest.mark.parametrize("k", [1, 10, 40])
def test_the_best_pair_of_parts_counts(index: Index, samples: np.ndarray, k: int) -> None:
    require_best(index, samples, k)


def test_views_are_those_of_the_index_and_its_parts(index: Index, samples: np.ndarray) -> None:
    assert sample_views(index) == (*index.manifest.views, *GRIDS["quarters"]) == training_views(index)
    assert samples.shape == (3, 5, index.manifest.embedder.dim)
    found = nearest_parts(index, samples, 2)
    assert found.rows[1].tolist() == [3, 21]
    assert found.scores[1].tolist() == pytest.approx([1, 1], abs=1e-5)


def test_a_part_of_an_image_is_found_by_the_part(
    index: Index, images: list[Image.Image], picture: Callable[..., Image.Image]
) -> None:
    inside = picture(8).crop((0, 0, 29, 19))  # the first quarter: 60 % of each side
    vectors = with_parts(index, [inside], embed_images(index, [inside]))
    found = nearest_parts(index, vectors, 1)
    assert found.rows[0, 0] == 8
    assert sample_views(index)[found.sample_views[0, 0]].name == "whole"
    assert training_views(index)[found.views[0, 0]].name == "quarter 1 of 4"
    assert found.scores[0, 0] > 0.99 > 0.7 > naive(index, vectors)[0, 8, 0, 0]


def test_an_index_without_parts_is_searched_by_parts_of_samples(
    pixels_index: Index, originals: list[tuple[int, Image.Image]], unrelated: Path
) -> None:
    images = [originals[4][1]]
    vectors = with_parts(pixels_index, images, embed_images(pixels_index, images))
    assert vectors.shape[1] == 1 + len(GRIDS["ninths"])
    assert training_views(pixels_index) == pixels_index.manifest.views
    assert nearest_parts(pixels_index, vectors, 1).rows[0, 0] == originals[4][0]
    require_best(pixels_index, vectors, 5)


def test_blocks_change_nothing(index: Index, samples: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = nearest_parts(index, samples, 5)
    monkeypatch.setattr(module, "_SCORES", 1)
    monkeypatch.setattr(module, "rows_of_block", lambda dim: 2)
    parts = nearest_parts(index, samples, 5)
    for name in ("rows", "views", "sample_views", "scores"):
        assert np.array_equal(getattr(whole, name), getattr(parts, name))


def test_removed_images_are_not_found(index: Index, samples: np.ndarray, tmp_path: Path) -> None:
    folder = shutil.copytree(index.path, tmp_path / "index")
    remove_images(folder, ids=[record.id for record in index.records([3, 29]).values()])
    left = open_index(folder)
    require_best(left, samples, 30, left_out=(3, 29))
    assert nearest_parts(left, samples, 1).rows[1, 0] == 21


@pytest.mark.parametrize("name", ["parts.npy", "embeddings.npy"])
def test_damage_is_an_error(index: Index, samples: np.ndarray, tmp_path: Path, name: str) -> None:
    folder = Path(shutil.copytree(index.path, tmp_path / "index"))
    path = folder / "shards" / "000002" / name
    data = bytearray(path.read_bytes())
    data[-2] ^= 1
    path.write_bytes(data)
    with pytest.raises(IndexCorrupt, match=f"{name} has changed since it was written"):
        nearest_parts(open_index(folder), samples)


@pytest.mark.parametrize("name", ["parts.npy", "embeddings.npy"])
def test_vectors_that_are_no_numbers_are_an_error(
    index: Index, samples: np.ndarray, tmp_path: Path, name: str
) -> None:
    folder = Path(shutil.copytree(index.path, tmp_path / "index"))
    stored = np.load(folder / "shards" / "000001" / name, mmap_mode="r+")
    stored[2, 0, 0] = np.nan
    stored.flush()
    with pytest.raises(IndexCorrupt, match="a vector of rows 7 to 13 of the index is not finite"):
        nearest_parts(open_index(folder), samples)


@pytest.mark.parametrize("file", [0, 1])
def test_a_row_that_was_not_searched_is_an_error(
    index: Index, samples: np.ndarray, monkeypatch: pytest.MonkeyPatch, file: int
) -> None:
    whole = module._scan
    monkeypatch.setattr(
        module,
        "_scan",
        lambda index, shard, samples, best, of: whole(index, shard, samples, best, of) - (of == file),
    )
    what = ("vectors", "parts")[file]
    with pytest.raises(SearchError, match=f"the {what} of 25 of 30 rows of .* were searched"):
        nearest_parts(index, samples)


def test_wrong_linear_algebra_is_an_error(
    index: Index, samples: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    insert = module.Candidates.insert
    monkeypatch.setattr(
        module.Candidates,
        "insert",
        lambda best, query, scores, vectors: insert(best, query, scores - 0.01, vectors),
    )
    with pytest.raises(SearchError, match="linear algebra gives wrong results"):
        nearest_parts(index, samples)


def test_what_cannot_be_searched(index: Index, samples: np.ndarray, images: list[Image.Image]) -> None:
    with pytest.raises(SettingsError, match="0 nearest"):
        nearest_parts(index, samples, 0)
    for wrong in (samples[:0], samples[:, :1], samples[..., :-1], samples[0]):
        with pytest.raises(
            SampleError, match=r"vectors of parts of samples have shape .*, expected \(1 or more, 5"
        ):
            nearest_parts(index, wrong)
    for wrong in (samples * 2, np.where(samples == samples.max(), np.nan, samples)):
        with pytest.raises(SampleError, match="not finite or not of unit length"):
            nearest_parts(index, wrong.astype(np.float32))
    with pytest.raises(SampleError, match="there are 2 samples and vectors of 3"):
        with_parts(index, images[:2], embed_images(index, images))
