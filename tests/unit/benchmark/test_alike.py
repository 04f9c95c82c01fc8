"""Pictures that show the same, at whatever size; an edited copy does not."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pytest_replication.benchmark.alike import SHOWN, Group, alike, check_apart_from, small_forms
from pytest_replication.errors import BenchmarkError
from pytest_replication.images.edits import ALL_EDITS


@pytest.fixture(scope="module")
def photos(training: Path) -> list[Image.Image]:
    found = []
    for path in sorted(training.iterdir())[:8]:
        with Image.open(path) as image:
            found.append(image.convert("RGB").resize((240, 200), Image.Resampling.BICUBIC))
    return found


def forms(images: list[Image.Image]) -> np.ndarray:
    return small_forms([image.copy for image in images])


def _jpeg(image: Image.Image) -> Image.Image:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=60)
    return Image.open(file).convert("RGB")


@pytest.mark.parametrize(
    "change",
    [
        lambda image: image,
        lambda image: image.resize((480, 400), Image.Resampling.LANCZOS),
        lambda image: image.resize((121, 99), Image.Resampling.BICUBIC),
        _jpeg,
    ],
)
def test_size_and_compression_change_nothing(
    photos: list[Image.Image], change: Callable[[Image.Image], Image.Image]
) -> None:
    changed = [change(image) for image in reversed(photos)]
    assert alike(forms(changed), forms(photos)) == [(row, 7 - row) for row in range(8)]


@pytest.mark.parametrize("name", ["crop-70", "mirror", "brighter", "collage"])
def test_an_edited_copy_is_another_picture(photos: list[Image.Image], name: str) -> None:
    assert alike(forms([ALL_EDITS[name](photos[0])]), forms(photos)) == []


def test_flat_pictures_are_told_by_their_level() -> None:
    flat = [Image.new("RGB", (9, 9), (level,) * 3) for level in (0, 40, 43)]
    assert alike(forms(flat), forms(flat)) == [(0, 0), (1, 1), (2, 2)]
    assert alike(forms(flat[:1]), forms(flat[1:])) == []
    assert alike(forms(flat), forms(flat)[:0]) == alike(forms(flat)[:0], forms(flat)) == []


def test_forms_are_kept(tmp_path: Path, photos: list[Image.Image]) -> None:
    file = tmp_path / "small" / "a.npy"
    first = small_forms([image.copy for image in photos], file)
    unread: list[Callable[[], Image.Image]] = [lambda: pytest.fail("read again")] * 8
    assert np.array_equal(small_forms(unread, file), first)
    with pytest.raises(BenchmarkError, match=r"has shape \(8, 768\), expected \(7, 768\): delete it"):
        small_forms(unread[:7], file)


def test_a_refusal_names_all_of_them_once() -> None:
    rows = np.arange(60, dtype=np.uint8).repeat(768).reshape(60, 768) * 4
    behind = Group("background", [f"b{row}" for row in range(60)], rows)
    check_apart_from(behind, [Group("database of x", ["d"], np.full((1, 768), 250, np.uint8))])
    both = [Group("database of x", ["d0", "d1"], rows[:2]), Group("queries of x", ["q1", "q2"], rows[1:3])]
    with pytest.raises(
        BenchmarkError,
        match=r"3 of 60 .*: b0 \(database of x: d0\), b1 \(database of x: d1\), b2 \(queries of x: q2\): leave",
    ):
        check_apart_from(behind, both)
    with pytest.raises(BenchmarkError, match=rf"60 of 60 .* and {60 - SHOWN} more: leave them out"):
        check_apart_from(behind, [Group("database of x", behind.names, rows)])
