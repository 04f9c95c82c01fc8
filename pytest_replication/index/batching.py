"""What waits for the network: images whose views have the same shapes go through it together, as parts do."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from pytest_replication.embedders.base import Prepared

Key = TypeVar("Key")
Batch = list[tuple[Key, list[Prepared]]]
_Shape = tuple[tuple[int, ...], ...]


class Waiting(Generic[Key]):
    """Collects prepared views by shape until there is a batch of them, whatever lies between.

    What is given in one order comes out in one order, so that a resumed build makes the same batches.

    Args:
        batch_size: entries of one shape that make a batch.
        most: entries that may wait in all; then the largest group goes, full or not.
    """

    def __init__(self, batch_size: int, most: int) -> None:
        self._batch_size, self._most = batch_size, most
        self._groups: dict[_Shape, Batch[Key]] = defaultdict(list)
        self._held = 0

    def put(self, key: Key, views: list[Prepared]) -> Batch[Key]:
        """Add an entry; returns the batch that is ready now, empty if none is."""
        group = self._groups[tuple(view.shape for view in views)]
        group.append((key, views))
        self._held += 1
        if len(group) < self._batch_size and self._held < self._most:
            return []
        ready = max(self._groups.values(), key=len)  # the full one, or the fullest of too many
        batch = ready.copy()
        self._held -= len(batch)
        ready.clear()
        return batch

    def rest(self) -> Iterator[Batch[Key]]:
        """What is left, in batches."""
        yield from filter(None, self._groups.values())


class Parts:
    """Embeds the parts of images in batches of their own: whole images give the same vectors without them.

    Args:
        embed: prepared parts → (n, dim) unit rows.
        batch_size: parts a batch.
        count: parts an image.
    """

    def __init__(
        self, embed: Callable[[list[Prepared]], NDArray[np.float32]], batch_size: int, count: int
    ) -> None:
        self._embed, self._count = embed, count
        self._waiting: Waiting[tuple[int, int]] = Waiting(batch_size, batch_size * max(4, count))
        self._vectors: dict[int, list[NDArray[np.float32] | None]] = {}

    def put(self, position: int, parts: Sequence[Prepared]) -> None:
        """Add the parts of an image."""
        self._vectors[position] = [None] * self._count
        for number, part in enumerate(parts):
            self._take(self._waiting.put((position, number), [part]))

    def laid(self, positions: Sequence[int], dim: int) -> NDArray[np.float32]:
        """The vectors of all images, (n, parts, dim) in this order; each is let go of on the way."""
        for batch in self._waiting.rest():
            self._take(batch)
        found = np.empty((len(positions), self._count, dim), np.float32)
        for place, position in enumerate(positions):
            vectors = self._vectors.pop(position)
            if vectors:  # none for a grid that has no parts
                found[place] = vectors
        return found

    def _take(self, batch: Batch[tuple[int, int]]) -> None:
        if not batch:
            return
        rows = self._embed([part for _, parts in batch for part in parts])
        for ((position, number), _), row in zip(batch, rows, strict=True):
            self._vectors[position][number] = row
