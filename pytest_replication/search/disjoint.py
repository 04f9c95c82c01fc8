"""Is a background free of training images? One among them would hide its own copies."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pytest_replication.errors import SearchError, SettingsError
from pytest_replication.index.reader import Index
from pytest_replication.scoring.background import Background
from pytest_replication.search.blocks import blocks

_ROUNDING = {"<f4": 1e-5, "<f2": 1e-3}
"""How far below the threshold a score still counts: what storage and float32 may have taken from it."""

_ROWS = 1024
"""Background vectors that are compared at once: bounds the matrix of scores."""


@dataclass(frozen=True, slots=True)
class Overlap:
    """An image of the background that is too near to a training image.

    Attributes:
        background: its number in the background.
        row: the nearest row of the index.
        score: inner product of the two.
    """

    background: int
    row: int
    score: float


def check_disjoint(index: Index, background: Background, threshold: float) -> tuple[Overlap, ...]:
    """Find the images of a background that are in the training set, or nearly so.

    Every stored vector is compared, those of removed images too: a model may have seen them.

    Args:
        index: an open index.
        background: made with the embedder of the index.
        threshold: score from which on two images are too near, such as that of duplicates, 0.95.

    Returns:
        What `Background.without` should leave out, in its order; empty if the two are disjoint.

    Raises:
        SettingsError: vectors of another length, or a threshold outside (0, 1].
        IndexCorrupt: a shard is damaged.
        SearchError: not every row was compared.
    """
    dim, views = index.manifest.embedder.dim, len(index.manifest.views)
    if background.vectors.shape[1] != dim:
        raise SettingsError(
            f"the background {background.name} has {background.vectors.shape[1]} dimensions and {index.path} "
            f"has {dim}: embed it with the embedder of the index, {index.manifest.embedder.name}"
        )
    if not 0 < threshold <= 1:
        raise SettingsError(f"two images are too near from a score in (0, 1] on, not {threshold}")
    scores = np.full(len(background), -np.inf, np.float32)
    nearest = np.full(len(background), -1, np.int64)
    compared = 0
    for shard in index.shards:
        for first, block in blocks(shard):
            for start in range(0, len(background), _ROWS):
                part = slice(start, start + _ROWS)
                found = background.vectors[part] @ block.T
                best = found.argmax(axis=1)
                top = found[np.arange(len(found)), best]
                if not np.isfinite(top).all():
                    raise SearchError(f"a vector of {index.path} is not finite: run verify")
                better = top > scores[part]
                scores[part][better] = top[better]
                nearest[part][better] = (first + best[better]) // views
            compared += len(block)
    if compared != index.manifest.stored * views:
        raise SearchError(f"{compared} vectors of {index.path} were compared: no answer from a part")
    near = np.flatnonzero(scores >= threshold - _ROUNDING[index.manifest.dtype])
    return tuple(Overlap(int(i), int(nearest[i]), round(float(scores[i]), 6)) for i in near)
