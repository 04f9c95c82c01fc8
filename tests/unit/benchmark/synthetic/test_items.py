from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from pytest_replication.benchmark.synthetic.items import Item, Items, Mask, open_items
from pytest_replication.errors import BenchmarkError, SourceError
from pytest_replication.images.sources.base import ImageRef, Source


def test_the_images_of_a_folder_are_listed_and_read_when_they_are_wanted(pictures: Path) -> None:
    items = open_items(pictures)
    assert [item.id for item in items.images] == [f"{number:02d}.png" for number in range(12)]
    (pictures / "03.png").write_bytes(b"no image")
    assert items.images[2].load().image.size == (48, 32)
    with pytest.raises(BenchmarkError, match=r"the image 03\.png cannot be read"):
        items.images[3].load()
    (pictures / "04.png").unlink()
    with pytest.raises(BenchmarkError, match=r"the image 04\.png cannot be read"):
        items.images[4].load()


def test_an_image_that_its_source_knows_to_be_bad_is_refused_with_the_reason() -> None:
    class Bad(Source):
        name = "bad"

        def __len__(self) -> int:
            return 1

        def __iter__(self):  # type: ignore[no-untyped-def]
            yield ImageRef("x", "x", b"", "1", fault="the download failed")

    with pytest.raises(BenchmarkError, match=r"the image x cannot be read \(the download failed\)"):
        open_items(Bad()).images[0].load()


def test_no_images_and_images_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError):
        open_items(tmp_path)
    with pytest.raises(BenchmarkError, match="holds no images"):
        Items("nothing", ())
    item = Item("a", lambda: b"")
    with pytest.raises(BenchmarkError, match="two names an image twice"):
        Items("two", (item, item))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_labels_are_turned_as_the_image_is(tmp_path: Path, orientation: int) -> None:
    values = np.arange(24, dtype=np.uint8).reshape(4, 6)
    image = Image.fromarray(values * 10)
    exif = image.getexif()
    exif[0x0112] = orientation
    image.save(tmp_path / "a.png", exif=exif)
    item = Item("a", (tmp_path / "a.png").read_bytes, lambda: Mask(values.astype(np.int32), {}))
    loaded = item.load()
    assert np.array_equal(np.asarray(loaded.image)[:, :, 0], loaded.labels * 10)
    with Image.open(tmp_path / "a.png") as opened:
        assert ImageOps.exif_transpose(opened).size == loaded.image.size


def test_a_mask_of_another_size_is_refused(pictures: Path) -> None:
    item = Item("a", (pictures / "00.png").read_bytes, lambda: Mask(np.zeros((48, 32), np.int32), {}))
    with pytest.raises(BenchmarkError, match="has 32 x 48 pixels, the image 48 x 32"):
        item.load()
