from __future__ import annotations

import io
import threading
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFile

from pytest_replication.images import decode as decoding
from pytest_replication.images.decode import MAX_PIXELS, UndecodableImage, decode, normalise


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def pixel(data: bytes, at: tuple[int, int] = (0, 0)) -> tuple[int, ...]:
    return decode(data).getpixel(at)


def test_a_real_photograph_is_upright_rgb(training: Path) -> None:
    image = decode((training / "cat.jpg").read_bytes())
    assert image.mode == "RGB"
    assert image.size == (451, 300)


def test_exif_orientation_is_applied() -> None:
    image = Image.new("RGB", (20, 10), "red")
    image.putpixel((0, 0), (0, 0, 255))
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: rotate by 90 degrees clockwise
    turned = decode(encoded(image, exif=exif))
    assert turned.size == (10, 20)
    assert turned.getpixel((9, 0)) == (0, 0, 255)


def test_alpha_lies_over_white() -> None:
    half = Image.new("RGBA", (2, 2), (0, 0, 0, 128))
    clear = Image.new("LA", (2, 2), (0, 0))
    assert pixel(encoded(half)) == (127, 127, 127)
    assert pixel(encoded(clear)) == (255, 255, 255)


def test_transparency_without_an_alpha_band_lies_over_white() -> None:
    palette = Image.new("P", (2, 2), 1)
    palette.putpalette([0, 0, 0, 9, 9, 9])
    assert pixel(encoded(palette, transparency=1)) == (255, 255, 255)
    grey = Image.new("L", (2, 2), 7)
    assert pixel(encoded(grey, transparency=7)) == (255, 255, 255)


@pytest.mark.parametrize(
    ("image", "kind", "expected"),
    [
        (Image.new("L", (2, 2), 90), "PNG", (90, 90, 90)),
        (Image.new("1", (2, 2), 1), "PNG", (255, 255, 255)),
        (Image.new("CMYK", (2, 2), (0, 0, 0, 255)), "TIFF", (0, 0, 0)),
        (Image.new("P", (2, 2), 0), "PNG", (0, 0, 0)),
        (Image.fromarray(np.full((2, 2), 65535, np.uint16)), "PNG", (255, 255, 255)),
        (Image.fromarray(np.full((2, 2), 257 * 90, np.uint16)), "TIFF", (90, 90, 90)),
        (Image.fromarray(np.full((2, 2), 0.5, np.float32)), "TIFF", (128, 128, 128)),
        (Image.fromarray(np.full((2, 2), 257 * 7, np.int32)), "TIFF", (7, 7, 7)),
    ],
    ids=["grey", "1-bit", "cmyk", "palette", "16-bit png", "16-bit tiff", "float", "32-bit"],
)
def test_every_kind_of_pixel_becomes_8_bit_rgb(
    image: Image.Image, kind: str, expected: tuple[int, ...]
) -> None:
    assert pixel(encoded(image, kind)) == expected


def test_the_first_frame_of_an_animation_counts() -> None:
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "blue")]
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert pixel(data) == (255, 0, 0)  # the second frame is blue


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP", "TIFF"])
def test_a_truncated_file_is_refused(kind: str, picture: Callable[..., Image.Image]) -> None:
    data = encoded(picture(1, (200, 150)), kind)
    with pytest.raises(UndecodableImage):
        decode(data[: len(data) * 2 // 3])


def test_truncation_is_refused_even_where_the_program_allows_it(
    monkeypatch: pytest.MonkeyPatch, picture: Callable[..., Image.Image]
) -> None:
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    data = encoded(picture(1, (200, 150)), "JPEG")
    with pytest.raises(UndecodableImage, match="truncated"):
        decode(data[: len(data) // 2])
    assert ImageFile.LOAD_TRUNCATED_IMAGES is True


def test_truncation_stays_refused_while_other_threads_finish(
    monkeypatch: pytest.MonkeyPatch, picture: Callable[..., Image.Image]
) -> None:
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    whole = encoded(picture(1, (200, 150)), "JPEG")
    accepted: list[int] = []

    def read(number: int) -> None:
        decode(whole)
        try:
            decode(whole[: len(whole) // 2])
            accepted.append(number)
        except UndecodableImage:
            pass

    threads = [threading.Thread(target=read, args=(i,)) for i in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert accepted == []


def test_a_bomb_is_refused_before_it_is_unpacked() -> None:
    side = int(MAX_PIXELS**0.5) + 1
    data = encoded(Image.new("1", (side, side)))
    with pytest.raises(UndecodableImage, match=r"89,478,485 pixels"):
        decode(data)


@pytest.mark.parametrize(
    ("data", "reason"),
    [(b"", "empty"), (b"not an image", "not an image"), (b"%!PS-Adobe-3.0 EPSF-3.0\n", "not an image")],
)
def test_what_is_no_image_is_refused_with_a_reason(data: bytes, reason: str) -> None:
    with pytest.raises(UndecodableImage, match=reason):
        decode(data)


@pytest.mark.parametrize(
    "values",
    [np.full((2, 2), 1.5, np.float32), np.full((2, 2), np.nan, np.float32), np.full((2, 2), 70000, np.int32)],
)
def test_pixels_of_unknown_range_are_refused(values: np.ndarray) -> None:
    with pytest.raises(UndecodableImage, match="outside"):
        normalise(Image.fromarray(values))


@pytest.fixture
def warned_of(picture: Callable[..., Image.Image]) -> bytes:
    """A file that Pillow reads with a warning: five EXIF entries are announced, none is there."""
    return encoded(picture(1), "JPEG", exif=b"Exif\0\0MM\0*\0\0\0\x08\0\x05")


@pytest.mark.parametrize("by_context", [False, True])
def test_warnings_of_pillow_neither_show_nor_decide(
    warned_of: bytes, monkeypatch: pytest.MonkeyPatch, by_context: bool
) -> None:
    monkeypatch.setattr(decoding, "_by_context", lambda: by_context)
    data = warned_of
    before = list(warnings.filters)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert decode(data).size == (48, 32)
        with pytest.raises(UserWarning, match="Corrupt EXIF"), Image.open(io.BytesIO(data)) as image:
            image.getexif()
    assert warnings.filters == before


def test_filters_of_others_stay_as_they_are() -> None:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\.")  # what this module would hide, too
        mine = list(warnings.filters)
        with decoding.truncation_refused():
            warnings.filterwarnings("error", message="of the caller")
            warnings.simplefilter("always", append=True)
            theirs = [one for one in warnings.filters if one not in mine]
        left = list(warnings.filters)
    assert left == [theirs[0], *mine, theirs[-1]]


def test_a_filter_that_somebody_took_away_is_put_back(warned_of: bytes) -> None:
    before = list(warnings.filters)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with decoding.truncation_refused():
            warnings.resetwarnings()
            warnings.simplefilter("error")
            assert decode(warned_of).size == (48, 32)
    assert warnings.filters == before
