from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFile

from pytest_replication.images.memory import UnusableImages, images_in_memory

torch = pytest.importorskip("torch")
COLOUR = (10, 100, 200)


def solid(n: int = 2, colour: tuple[int, int, int] = COLOUR) -> np.ndarray:
    return np.broadcast_to(np.array(colour, np.uint8), (n, 4, 5, 3)).copy()


@pytest.mark.parametrize(
    "given",
    [
        [Image.new("RGB", (5, 4), COLOUR)] * 2,
        (Image.new("RGB", (5, 4), COLOUR),) * 2,
        solid(),
        solid() / 255,
        (solid() / 255).astype(np.float16),
        torch.from_numpy(solid() / 255).permute(0, 3, 1, 2),
        torch.from_numpy(solid()).permute(0, 3, 1, 2),
    ],
    ids=["list", "tuple", "uint8", "float64", "float16", "tensor", "uint8 tensor"],
)
def test_every_form_gives_the_same_images(given: object) -> None:
    images = images_in_memory(given)
    assert len(images) == 2
    for image in images:
        assert (image.mode, image.size) == ("RGB", (5, 4))
        assert image.getpixel((0, 0)) == pytest.approx(COLOUR, abs=1)


def test_lists_of_arrays_and_of_tensors_are_taken_like_one_of_all() -> None:
    pixels = solid()
    tensors = list(torch.from_numpy(pixels).permute(0, 3, 1, 2) / 255)
    for given in (list(pixels), tuple(pixels / 255), tensors):
        found = images_in_memory(given)
        assert [image.getpixel((0, 0)) for image in found] == [COLOUR, COLOUR]


def test_a_bfloat16_tensor_that_wants_gradients_is_taken() -> None:
    tensor = torch.full((1, 3, 4, 5), 0.5, dtype=torch.bfloat16, requires_grad=True)
    assert images_in_memory(tensor)[0].getpixel((0, 0)) == (128, 128, 128)


def test_one_channel_becomes_grey() -> None:
    (image,) = images_in_memory(np.full((1, 4, 5, 1), 77, np.uint8))
    assert image.getpixel((0, 0)) == (77, 77, 77)


def test_an_empty_array_gives_no_images() -> None:
    assert images_in_memory(np.empty((0, 4, 4, 3), np.uint8)) == []


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (np.zeros((4, 5, 3), np.uint8), r"shape \(4, 5, 3\)"),
        (np.zeros((2, 3, 4, 5), np.uint8), r"expected \(n, h, w, 3\)"),
        (np.zeros((2, 0, 5, 3), np.uint8), "shape"),
        (np.full((1, 4, 5, 3), 300, np.int64), "int64"),
        (np.full((1, 4, 5, 3), 1.01), r"\[1.01, 1.01\]"),
        (np.full((1, 4, 5, 3), -0.5), r"\(x \+ 1\) / 2"),
        (np.full((1, 4, 5, 3), np.nan), "not finite"),
        (np.full((1, 4, 5, 3), np.inf), "not finite"),
        (np.ones((1, 4, 5, 3), np.uint8), "cast to integers"),
        (torch.zeros(3, 4, 5), r"torch tensor of shape \(3, 4, 5\)"),
        (torch.zeros(2, 4, 5, 3), "expected"),
        (torch.full((1, 3, 4, 5), float("nan")), "not finite"),
        (torch.full((1, 3, 4, 5), 255.0), "expected"),
        ([np.zeros((4, 5, 3)), np.zeros((4, 6, 3))], "a list of ndarray"),
        ([np.zeros((4, 5, 3)), torch.zeros(3, 4, 5)], "a list of Tensor, ndarray"),
        ([np.zeros((1, 4, 5, 3))], "a list of ndarray"),
        ([np.zeros((3, 4, 5))], "expected"),
        ([Image.new("RGB", (2, 2)), None], "a list of Image, NoneType"),
        ((Image.new("RGB", (2, 2)) for _ in range(2)), "a list of what it yields"),
        (7, "int was given"),
        (None, "NoneType was given"),
    ],
)
def test_everything_else_is_refused_and_named(given: object, message: str) -> None:
    with pytest.raises(UnusableImages, match=message):
        images_in_memory(given)


def test_one_nan_among_good_values_is_refused() -> None:
    batch = np.full((8, 4, 5, 3), 0.5)
    batch[5, 1, 2, 0] = np.nan
    with pytest.raises(UnusableImages, match="not finite"):
        images_in_memory(batch)


def test_the_result_of_a_pipeline_points_to_its_images() -> None:
    class Output:
        images = ()

    with pytest.raises(UnusableImages, match=r"its \.images are what is wanted"):
        images_in_memory(Output())


def test_a_float_image_of_unknown_range_is_named_by_number() -> None:
    good, bad = Image.new("RGB", (2, 2)), Image.fromarray(np.full((2, 2), 9.0, np.float32))
    with pytest.raises(UnusableImages, match="image 1 cannot be used"):
        images_in_memory([good, bad])


def test_pil_images_are_brought_to_rgb(picture: Callable[..., Image.Image]) -> None:
    (image,) = images_in_memory([picture().convert("RGBA")])
    assert image.mode == "RGB"


@pytest.mark.parametrize("dtype", [np.int32, np.uint16])
def test_integers_that_may_be_8_or_16_bits_are_refused(dtype: type) -> None:
    grey = np.full((4, 5), 200, dtype)
    with pytest.raises(UnusableImages, match="8 or 16 bits"):
        images_in_memory([Image.fromarray(grey)])


def test_a_closed_or_truncated_image_is_refused(
    tmp_path: Path, picture: Callable[..., Image.Image], monkeypatch: pytest.MonkeyPatch
) -> None:
    picture(0, (200, 150)).save(tmp_path / "x.jpg")
    closed = Image.open(tmp_path / "x.jpg")
    closed.close()
    with pytest.raises(UnusableImages, match="image 0 cannot be used"):
        images_in_memory([closed])
    os.truncate(tmp_path / "x.jpg", 1500)
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    with Image.open(tmp_path / "x.jpg") as cut, pytest.raises(UnusableImages, match="truncated"):
        images_in_memory([cut])
