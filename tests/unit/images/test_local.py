"""Local features: what is stored, what is left out, and those of the mirror image."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps

from pytest_replication.images import local
from pytest_replication.images.local import CELLS, FEATURE, extract, mirrored, root

pytest.importorskip("cv2")


@pytest.fixture(scope="module")
def photo(training: Path) -> Image.Image:
    return Image.open(sorted(training.iterdir())[0]).convert("RGB")


def test_features_are_places_sizes_and_descriptions_of_unit_length(photo: Image.Image) -> None:
    found = extract(photo)
    assert (found.dtype, FEATURE.itemsize) == (FEATURE, 136)
    assert 100 < len(found) <= local.MOST
    assert ((found["x"] >= 0) & (found["x"] <= 1) & (found["y"] >= 0) & (found["y"] <= 1)).all()
    lengths = np.linalg.norm(found["description"].astype(float) / 255, axis=1)
    assert np.abs(lengths - 1).max() < 0.03
    assert extract(photo).tobytes() == found.tobytes()


def test_fewer_features_are_the_first_of_more_and_lie_all_over(photo: Image.Image) -> None:
    many, few = extract(photo, 300), extract(photo, 100)
    # Their order is what an image has them in; which are kept is the same.
    kept = {feature.tobytes() for feature in many}
    assert sum(feature.tobytes() in kept for feature in few) >= 0.95 * len(few)
    cells = {(int(x * CELLS), int(y * CELLS)) for x, y in zip(few["x"], few["y"], strict=True)}
    assert len(cells) > 0.5 * CELLS**2


def test_points_are_described_as_sift_describes_them(photo: Image.Image) -> None:
    import cv2

    opencv: Any = cv2
    found = extract(photo, 300)
    scale = local.SIDE / max(photo.size)
    grey = np.asarray(photo.convert("L").resize([round(side * scale) for side in photo.size]))
    places = np.stack([found["x"], found["y"]], axis=1).astype(float) * grey.shape[::-1] - 0.25
    sizes = found["size"].astype(float) * max(grey.shape)
    # Pictures of an octave grow by the third root of two, from 1.6 pixels of blur in the doubled image on.
    steps = np.maximum(np.rint(3 * np.log2(sizes / 1.6)), 1).astype(int)
    points = [
        opencv.KeyPoint(*place, size, angle, 1, ((step - 1) // 3 - 1) & 255 | ((step - 1) % 3 + 1) << 8)
        for place, size, angle, step in zip(
            places.tolist(), sizes.tolist(), found["angle"].tolist(), steps.tolist(), strict=True
        )
    ]
    _, described = opencv.SIFT_create().compute(grey, points)
    alike = (root(described) * (found["description"] / 255.0)).sum(axis=1)
    assert np.median(alike) > 0.95


@pytest.mark.parametrize("size", [(300, 200), (1, 1), (2, 900), (900, 2), (5, 5)])
def test_an_image_without_corners_has_none(size: tuple[int, int]) -> None:
    assert len(extract(Image.new("RGB", size, "grey"))) == 0


@pytest.mark.parametrize("size", [(1, 40), (40, 1), (3, 900), (900, 5), (7, 7)])
def test_images_of_any_shape_can_be_looked_at(size: tuple[int, int]) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), np.uint8)
    found = extract(Image.fromarray(noise))
    assert np.isfinite(np.stack([found[name].astype(float) for name in ("x", "y", "size", "angle")])).all()


def test_features_of_the_mirror_image_are_found_without_it(photo: Image.Image) -> None:
    turned, seen = mirrored(extract(photo, 400)), extract(ImageOps.mirror(photo), 4000)
    place = {(round(float(x), 2), round(float(y), 2)) for x, y in zip(seen["x"], seen["y"], strict=True)}
    assert np.mean([(round(float(f["x"]), 2), round(float(f["y"]), 2)) in place for f in turned]) > 0.8
    ours, theirs = (each["description"].astype(np.float32) / 255 for each in (turned, seen))
    nearest = np.sqrt(np.maximum(2 - 2 * (ours @ theirs.T).max(axis=1), 0))
    plain = np.sqrt(
        np.maximum(2 - 2 * (extract(photo, 400)["description"] / 255.0 @ theirs.T).max(axis=1), 0)
    )
    assert np.median(nearest) < 0.15 < 0.5 * np.median(plain)
    twice = mirrored(turned)
    assert np.array_equal(twice["description"], extract(photo, 400)["description"])


def test_root_is_of_sums_of_one() -> None:
    found = root(np.array([[1.0, 3.0], [0.0, 0.0]], np.float32))
    assert found == pytest.approx(np.array([[0.5, 0.75**0.5], [0, 0]]))


def test_without_opencv_the_error_names_the_extra(
    photo: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "cv2", None)
    with pytest.raises(local.SettingsError, match=r"pip install 'pytest-replication\[objects\]'"):
        extract(photo)
