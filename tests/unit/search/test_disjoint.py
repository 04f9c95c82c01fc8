from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pytest_replication import Index
from pytest_replication.errors import IndexCorrupt, SearchError, SettingsError
from pytest_replication.index.removed import remove_images
from pytest_replication.scoring import Background
from pytest_replication.search import disjoint
from pytest_replication.search.disjoint import check_disjoint


def unit(*shape: int, seed: int = 0) -> np.ndarray:
    found = np.random.default_rng(seed).standard_normal(shape)
    return (found / np.linalg.norm(found, axis=-1, keepdims=True)).astype(np.float32)


STORED = unit(30, 2, 16)  # rows of two views


@pytest.fixture
def index(made_up_index: Callable[..., Index], tmp_path: Path) -> Index:
    return made_up_index(tmp_path / "index", STORED[:20], STORED[20:])


def turned(vector: np.ndarray, cosine: float, seed: int = 9) -> np.ndarray:
    """A vector at exactly this cosine."""
    other = unit(16, seed=seed).astype(np.float64)
    other -= (other @ vector) * vector
    return cosine * vector + np.sqrt(1 - cosine**2) * other / np.linalg.norm(other)


def test_training_images_in_the_background_are_listed(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = unit(8, 16, seed=1)
    vectors[2] = STORED[25, 1]
    vectors[5] = turned(STORED[3, 0], 0.96)
    vectors[6] = turned(STORED[3, 0], 0.94)
    background = Background(vectors, "held out")
    found = check_disjoint(index, background, 0.95)
    assert [(near.background, near.row) for near in found] == [(2, 25), (5, 3)]
    assert [near.score for near in found] == pytest.approx([1, 0.96], abs=1e-5)
    monkeypatch.setattr(disjoint, "_ROWS", 3)
    assert check_disjoint(index, background, 0.95) == found
    rest = background.without(np.array([near.background for near in found]))
    assert check_disjoint(index, rest, 0.95) == ()


@pytest.mark.parametrize("dtype", ["<f4", "<f2"])
def test_a_score_at_the_threshold_is_too_near(
    made_up_index: Callable[..., Index], tmp_path: Path, dtype: str
) -> None:
    index = made_up_index(tmp_path / dtype, STORED, dtype=dtype)
    near = Background(np.stack([turned(STORED[row, 0], 0.9, 100 + row) for row in range(30)]), "near")
    assert len(check_disjoint(index, near, 0.9)) == 30


def test_removed_images_count_too(index: Index) -> None:
    remove_images(index.path, ids=["0-7"])
    found = check_disjoint(
        type(index)(index.path, index.manifest, None, "auto"), Background(STORED[7], "b"), 1
    )
    assert {near.row for near in found} == {7}


def test_what_cannot_be_compared(index: Index) -> None:
    with pytest.raises(SettingsError, match=r"has 4 dimensions and .* has 16: embed it with .*, toy"):
        check_disjoint(index, Background(unit(2, 4), "b"), 0.9)
    for threshold in (0, 1.5, np.nan):
        with pytest.raises(SettingsError, match="too near from a score"):
            check_disjoint(index, Background(unit(2, 16), "b"), threshold)


def test_a_damaged_index_gives_no_answer(index: Index) -> None:
    path = index.shards[1].embeddings_path
    data = bytearray(path.read_bytes())
    data[-1] ^= 64
    path.write_bytes(data)
    with pytest.raises(IndexCorrupt, match="has changed since it was written"):
        check_disjoint(index, Background(unit(2, 16), "b"), 0.9)
    np.save(path, np.full((10, 2, 16), np.nan, np.float32))
    with pytest.raises(SearchError, match="not finite"):
        check_disjoint(index, Background(unit(2, 16), "b"), 0.9)
