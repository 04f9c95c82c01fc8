from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from pytest_replication.embedders import Embedder, EmbedderSpec
from pytest_replication.embedders.base import threads
from pytest_replication.errors import EmbedderError

SPEC = EmbedderSpec("toy", 3, "ab" * 32, "none", "toy")


class Toy(Embedder):
    spec = SPEC

    def __init__(self, output: object) -> None:
        self.output = np.asarray(output, dtype=float)

    def prepare(self, image: Image.Image) -> np.ndarray:
        return np.asarray(image)

    def forward(self, batch: Sequence[np.ndarray]) -> np.ndarray:
        return self.output


ONE = [np.zeros(1)]


def test_rows_are_brought_to_unit_length() -> None:
    assert Toy([[3, 0, 4]]).embed(ONE)[0].tolist() == pytest.approx([0.6, 0, 0.8])


@pytest.mark.parametrize(
    ("output", "message"),
    [
        ([[1, 2]], r"shape \(1, 2\) for 1 images; expected \(1, 3\)"),
        ([[1, 2, 3], [1, 2, 3]], "shape"),
        ([[0, 0, 0]], "zero or not finite"),
        ([[np.nan, 0, 1]], "zero or not finite"),
        ([[np.inf, 0, 1]], "zero or not finite"),
    ],
)
def test_unusable_vectors_are_errors(output: object, message: str) -> None:
    with pytest.raises(EmbedderError, match=message):
        Toy(output).embed(ONE)


class Parts(Toy):
    token_shape = (2, 3)

    def __init__(self, tokens: object) -> None:
        super().__init__([[3, 0, 4]])
        self.parts = tokens

    def tokens(self, batch: Sequence[np.ndarray]) -> np.ndarray:
        return np.asarray(self.parts, dtype=float)


def test_an_image_as_a_whole_and_in_parts() -> None:
    row, tokens = Parts([[[1, 2, 3], [0, 0, 0]]]).embed_with_tokens(ONE)
    assert row[0].tolist() == pytest.approx([0.6, 0, 0.8])
    assert (tokens.dtype, tokens.tolist()) == (np.float32, [[[1, 2, 3], [0, 0, 0]]])


def test_one_run_of_the_network_can_give_both() -> None:
    class Both(Parts):
        def forward(self, batch: Sequence[np.ndarray]) -> np.ndarray:
            raise AssertionError

        def forward_with_tokens(self, batch: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
            return self.output, self.tokens(batch)

    assert Both([[[1, 2, 3], [4, 5, 6]]]).embed_with_tokens(ONE)[1].sum() == 21


@pytest.mark.parametrize(
    ("tokens", "message"),
    [
        ([[[1, 2, 3]]], r"tokens of shape \(1, 1, 3\) for 1 images; expected \(1, 2, 3\)"),
        ([[[1, 2], [1, 2]]], "tokens of shape"),
        ([[[1, 2, 3], [4, 5, np.nan]]], "tokens that are not finite"),
        ([[[1, 2, 3], [4, 5, 1e39]]], "tokens that are not finite"),
    ],
)
@pytest.mark.filterwarnings("ignore:overflow")
def test_unusable_tokens_are_errors(tokens: object, message: str) -> None:
    with pytest.raises(EmbedderError, match=message):
        Parts(tokens).embed_with_tokens(ONE)


def test_tokens_of_an_embedder_without() -> None:
    with pytest.raises(EmbedderError, match="it has no tokens"):
        Toy([[3, 0, 4]]).embed_with_tokens(ONE)


def test_differences_name_both_sides_and_ignore_the_location() -> None:
    assert SPEC.differences(replace(SPEC, location="elsewhere", preset="x")) == []
    other = replace(SPEC, weights_sha256="cd" * 32, dim=4)
    assert SPEC.differences(other) == [
        "dim 3 against 4",
        f"weights sha256 {'ab' * 32!r} against {'cd' * 32!r}",
    ]


def test_workers_of_xdist_share_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYTEST_XDIST_WORKER_COUNT", raising=False)
    alone = threads()
    monkeypatch.setenv("PYTEST_XDIST_WORKER_COUNT", "1000")
    assert alone >= 1
    assert threads() == 1
