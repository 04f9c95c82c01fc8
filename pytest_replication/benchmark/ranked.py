"""Scores of a set a block of queries at a time: all of those of a large database do not fit into memory.

The metrics are those of the whole matrix. What one threshold for all pairs does is known once the scores
of all positives are, so that a set of more than one block is compared twice.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from pytest_replication.benchmark.metrics import Judged, PairCurve, curve_of_blocks, judge, masks
from pytest_replication.benchmark.metrics.judged import Mask, checked
from pytest_replication.benchmark.scores import Comparison
from pytest_replication.benchmark.sets import RetrievalSet

CELLS = 20_000_000
"""Pairs of a query and a picture in one block: scores, truth and their copies take about 30 bytes each."""

Block = tuple[NDArray[Any], Mask, Mask]


class Blocks:
    """Scores, positives and junk of a set, block by block, as often as they are asked for.

    Args:
        made: the set.
        comparison: of its queries with its database.
        title: of the progress bar of a set of several blocks.
        progress: show it when standard error is a terminal.
    """

    def __init__(
        self, made: RetrievalSet, comparison: Comparison, *, title: str = "", progress: bool = True
    ) -> None:
        self._made, self._comparison = made, comparison
        rows = max(1, CELLS // len(made.database))
        self._parts = [slice(first, first + rows) for first in range(0, len(made.queries), rows)]
        self._only = self._block(self._parts[0]) if len(self._parts) == 1 else None
        self._title, self._hidden = title, None if progress else True

    def __iter__(self) -> Iterator[Block]:
        if self._only is not None:
            yield self._only
            return
        for part in tqdm(self._parts, desc=self._title, unit="block", disable=self._hidden):
            yield self._block(part)

    def _block(self, part: slice) -> Block:
        return checked(self._comparison.rows(part), *masks(self._made, part))


def rank(blocks: Blocks) -> tuple[list[Judged], PairCurve]:
    """Judge all queries, and make the curve of all pairs.

    Raises:
        BenchmarkError: a score is not finite, or there is no positive.
    """
    queries: list[Judged] = []
    found = []
    for scores, positives, junk in blocks:
        queries += judge(scores, positives, junk)
        found.append(scores[positives])
    return queries, curve_of_blocks(blocks, np.concatenate(found))
