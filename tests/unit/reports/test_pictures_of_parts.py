"""Samples that are replicated by a part come before those that are not, beside the image of that part."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from pytest_replication import Index, Samples, Verdict
from pytest_replication.images.square import square
from pytest_replication.judging import judge
from pytest_replication.reports.outlines import DARK, LIGHT
from pytest_replication.reports.pictures import SIDE, draw_pictures


def drawn(verdict: Verdict, samples: Samples, index: Index, path: Path, count: int) -> NDArray[np.int64]:
    """Samples and training images of a sheet one below the other: (pairs, 2, SIDE, SIDE, 3)."""
    assert draw_pictures(verdict, samples, index, path, across=1) == count
    with Image.open(path) as sheet:
        pixels = np.asarray(sheet, np.int64)
    rows = pixels.reshape(count, -1, *pixels.shape[1:])[:, :SIDE, : 2 * SIDE]
    return rows.reshape(count, SIDE, 2, SIDE, 3).transpose(0, 2, 1, 3, 4)


def outline(picture: NDArray[np.int64]) -> NDArray[np.float64]:
    """Box around the light line of a picture: left, top, right, bottom as fractions."""
    down, across = np.nonzero((picture == LIGHT).all(axis=2))
    return np.array([across.min(), down.min(), across.max() + 1, down.max() + 1]) / SIDE


def like(picture: NDArray[np.int64], image: Image.Image) -> float:
    """Share of the pixels that are those of an image, but for outlines and what small copies lose."""
    return float((abs(picture - square(image, SIDE)).max(axis=2) <= 40).mean())


def test_the_image_of_the_part_stands_beside_the_sample_with_both_outlined(
    objects_verdict: Verdict, objects_index: Index, pasted: Samples, part_photos: Path, tmp_path: Path
) -> None:
    (match,) = objects_verdict.replicated
    assert match.part is not None
    assert objects_verdict.worst.sample != match.sample  # by its score it would not be the first
    assert objects_verdict.matches.of[match.sample][0].row != match.row
    pairs = drawn(objects_verdict, pasted, objects_index, tmp_path / "worst.png", 3)
    with Image.open(part_photos / "motorcycle.jpg") as training:
        assert like(pairs[0, 1], training.convert("RGB")) > 0.85
    assert like(pairs[0, 0], pasted.image(0)) > 0.85
    for picture, corners in zip(
        pairs[0], (match.part.alignment.sample, match.part.alignment.training), strict=True
    ):
        box = np.array([*np.min(corners, axis=0), *np.max(corners, axis=0)])
        assert outline(picture) == pytest.approx(box, abs=0.03)
        assert (picture == DARK).all(axis=2).sum() > 50
    assert not (pairs[1:] == LIGHT).all(axis=-1).any()


def test_whole_copies_come_first_and_parts_that_are_not_judged_have_no_outline(
    objects_verdict: Verdict, objects_index: Index, pasted: Samples, tmp_path: Path
) -> None:
    policy = objects_verdict.policy.at(objects_verdict.worst.score, "call")
    both = judge(objects_verdict.matches, policy)
    assert [match.kind for match in both.replicated] == ["whole", "object"]
    pairs = drawn(both, pasted, objects_index, tmp_path / "both.png", 3)
    assert like(pairs[0, 0], pasted.image(both.worst.sample)) == 1
    assert (pairs[1] == LIGHT).all(axis=-1).any(axis=(1, 2)).all()
    whole = judge(objects_verdict.matches, replace(policy, objects=None))
    assert not (drawn(whole, pasted, objects_index, tmp_path / "whole.png", 3) == LIGHT).all(axis=-1).any()


def test_thumbnails_stand_for_files_that_are_gone(
    objects_verdict: Verdict,
    objects_index: Index,
    pasted: Samples,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("pytest_replication.search.evidence.original", lambda record: None)
    pairs = drawn(objects_verdict, pasted, objects_index, tmp_path / "worst.png", 3)
    assert (pairs[0] == LIGHT).all(axis=-1).any(axis=(1, 2)).all()
