"""An embedder with tokens, as another package would bring one: pixels, and the cells of a grid of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pytest_replication.embedders import Embedder, EmbedderOptions, EmbedderSpec
from pytest_replication.embedders.base import Prepared

GRID, CELL = 3, 4
SIDE = GRID * CELL


class CellEmbedder(Embedder):
    """SIDE x SIDE pixels minus their mean, as one vector or as GRID x GRID cells, row by row."""

    token_shape = (GRID * GRID, CELL * CELL * 3)
    batch_size = 4

    def __init__(self) -> None:
        self.spec = EmbedderSpec("cells", SIDE * SIDE * 3 + 1, None, f"{SIDE} x {SIDE}", "cells")

    def prepare(self, image: Image.Image) -> Prepared:
        return np.asarray(image.resize((SIDE, SIDE), Image.Resampling.BILINEAR))

    def forward(self, batch: Sequence[Prepared]) -> NDArray[np.float32]:
        flat = self._centred(batch).reshape(len(batch), -1)
        return np.concatenate([flat, np.ones((len(batch), 1), np.float32)], axis=1)

    def tokens(self, batch: Sequence[Prepared]) -> NDArray[np.float32]:
        cells = self._centred(batch).reshape(-1, GRID, CELL, GRID, CELL, 3).transpose(0, 1, 3, 2, 4, 5)
        return cells.reshape(len(batch), *self.token_shape)

    def _centred(self, batch: Sequence[Prepared]) -> NDArray[np.float32]:
        pixels = np.stack(batch).astype(np.float32)
        return pixels - pixels.mean(axis=(1, 2, 3), keepdims=True)


def load(options: EmbedderOptions) -> Embedder:
    options.refuse_parameters()
    return CellEmbedder()
