from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

torch = pytest.importorskip("torch")

from pytest_replication.embedders.pooling import POOLS, gem, over_scales, pooled, whitened  # noqa: E402

TOKENS = arrays(
    np.float64, st.tuples(st.integers(1, 3), st.integers(2, 5), st.integers(1, 4)), elements=st.floats(-3, 3)
)


@given(TOKENS, st.sampled_from([1.0, 3.0, 4.0]))
def test_gem_is_the_generalised_mean_of_each_channel(tokens: np.ndarray, power: float) -> None:
    found = gem(torch.from_numpy(tokens), power).numpy()
    for n, image in enumerate(tokens):
        for c, column in enumerate(image.T):
            naive = (sum(max(float(v), 1e-6) ** power for v in column) / len(column)) ** (1 / power)
            assert found[n, c] == pytest.approx(naive, rel=1e-9)


@given(TOKENS)
def test_pools_agree_with_their_formulas(tokens: np.ndarray) -> None:
    made = {
        pool: pooled(torch.from_numpy(tokens), pool, class_token=True, power=4.0).numpy() for pool in POOLS
    }
    assert np.array_equal(made["cls"], tokens[:, 0])
    assert made["avg"] == pytest.approx(np.stack([image[1:].sum(0) / (len(image) - 1) for image in tokens]))
    assert np.array_equal(made["cls+gem"], np.concatenate([made["cls"], made["gem"]], axis=1))
    assert made["gem"] == pytest.approx((np.maximum(tokens[:, 1:], 1e-6) ** 4).mean(1) ** 0.25)


def test_without_a_class_token_every_token_is_pooled() -> None:
    tokens = torch.arange(6.0).reshape(1, 3, 2)
    assert pooled(tokens, "avg", class_token=False, power=3.0).tolist() == [[2.0, 3.0]]


def test_scales_are_averaged() -> None:
    images = torch.rand(2, 3, 8, 8)
    sizes: list[tuple[int, ...]] = []

    def describe(x: torch.Tensor) -> torch.Tensor:
        sizes.append(tuple(x.shape[2:]))
        return x.mean(dim=(2, 3)) * len(sizes)

    found = over_scales(images, describe)
    assert sizes == [(8, 8), (5, 5), (4, 4)]
    resized = [
        images if s == 1 else torch.nn.functional.interpolate(images, scale_factor=s, mode="bilinear")
        for s in (1, 2**-0.5, 0.5)
    ]
    naive = sum(x.mean(dim=(2, 3)) * (n + 1) for n, x in enumerate(resized)) / 3
    assert torch.allclose(found, naive)


@pytest.mark.parametrize("extra", [0, 1])
def test_whitening(extra: int) -> None:
    rows, mean, matrix = torch.rand(2, 4), torch.rand(4 + extra), torch.rand(4 + extra, 3)
    with_one = torch.cat([rows, torch.ones(2, extra)], dim=1)
    unit = with_one / with_one.norm(dim=1, keepdim=True)
    assert torch.allclose(whitened(rows, mean, matrix), (unit - mean) @ matrix, atol=1e-5)
