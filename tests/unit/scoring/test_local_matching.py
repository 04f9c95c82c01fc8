"""Pairs of local features, of a sample and of its mirror image at once, are those of a plain comparison."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pytest_replication.images.local import FEATURE, mirrored
from pytest_replication.scoring import local_matching
from pytest_replication.scoring.local_matching import Described, match

Descriptions = NDArray[np.uint8]


def reference(sample: Descriptions, training: Descriptions, ratio: float) -> tuple[list[int], list[int]]:
    """All distances in integers, one feature after another."""
    mine, theirs = [], []
    for number, description in enumerate(sample.astype(np.int64)):
        squares = ((description - training.astype(np.int64)) ** 2).sum(axis=1)
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
@given(pictures(), st.sampled_from([0.6, 0.85, 1.0]), st.sampled_from([1, 4, 192]))
def test_pairs_are_those_of_a_plain_comparison(
    made: tuple[Descriptions, Descriptions], ratio: float, block: int
) -> None:
    sample, training = made
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(local_matching, "_BLOCK", block)
        found = match(Described.of(sample), Described.of(training), ratio)
    expected = [reference(each, training, ratio) for each in (sample, mirror_image(sample))]
    assert [(mine.tolist(), theirs.tolist()) for mine, theirs in found] == expected


def test_a_pair_counts_where_the_second_nearest_is_clearly_farther() -> None:
    training = np.eye(3, 128, dtype=np.uint8) * 255
    near = Described.of(np.array([[250, 20, 0, *[0] * 125], [200, 190, 0, *[0] * 125]], np.uint8))
    (mine, theirs), _ = match(near, Described.of(training))
    assert (mine.tolist(), theirs.tolist()) == ([0], [0])


def test_nothing_is_paired_where_nothing_can_stand_out() -> None:
    some = np.full((3, 128), 9, np.uint8)
    for sample, training in ((some, some[:1]), (some, some[:0]), (some[:0], some)):
        found = match(Described.of(sample), Described.of(training))
        assert [part.size for pairs in found for part in pairs] == [0, 0, 0, 0]
