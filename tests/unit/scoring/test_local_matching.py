"""Pairs of local features, of a sample and of its mirror image at once, are those of a plain comparison."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pytest_replication.images.local import FEATURE, mirrored, root
from pytest_replication.scoring import local_matching
from pytest_replication.scoring.local_matching import NEAR, RATIO, Described, match

pytest.importorskip("cv2")

Descriptions = NDArray[np.uint8]
FAR = 1 << 40


def cv2() -> Any:
    return importlib.import_module("cv2")


def rises(descriptions: Descriptions) -> NDArray[np.int64]:
    """How much brightness rises away from each point."""
    weights = np.rint(local_matching._OUTWARD).astype(np.int64)
    return np.asarray(descriptions.astype(np.int64) @ weights)


def reference(
    sample: Descriptions, training: Descriptions, ratio: float, near: float
) -> tuple[list[int], list[int]]:
    """All distances in integers, one feature after another; those not near are farther than all others."""
    mine, theirs = [], []
    apart = np.abs(rises(sample)[:, None] - rises(training))
    for number, description in enumerate(sample.astype(np.int64)):
        squares = ((description - training.astype(np.int64)) ** 2).sum(axis=1)
        squares[apart[number] > near] = FAR
        if (squares < FAR).sum() < 2:
            continue
        nearest = int(squares.argmin())
        second = np.delete(squares, nearest).min()
        if squares[nearest] < ratio**2 * second:
            mine.append(number)
            theirs.append(nearest)
    return mine, theirs


def mirror_image(descriptions: Descriptions) -> Descriptions:
    features = np.zeros(len(descriptions), FEATURE)
    features["description"] = descriptions
    return np.asarray(mirrored(features)["description"])


@st.composite
def pictures(draw: st.DrawFn) -> tuple[Descriptions, Descriptions]:
    """A sample of which some features are those of the training image, or of its mirror image, or nearly so."""
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n, m = draw(st.integers(1, 9)), draw(st.integers(2, 9))
    high = draw(st.sampled_from([1, 3, 60, 255]))
    sample, training = (random.integers(0, high + 1, (count, 128), np.uint8) for count in (n, m))
    for number in range(n):
        copied = training[random.integers(m)][None]
        how = draw(st.sampled_from(["copy", "mirror", "nearly", "other", "blank", "full"]))
        made: dict[str, Any] = {
            "copy": copied,
            "mirror": mirror_image(copied),
            "nearly": np.maximum(copied, 1) - random.integers(0, 2, 128).astype(np.uint8),
            "blank": 0,
            "full": 255,
        }
        sample[number] = made.get(how, sample[number])
    return sample, training


@settings(max_examples=60)
@given(
    pictures(),
    st.sampled_from([0.6, 0.85, 1.0]),
    # Blocks of more than one are compared with more than what is near to each.
    st.sampled_from([(1, 0.0), (1, 700.0), (1, NEAR), (1, np.inf), (4, np.inf), (128, np.inf)]),
)
def test_pairs_are_those_of_a_plain_comparison(
    made: tuple[Descriptions, Descriptions], ratio: float, by: tuple[int, float]
) -> None:
    sample, training = made
    block, near = by
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(local_matching, "_BLOCK", block)
        patch.setattr(local_matching, "NEAR", near)
        patch.setattr(local_matching, "_FEWEST", 0)
        found = match(Described.of(sample), Described.of(training), ratio)
    expected = [reference(each, training, ratio, near) for each in (sample, mirror_image(sample))]
    assert [([*pairs.mine], alike(training, pairs.theirs)) for pairs in found] == [
        (mine, alike(training, theirs)) for mine, theirs in expected
    ]


def alike(training: Descriptions, places: Sequence[int] | NDArray[np.int64]) -> list[bytes]:
    """Of equal descriptions it does not matter which."""
    return [training[place].tobytes() for place in places]


@settings(max_examples=20)
@given(st.integers(0, 2**32 - 1), st.sampled_from([1, 7, 128]))
def test_copies_are_near_in_any_block(seed: int, block: int) -> None:
    training = np.random.default_rng(seed).integers(0, 256, (40, 128), np.uint8)
    sample = Described.of(np.concatenate([training[::-2], mirror_image(training)[::-2]]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(local_matching, "_BLOCK", block)
        plain, mirror = match(sample, Described.of(training))
    numbers = np.arange(39, 0, -2).tolist()
    assert set(enumerate(numbers)) <= set(zip(plain.mine.tolist(), plain.theirs.tolist(), strict=True))
    assert set(enumerate(numbers, 20)) <= set(zip(mirror.mine.tolist(), mirror.theirs.tolist(), strict=True))


def test_dark_spots_are_not_compared_with_bright_ones() -> None:
    sift = cv2().SIFT_create()
    spot = cv2().GaussianBlur(np.pad(np.float32([[1]]), 40), (0, 0), 4)
    pictures = [np.uint8(128 + sign * 100 * spot / spot.max()) for sign in (-1, 1)]
    dark, bright = (
        rises(np.uint8(np.rint(255 * root(sift.compute(picture, [cv2().KeyPoint(40, 40, 12, 0)])[1]))))
        for picture in pictures
    )
    assert dark > NEAR / 2
    assert bright < -NEAR / 2


def test_a_pair_stands_out_by_the_distance_to_the_second_nearest() -> None:
    training = np.eye(3, 128, dtype=np.uint8) * 255
    near = Described.of(np.array([[250, 20, 0, *[0] * 125], [200, 198, 0, *[0] * 125]], np.uint8))
    pairs, _ = match(near, Described.of(training), ratio=1.0)
    assert pairs.mine.tolist() == [0, 1]
    assert pairs.theirs.tolist() == [0, 0]
    expected = [np.hypot(5, 20) / np.hypot(250, 235), np.hypot(55, 198) / np.hypot(200, 57)]
    assert pairs.ratios == pytest.approx(expected)
    assert (pairs.ratios < RATIO).tolist() == [True, False]
    assert match(near, Described.of(training))[0].mine.tolist() == [0]


def test_nothing_is_paired_where_nothing_can_stand_out() -> None:
    some = np.full((3, 128), 9, np.uint8)
    for sample, training in ((some, some[:1]), (some, some[:0]), (some[:0], some)):
        found = match(Described.of(sample), Described.of(training))
        assert [len(pairs) for pairs in found] == [0, 0]
