from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pytest_replication.errors import SearchError, SettingsError
from pytest_replication.scoring import split, tokens
from pytest_replication.scoring.split import cross_split_product, split_product
from pytest_replication.scoring.tokens import NORMS, Norm, slices, unit


def unit_chunks(image: np.ndarray, norm: Norm) -> np.ndarray:
    """The definition, in float64: (chunks, length)."""
    image = image.astype(np.float64)
    if norm == "concat":
        length = np.sqrt((image * image).sum())
        return image / length if length else image
    lengths = [np.sqrt((chunk * chunk).sum()) for chunk in image]
    return np.array(
        [chunk / length if length else chunk for chunk, length in zip(image, lengths, strict=True)]
    )


def plain(a: np.ndarray, b: np.ndarray, norm: Norm, cross: bool) -> np.ndarray:
    found = np.empty((len(a), len(b)))
    for i, x in enumerate(a):
        for j, y in enumerate(b):
            f, g = unit_chunks(x, norm), unit_chunks(y, norm)
            places = [(c, d) for c in range(len(f)) for d in range(len(g)) if cross or c == d]
            found[i, j] = max(float(np.dot(f[c], g[d])) for c, d in places)
    return found


def at(a: np.ndarray, b: np.ndarray, norm: Norm, places: np.ndarray) -> np.ndarray:
    """Scores of the chunks that are said to have won: (n, m, 2)."""
    found = np.empty(places.shape[:2])
    for i, j in np.ndindex(*found.shape):
        c, d = places[i, j]
        found[i, j] = unit_chunks(a[i], norm)[c] @ unit_chunks(b[j], norm)[d]
    return found


def random(*shape: int, seed: int = 0, dtype: str = "f4") -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


@st.composite
def pairs(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    n, m = draw(st.integers(0, 7)), draw(st.integers(0, 7))
    chunks, length = draw(st.integers(1, 6)), draw(st.integers(1, 9))
    dtype = draw(st.sampled_from(["f2", "f4", "f8"]))
    numbers = st.floats(-1000, 1000, width=16)  # zero among them, and the smallest of float16
    return (
        draw(hnp.arrays(dtype, (n, chunks, length), elements=numbers)),
        draw(hnp.arrays(dtype, (m, chunks, length), elements=numbers)),
    )


@settings(max_examples=60, deadline=None)
@given(pairs(), st.sampled_from(NORMS), st.booleans())
def test_against_plain_loops(given_: tuple[np.ndarray, np.ndarray], norm: Norm, cross: bool) -> None:
    a, b = given_
    product = cross_split_product if cross else split_product
    found = product(a, b, norm)
    assert (found.dtype, found.shape) == (np.float32, (len(a), len(b)))
    assert found == pytest.approx(plain(a, b, norm, cross), abs=1e-6)
    assert (np.abs(found) <= 1).all()
    again, places = product(a, b, norm, which=True)
    assert np.array_equal(again, found)
    pair = places if cross else np.stack([places, places], axis=-1)
    assert at(a, b, norm, pair) == pytest.approx(found, abs=1e-6)


@pytest.mark.parametrize("cross", [False, True])
@pytest.mark.parametrize("norm", NORMS)
def test_blocks_and_threads_change_nothing(monkeypatch: pytest.MonkeyPatch, norm: Norm, cross: bool) -> None:
    product = cross_split_product if cross else split_product
    a, b = random(53, 5, 16, dtype="f2"), random(11, 5, 16, seed=1, dtype="f2")
    whole, places = product(a, b, norm, which=True)
    assert whole == pytest.approx(plain(a, b, norm, cross), abs=1e-6)
    for name, size in (("_BLOCK_BYTES", 500), ("_HELD_BYTES", 1000), ("_PRODUCT_BYTES", 900)):
        monkeypatch.setattr(split, name, size)
    monkeypatch.setattr(split, "_WORTH_THREADS", 0)
    monkeypatch.setattr(split, "threads", lambda: 3)
    parts, again = product(a, b, norm, which=True)
    assert parts == pytest.approx(whole, abs=1e-6)
    assert np.array_equal(again, places)


def test_the_order_of_the_sides_does_not_matter() -> None:
    few, many = random(2, 4, 8), random(9, 4, 8, seed=1)
    assert split_product(few, many) == pytest.approx(split_product(many, few).T)
    scores, places = cross_split_product(few, many, which=True)
    turned, other = cross_split_product(many, few, which=True)
    assert scores == pytest.approx(turned.T)
    assert np.array_equal(places, other.transpose(1, 0, 2)[:, :, ::-1])


def test_one_shared_chunk_decides() -> None:
    a, b = random(1, 6, 32), random(1, 6, 32, seed=1)
    b[0, 2] = 3 * a[0, 2]
    scores, places = split_product(a, b, which=True)
    assert scores == pytest.approx(1)
    assert places.tolist() == [[2]]
    moved = b[:, [2, 0, 1, 3, 4, 5]]
    assert split_product(a, moved).item() < 0.7
    scores, places = cross_split_product(a, moved, which=True)
    assert scores == pytest.approx(1)
    assert places.tolist() == [[[2, 0]]]


def test_equal_images_score_their_longest_chunk_when_all_chunks_are_one_vector() -> None:
    a = random(3, 5, 8)
    squares = (a.astype(np.float64) ** 2).sum(axis=2)
    expected = (squares / squares.sum(axis=1, keepdims=True)).max(axis=1)
    assert np.diagonal(split_product(a, a, "concat")) == pytest.approx(expected, abs=1e-6)
    assert np.diagonal(split_product(a, a)) == pytest.approx(1)


@pytest.mark.parametrize("norm", NORMS)
def test_zeros_score_zero(norm: Norm) -> None:
    a, zero = np.abs(random(2, 3, 4, dtype="f2")), np.zeros((2, 3, 4), np.float16)
    for product in (split_product, cross_split_product):
        assert (product(a, zero, norm) == 0).all()
        assert (product(zero, zero, norm) == 0).all()
    half = a.copy()
    half[:, 1] = 0
    assert split_product(a, -half, norm).max() == 0  # all others are opposed
    assert cross_split_product(a, -half, norm).max() == 0


@pytest.mark.parametrize("scale", [1e-30, 1e30])
@pytest.mark.parametrize("norm", NORMS)
def test_numbers_whose_squares_cannot_be_stored(norm: Norm, scale: float) -> None:
    a, b = random(3, 2, 8), random(3, 2, 8, seed=1)
    assert split_product(a * np.float32(scale), b, norm) == pytest.approx(split_product(a, b, norm), abs=1e-6)
    wide = split_product(a.astype(np.float64) * scale**5, b.astype(np.float64), norm)
    assert wide == pytest.approx(split_product(a, b, norm), abs=1e-6)


def test_every_float16_is_widened_as_numpy_does() -> None:
    every = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
    finite = every[np.isfinite(every)].reshape(2, 4, -1)
    wide = np.empty(finite.shape, np.float32)
    tokens.widen(finite, "chunk", wide)
    assert np.array_equal(wide.view(np.int32), finite.astype(np.float32).view(np.int32))


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", ">f2"])
@pytest.mark.parametrize("bad", [np.nan, -np.nan, np.inf, -np.inf])
def test_tokens_that_are_not_finite_are_refused(dtype: str, bad: float) -> None:
    a = random(3, 2, 4).astype(dtype)
    spoilt = a.copy()
    spoilt[1, 1, 2] = bad
    for product in (split_product, cross_split_product):
        for one, other in ((spoilt, a), (a, spoilt)):
            with pytest.raises(SearchError, match="a token is not finite"):
                product(one, other)


def test_memory_maps_are_read_in_any_layout(tmp_path: Path) -> None:
    a, b = random(20, 3, 8, dtype="f2"), random(2, 3, 8, seed=1, dtype="f2")
    np.save(tmp_path / "tokens.npy", a)
    mapped = np.load(tmp_path / "tokens.npy", mmap_mode="r")
    expected = plain(a, b, "chunk", False)
    assert split_product(mapped, b) == pytest.approx(expected, abs=1e-6)
    assert split_product(np.asfortranarray(a), b) == pytest.approx(expected, abs=1e-6)
    assert split_product(mapped[::2], b) == pytest.approx(expected[::2], abs=1e-6)


def test_what_cannot_be_compared() -> None:
    a = random(2, 3, 4)
    with pytest.raises(SearchError, match=r"images of 3 and of 2 chunks have no corresponding chunks"):
        split_product(a, a[:, :2])
    assert cross_split_product(a, a[:, :2]).shape == (2, 2)
    with pytest.raises(SearchError, match=r"chunks of 4 and of 3 numbers"):
        cross_split_product(a, a[:, :, :3])
    with pytest.raises(SearchError, match=r"first images are float32 of shape \(2, 3\), expected"):
        split_product(a[:, :, 0], a)
    with pytest.raises(SearchError, match="second images are int64"):
        split_product(a, a.astype(int))
    with pytest.raises(SearchError, match=r"of shape \(2, 0, 4\)"):
        split_product(a[:, :0], a[:, :0])
    with pytest.raises(SettingsError, match="no norm 'l2': give chunk or concat"):
        split_product(a, a, "l2")  # type: ignore[call-overload]


def test_slices_of_a_vector() -> None:
    vectors = random(3, 12)
    cut = slices(vectors, 4)
    assert cut.shape == (3, 4, 3)
    assert np.array_equal(cut[1, 2], vectors[1, 6:9])
    assert split_product(slices(vectors, 1), slices(vectors, 1)) == pytest.approx(
        unit(vectors[:, None], "chunk")[:, 0] @ unit(vectors[:, None], "chunk")[:, 0].T, abs=1e-6
    )
    for chunks in (0, 5):
        with pytest.raises(SettingsError, match=f"cannot be cut into {chunks} equal slices"):
            slices(vectors, chunks)
