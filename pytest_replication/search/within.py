"""How high training images score against the rest: the null where there is no hold-out.

The comparison of the paper (Somepalli et al., CVPR 2023, section 5): each training image with its nearest
neighbour among the others. Duplicates would inflate it, and are passed over.
"""

from __future__ import annotations

import numpy as np

from pytest_replication.errors import CalibrationError
from pytest_replication.index.reader import Index
from pytest_replication.search.exact import search
from pytest_replication.search.holdout import CLOSEST, Measured
from pytest_replication.search.vectors import take

_BATCH = 512
_NEIGHBOURS = 16
"""Neighbours that are looked at for one that is no duplicate."""


def measure_training(
    index: Index, count: int, duplicates_from: float, *, seed: int = 0, progress: bool = True
) -> tuple[Measured, int]:
    """Search the nearest training image of training images that is neither the same nor a duplicate.

    Args:
        index: an open index.
        count: training images that are drawn, all if there are no more.
        duplicates_from: score from which on two images are duplicates.
        seed: of the draw.
        progress: show a progress bar when standard error is a terminal.

    Returns:
        The scores, and the number of images that have duplicates only among their nearest; not among
        the scores.

    Raises:
        CalibrationError: there is only one training image.
        IndexCorrupt: a shard is damaged.
    """
    from tqdm import tqdm

    live = np.delete(np.arange(index.manifest.stored), index.removed)
    if len(live) < 2:
        raise CalibrationError(f"{index.path} holds one training image: there is no other to compare it with")
    drawn = np.sort(np.random.default_rng(seed).choice(live, min(count, len(live)), replace=False))
    views = len(index.manifest.views)
    scores, rows, of = [], [], []
    with tqdm(total=len(drawn), unit="img", disable=None if progress else True) as bar:
        for start in range(0, len(drawn), _BATCH):
            part = drawn[start : start + _BATCH]
            numbers = (part[:, None] * views + np.arange(views)).ravel()
            vectors = take(index, numbers).reshape(len(part), views, -1).astype(np.float32)
            found = search(index, vectors, _NEIGHBOURS + 1)
            others = (found.rows != part[:, None]) & (found.rows >= 0) & (found.scores < duplicates_from)
            place = others.argmax(axis=1)
            kept = np.flatnonzero(others.any(axis=1))
            scores.append(found.scores[kept, place[kept]])
            rows.append(found.rows[kept, place[kept]])
            of.append(part[kept])
            bar.update(len(part))
    return _named(index, np.concatenate(scores), np.concatenate(rows), np.concatenate(of), len(drawn))


def _named(
    index: Index, scores: np.ndarray, rows: np.ndarray, of: np.ndarray, listed: int
) -> tuple[Measured, int]:
    closest = np.argsort(-scores, kind="stable")[:CLOSEST]
    records = index.records(of[closest].tolist())
    nearest = [(records[int(of[i])].uri, int(rows[i]), float(scores[i])) for i in closest]
    return Measured(scores, rows, nearest, listed), listed - len(scores)
