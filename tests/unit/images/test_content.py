from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from pytest_replication.images.content import Digests, pixels_sha256
from pytest_replication.images.decode import decode


def test_the_same_pixels_have_the_same_digest_whatever_the_file(
    tmp_path: Path, picture: Callable[..., Image.Image]
) -> None:
    image = picture(0)
    image.save(tmp_path / "a.png")
    image.save(tmp_path / "a.bmp")
    found = {pixels_sha256(decode((tmp_path / name).read_bytes())) for name in ("a.png", "a.bmp")}
    assert found == {pixels_sha256(image)}


def test_any_other_pixel_or_shape_has_another() -> None:
    pixels = np.zeros((4, 6, 3), np.uint8)
    changed = pixels.copy()
    changed[3, 5, 2] = 1
    images = [pixels, changed, pixels.reshape(6, 4, 3), pixels[:3]]
    assert len({pixels_sha256(Image.fromarray(image)) for image in images}) == 4


def test_the_digest_is_that_of_the_size_and_the_bytes() -> None:
    image = Image.new("RGB", (2, 1), (1, 2, 3))
    wanted = "3c6310ff0fbb54903206235115ce6e8e1da4d366d4d3923c70c53b8e193cb17e"
    assert pixels_sha256(image) == wanted


def test_images_pass_by_unchanged(picture: Callable[..., Image.Image]) -> None:
    images = [picture(0), picture(1)]
    digests = Digests()
    assert [*digests.watch(images)] == images
    assert digests.taken == [pixels_sha256(image) for image in images]
