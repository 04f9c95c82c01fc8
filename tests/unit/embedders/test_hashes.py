from __future__ import annotations

import builtins
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from pytest_replication.embedders import EmbedderSpec, load_embedder
from pytest_replication.embedders.hashes import COLOURS, HashEmbedder
from pytest_replication.embedders.probe import embed_images
from pytest_replication.errors import EmbedderUnavailable, SettingsError

imagehash = pytest.importorskip("imagehash")
pdqhash = pytest.importorskip("pdqhash")

NAMES = ["pdq", "phash", "phash?bits=256"]


@pytest.fixture(scope="module")
def photographs(training: Path) -> list[Image.Image]:
    """Six photographs, and each after JPEG of quality 30 at half its size."""
    images = []
    for path in sorted(training.glob("*.jpg"))[:6]:
        image = Image.open(path).convert("RGB")
        copy = io.BytesIO()
        image.resize((image.width // 2, image.height // 2)).save(copy, "JPEG", quality=30)
        images += [image, Image.open(copy).convert("RGB")]
    return images


def scores(name: str, images: list[Image.Image]) -> np.ndarray:
    rows = embed_images(load_embedder(name), images).astype(np.float64)
    return rows @ rows.T


@pytest.mark.parametrize(("name", "side"), [("phash", 8), ("phash?bits=256", 16)])
def test_the_score_of_phash_is_the_distance_of_imagehash(
    photographs: list[Image.Image], name: str, side: int
) -> None:
    hashes = [imagehash.phash(image, hash_size=side) for image in photographs]
    distances = np.array([[one - other for other in hashes] for one in hashes])
    assert scores(name, photographs) == pytest.approx(1 - 2 * distances / side**2, abs=1e-6)
    # The bits are those of its hexadecimal notation, too.
    row = load_embedder(name).prepare(photographs[0])[: side**2] > 0
    assert f"{int(''.join(map(str, row.astype(int))), 2):0{side**2 // 4}x}" == str(hashes[0])


def test_the_score_of_pdq_is_the_distance_of_pdqhash(photographs: list[Image.Image]) -> None:
    bits = np.array([pdqhash.compute(np.asarray(image))[0] for image in photographs])
    distances = (bits[:, None] != bits[None]).sum(axis=2)
    assert scores("pdq", photographs) == pytest.approx(1 - 2 * distances / 256, abs=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_recompressed_thumbnails_score_high_and_others_do_not(
    name: str, photographs: list[Image.Image]
) -> None:
    found = scores(name, photographs)
    copies = found[np.arange(0, 12, 2), np.arange(1, 12, 2)]
    others = found[::2, ::2][np.triu_indices(6, 1)]
    assert copies.min() > 0.8
    assert others.max() < 0.6


def flipped(number: int) -> HashEmbedder:
    """A hash of 256 bits of which `number` are set for every image that is not black."""

    def hashed(image: Image.Image) -> tuple[np.ndarray, float]:
        return np.arange(256) < number * bool(image.getextrema()[0][1]), 1.0

    return HashEmbedder(EmbedderSpec("toy", 256 + COLOURS, None, "none", "toy"), hashed, None)


@settings(deadline=None)
@given(st.integers(0, 256))
def test_the_default_of_pdq_takes_a_distance_of_31_and_refuses_32(distance: int) -> None:
    threshold = load_embedder("pdq").default_threshold
    assert threshold is not None
    one, other = embed_images(flipped(distance), [Image.new("RGB", (8, 8), c) for c in ("black", "white")])
    score = round(float(one.astype(np.float64) @ other.astype(np.float64)), 6)  # as the search rounds
    assert score == pytest.approx(1 - 2 * distance / 256, abs=1e-6)
    assert (score >= threshold.value) == (distance <= 31)


def flat(colour: object) -> Image.Image:
    return Image.new("RGB", (120, 80), colour)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", NAMES)
def test_featureless_images_are_told_apart_by_their_colours(
    name: str, photographs: list[Image.Image]
) -> None:
    black, white, grey, red = map(flat, ("black", "white", (128, 128, 128), "red"))
    found = scores(name, [black, white, grey, red, photographs[0]])
    np.fill_diagonal(found, 0)
    assert found.max() < 0.6
    assert np.abs(found[4, :4]).max() == 0
    nearly = Image.new("RGB", (120, 80), (131, 127, 126))
    assert scores(name, [grey, nearly])[0, 1] > 0.95


@pytest.mark.parametrize("name", NAMES)
def test_a_copy_falls_from_no_cliff_between_features_and_none(
    name: str, photographs: list[Image.Image]
) -> None:
    embedder = load_embedder(name)
    assert isinstance(embedder, HashEmbedder)
    grey, weights = Image.new("RGB", photographs[0].size, (128, 128, 128)), []
    for share in np.geomspace(0.004, 0.9, 30):
        image = Image.blend(grey, photographs[0], share)
        file = io.BytesIO()
        image.save(file, "JPEG", quality=95)
        copy = Image.open(file).convert("RGB")
        (bits, weight), (other, _) = embedder._hashed(image), embedder._hashed(copy)
        weights.append(weight)
        # The copy is never much less alike than its bits, or its colours, which JPEG does not change.
        assert scores(name, [image, copy])[0, 1] > min(2 * np.mean(bits == other) - 1, 0.98) - 0.05
    assert weights[0] < 0.5 < weights[-1] == 1
    assert any(0.2 < weight < 0.9 for weight in weights)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", [(1, 1), (4, 9), (1, 3000), (3000, 2)])
def test_images_too_small_for_a_hash_are_embedded(name: str, size: tuple[int, int]) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    row = embed_images(load_embedder(name), [Image.fromarray(noise)])
    assert np.linalg.norm(row) == pytest.approx(1)


def test_large_images_are_shrunk_before_pdq(picture: Callable[..., Image.Image]) -> None:
    large = picture(1, (3000, 2000))
    assert scores("pdq", [large, large.resize((512, 512), Image.Resampling.BILINEAR)])[0, 1] == pytest.approx(
        1
    )


def test_only_pdq_has_a_documented_threshold() -> None:
    assert [load_embedder(name).default_threshold is None for name in NAMES] == [False, True, True]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("phash?bits=65", "bits=64 or bits=256"),
        ("phash?size=8", "bits=64 or bits=256"),
        ("pdq?bits=256", "takes no parameters"),
        ("pdq:x", "neither an argument nor a preset"),
    ],
)
def test_what_they_do_not_take_is_refused(name: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        load_embedder(name)


def test_a_preset_or_another_device_is_refused() -> None:
    with pytest.raises(SettingsError, match="neither an argument nor a preset"):
        load_embedder("phash", preset="sscd-320")
    with pytest.raises(EmbedderUnavailable, match="runs on the CPU only"):
        load_embedder("pdq", device="cuda")


@pytest.mark.parametrize(("name", "library"), [("pdq", "pdqhash"), ("phash", "imagehash")])
def test_without_its_library_the_error_names_the_extra(
    monkeypatch: pytest.MonkeyPatch, name: str, library: str
) -> None:
    real = builtins.__import__

    def without(wanted: str, *rest: object, **more: object) -> object:
        if wanted == library:
            raise ImportError(f"No module named {library!r}")
        return real(wanted, *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(EmbedderUnavailable, match=r"install the extra \[hashes\]"):
        load_embedder(name)
