from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_replication import Index, Outcome, check_replication, open_index
from pytest_replication.errors import IndexCorrupt, SettingsError
from pytest_replication.index.append import append_index
from pytest_replication.index.build import BuildOptions, build_index
from pytest_replication.index.duplicates import store_duplicates
from pytest_replication.index.removed import remove_images
from pytest_replication.reports.text import render
from pytest_replication.search import duplicates
from pytest_replication.search.duplicates import find_duplicates


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)


@settings(deadline=None, max_examples=25)
@given(
    groups=st.lists(st.integers(1, 9), min_size=1, max_size=8),
    dim=st.sampled_from([3, 40, 100]),
    spread=st.sampled_from([0.0, 0.02, 0.3]),
    removed=st.booleans(),
    dtype=st.sampled_from(["<f4", "<f2"]),
    seed=st.integers(0, 99),
)
def test_it_finds_what_all_pairs_give(
    tmp_path_factory: pytest.TempPathFactory,
    made_up_index: Callable[..., Index],
    groups: list[int],
    dim: int,
    spread: float,
    removed: bool,
    dtype: str,
    seed: int,
) -> None:
    rng = np.random.default_rng(seed)
    centres = unit(rng.standard_normal((len(groups), dim)))
    rows = np.repeat(centres, groups, axis=0)
    rows = unit(rows + spread * unit(rng.standard_normal(rows.shape)))[rng.permutation(len(rows))]
    half = max(1, len(rows) // 2)
    shards = [part[:, None] for part in (rows[:half], rows[half:]) if len(part)]
    index = made_up_index(tmp_path_factory.mktemp("d") / "index", *shards, dtype=dtype)
    rows = np.concatenate([shard.embeddings()[0][:, 0] for shard in index.shards]).astype(np.float64)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)  # what the index holds, rounded or not
    live = np.arange(len(rows))
    if removed and len(rows) > 1:
        remove_images(index.path, ids=["0-0"])
        index, live = open_index(index.path), live[1:]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(duplicates, "_ROWS", 7)
        patch.setattr(duplicates, "_SHORT", 8)
        found = find_duplicates(index, 0.95, progress=False)
    scores = rows @ rows.T
    for row in live:
        certain, possible = (int((scores[row, live] >= 0.95 + edge).sum()) for edge in (3e-6, -3e-6))
        assert certain <= found.copies_of(int(row)) <= possible
    for row, exact in zip(found.rows, found.exact, strict=True):
        certain, possible = (int((scores[row, live] >= 1 - edge).sum()) for edge in (5e-7, 2e-6))
        assert certain <= exact <= possible
    for row, leader in zip(found.rows, found.leaders, strict=True):
        assert scores[row, leader] >= 0.95 - 3e-6
        assert leader <= row
        assert found.leaders[np.searchsorted(found.rows, leader)] == leader


def test_the_verdict_says_how_often_a_match_stands_in_the_training_set(
    training: Path, unrelated: Path, tmp_path: Path
) -> None:
    photos = sorted(training.iterdir())
    copies = []
    for number in range(3):
        copy = tmp_path / f"copy{number}{photos[0].suffix}"
        copy.write_bytes(photos[0].read_bytes())
        copies.append(copy)
    index = tmp_path / "index"
    build_index([*photos[:5], *copies], index, BuildOptions(embedder="pixels"))
    opened = open_index(index)
    store_duplicates(opened, find_duplicates(opened, progress=False))
    verdict = check_replication([photos[0]], 0.9, index=index)
    assert verdict.worst.copies == 4
    assert "stands 4 times in the training set" in render(verdict)
    found = open_index(index).duplicates
    assert found is not None
    assert (found.groups, found.exact.tolist()) == (1, [4, 4, 4, 4])
    append_index(index, unrelated)  # what was counted holds no more
    assert open_index(index).duplicates is None
    assert check_replication([photos[0]], 0.9, index=index).worst.copies is None


def test_what_cannot_be(pixels_index: Index, damaged: Path) -> None:
    with pytest.raises(SettingsError, match="above 0 and at most 1"):
        find_duplicates(pixels_index, 0)
    opened = open_index(damaged)
    found = find_duplicates(opened, progress=False)
    remove_images(damaged, ids=["cat.jpg"])
    with pytest.raises(IndexCorrupt, match="has changed while its duplicates were counted"):
        store_duplicates(opened, found)
    opened = open_index(damaged)
    store_duplicates(opened, find_duplicates(opened, progress=False))
    (path,) = damaged.glob("duplicates-*")
    content = bytearray(path.read_bytes())
    content[10] ^= 1
    path.write_bytes(content)
    with pytest.raises(IndexCorrupt, match="duplicates-.*again"):
        _ = open_index(damaged).duplicates


def test_a_run_goes_on_when_duplicates_are_counted_again_meanwhile(damaged: Path, training: Path) -> None:
    opened = open_index(damaged)
    store_duplicates(opened, find_duplicates(opened, progress=False))
    run = open_index(damaged)
    (before,) = damaged.glob("duplicates-*")
    store_duplicates(opened, find_duplicates(opened, 0.01, progress=False))
    assert not before.exists()
    verdict = check_replication([training / "cat.jpg"], 0.9, index=run)
    assert (verdict.outcome, verdict.worst.copies) == (Outcome.FAIL, None)
    assert check_replication([training / "cat.jpg"], 0.9, index=damaged).worst.copies is not None
    with pytest.raises(IndexCorrupt, match="duplicates-.* is missing"):
        next(damaged.glob("duplicates-*")).unlink()
        open_index(damaged)
