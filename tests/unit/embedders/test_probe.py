from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from pytest_replication.embedders.pixels import PixelEmbedder
from pytest_replication.embedders.probe import drift_between, probe_images, prove
from pytest_replication.errors import EmbedderError


def test_probe_images_are_always_the_same_and_differ_from_each_other() -> None:
    first, again = probe_images(), probe_images()
    assert [x.tobytes() for x in first] == [x.tobytes() for x in again]
    assert len({x.size for x in first}) == len(first)


def test_a_fit_embedder_is_proved() -> None:
    vectors = prove(PixelEmbedder())
    assert vectors.shape == (4, PixelEmbedder().spec.dim)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1)


class Mixing(PixelEmbedder):
    """Like batch normalisation left in training mode: a vector depends on the others."""

    def forward(self, batch: Sequence[np.ndarray]) -> np.ndarray:
        rows = super().forward(batch)
        return rows - 0.5 * rows.mean(axis=0)


class Random(PixelEmbedder):
    def forward(self, batch: Sequence[np.ndarray]) -> np.ndarray:
        return np.random.default_rng().standard_normal((len(batch), self.spec.dim)).astype(np.float32)


class Constant(PixelEmbedder):
    def forward(self, batch: Sequence[np.ndarray]) -> np.ndarray:
        return np.ones((len(batch), self.spec.dim), np.float32)


@pytest.mark.parametrize(
    ("embedder", "message"),
    [(Mixing(), "alone than in a batch"), (Random(), "alone than in a batch"), (Constant(), "same vector")],
)
def test_an_unfit_embedder_is_refused(embedder: PixelEmbedder, message: str) -> None:
    with pytest.raises(EmbedderError, match=message):
        prove(embedder)


def test_drift_is_the_largest_of_all_rows() -> None:
    one = np.eye(2, dtype=np.float32)
    other = np.array([[1, 0], [1, 0]], np.float32)
    assert drift_between(one, one) == 0
    assert drift_between(one, other) == 1
