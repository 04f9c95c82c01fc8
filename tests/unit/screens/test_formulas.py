"""Formulas of the screens, against what plain loops make of the same definition."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from pytest_replication.screens.agreement import seed_agreement, smallest_clique
from pytest_replication.screens.anisotropy import anisotropy, cosines
from pytest_replication.screens.edges import edge_agreement, edges
from pytest_replication.screens.magnitude import noise_magnitude, norms

RNG = np.random.default_rng(0)


def test_the_magnitude_is_the_mean_norm_of_the_whole_latent() -> None:
    differences = RNG.standard_normal((3, 4, 5, 6))
    found = norms(differences)
    for i in range(3):
        assert found[i] == pytest.approx(math.sqrt(sum(float(x) ** 2 for x in differences[i].ravel())))
    assert noise_magnitude(np.array([[1.0, 2.0], [3.0, 6.0]])) == 3.0


def test_the_cosine_is_over_channels_and_its_mean_over_places() -> None:
    a, b = RNG.standard_normal((2, 4, 3, 5)), RNG.standard_normal((2, 4, 3, 5))
    found = cosines(a, b)
    for i in range(2):
        each = [
            float(a[i, :, y, x] @ b[i, :, y, x])
            / float(np.linalg.norm(a[i, :, y, x]) * np.linalg.norm(b[i, :, y, x]))
            for y, x in itertools.product(range(3), range(5))
        ]
        assert found[i] == pytest.approx(sum(each) / 15)
    assert cosines(a, a) == pytest.approx([1, 1])
    assert cosines(a, -2 * a) == pytest.approx([-1, -1])
    assert (cosines(a, np.zeros_like(a)) == 0).all()  # no direction, and no NaN


def test_anisotropy_weighs_the_norm_once_and_the_cosine_twice() -> None:
    assert anisotropy(np.array([3.0]), np.array([0.25])) == 3.5
    assert anisotropy(np.array([3.0, 1.0]), np.array([0.25, -0.25])) == 2.0


def test_edges_are_where_unnormalised_sobel_sums_over_channels_to_more_than_the_line() -> None:
    picture = RNG.random((12, 15, 3)) * 0.3
    mirrored = np.pad(picture, ((1, 1), (1, 1), (0, 0)), mode="symmetric")
    found = edges(picture)
    assert 0 < found.mean() < 1
    for y, x in itertools.product(range(12), range(15)):
        total = 0.0
        for channel in range(3):
            n = mirrored[y : y + 3, x : x + 3, channel]
            across = (n[0, 2] + 2 * n[1, 2] + n[2, 2]) - (n[0, 0] + 2 * n[1, 0] + n[2, 0])
            down = (n[2, 0] + 2 * n[2, 1] + n[2, 2]) - (n[0, 0] + 2 * n[0, 1] + n[0, 2])
            total += math.hypot(across, down)
        assert found[y, x] == (total > 1.5)


def test_edges_count_where_more_than_half_of_the_seeds_have_them() -> None:
    line, flat = np.zeros((256, 256, 3), np.uint8), np.zeros((256, 256, 3), np.uint8)
    line[:, 128:] = 255
    one = edge_agreement(line[None])
    assert one == 2 / 256  # the two columns beside the jump
    assert edge_agreement(np.stack([line, line, line, flat])) == one
    assert edge_agreement(np.stack([line, line, flat, flat])) == 0  # half is not more than half
    assert edge_agreement(np.stack([flat, flat])) == 0


def test_pictures_are_resized_before_edges_are_looked_for() -> None:
    small = RNG.integers(0, 256, (16, 16, 3), dtype=np.uint8)
    large = np.asarray(Image.fromarray(small).resize((256, 256), Image.Resampling.LANCZOS))
    assert edge_agreement(small[None]) == edge_agreement(large[None]) > 0


@settings(max_examples=30)
@given(st.integers(3, 7), st.integers(0, 10_000), st.data())
def test_the_clique_is_the_tightest_of_all_subsets(count: int, seed: int, data: st.DataObject) -> None:
    size = data.draw(st.integers(2, count))
    half = np.random.default_rng(seed).integers(0, 6, (count, count)) / 5  # ties
    distances = np.triu(half, 1) + np.triu(half, 1).T
    wanted = min(
        max(distances[i, j] for i, j in itertools.combinations(subset, 2))
        for subset in itertools.combinations(range(count), size)
    )
    assert smallest_clique(distances, size) == wanted


def test_a_clique_needs_as_many_things() -> None:
    with pytest.raises(ValueError, match="a clique of 4 among 3"):
        smallest_clique(np.zeros((3, 3)), 4)


def test_seeds_agree_where_enough_pictures_are_alike() -> None:
    base = RNG.integers(0, 200, (16, 16, 3), dtype=np.uint8)
    other = [RNG.integers(0, 256, (16, 16, 3), dtype=np.uint8) for _ in range(3)]
    alike = np.stack([base, other[0], base + np.uint8(51), base])
    assert seed_agreement(alike, 3) == pytest.approx(-0.2)  # 51 of 255 apart
    assert seed_agreement(alike, 2) == 0
    assert seed_agreement(np.stack([base, *other]), 3) < -0.25
