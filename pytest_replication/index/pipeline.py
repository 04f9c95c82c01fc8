"""Listed images → vectors: threads decode ahead while the network works on the last batch."""

from __future__ import annotations

import hashlib
import itertools
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from pytest_replication.embedders import Embedder
from pytest_replication.embedders.base import Prepared, threads
from pytest_replication.images.decode import UndecodableImage, decode
from pytest_replication.images.sources import ImageRef
from pytest_replication.images.views import View, cut
from pytest_replication.index.shard import Record, Rejected

_AHEAD = 4
"""Batches decoded ahead of the network: bounds memory and hides the time of decoding."""


class Stopwatch:
    """Adds up the wall time of named sections: ``with clock("network"): …``."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)

    @contextmanager
    def __call__(self, section: str) -> Iterator[None]:
        """Time a section."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[section] += time.perf_counter() - started


_Shape = tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class _Decoded:
    record: Record
    views: list[Prepared]

    @property
    def shape(self) -> _Shape:
        """Shapes of the prepared views."""
        return tuple(view.shape for view in self.views)


class Pipeline:
    """Decodes and embeds; use it as a context manager.

    Args:
        embedder: gives the vectors.
        views: boxes of each image.
        clock: adds up where the time goes.
        batch_size: images a batch, None for the embedder's own.
        decoders: threads, None for one a core.
    """

    def __init__(
        self,
        embedder: Embedder,
        views: tuple[View, ...],
        clock: Stopwatch,
        batch_size: int | None = None,
        decoders: int | None = None,
    ) -> None:
        self._embedder, self._views, self._clock = embedder, views, clock
        self._batch_size = batch_size or embedder.batch_size
        self._pool = ThreadPoolExecutor(decoders or threads(), thread_name_prefix="decode")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    def embed(
        self, refs: Iterable[ImageRef], progress: Callable[[int], object]
    ) -> tuple[NDArray[np.float32], list[Record], list[Rejected]]:
        """Embed listed images, in their order.

        Args:
            refs: the images of one shard, listed as they are needed. Batches never cross a shard,
                so that a resumed build makes the same batches and thus the same bytes.
            progress: called with the number of images done.

        Returns:
            Vectors (rows, views, dim), their records, and the images that could not be read.
        """
        rows: dict[int, NDArray[np.float32]] = {}
        records: dict[int, Record] = {}
        rejected: list[Rejected] = []
        waiting: dict[_Shape, list[tuple[int, _Decoded]]] = defaultdict(list)
        for position, result in enumerate(self._decoded(refs)):
            if isinstance(result, Rejected):
                rejected.append(result)
                progress(1)
                continue
            records[position] = result.record
            # Images of one shape go through the network together, whatever lies between them.
            batch = waiting[result.shape]
            batch.append((position, result))
            held = sum(map(len, waiting.values()))
            if len(batch) == self._batch_size or held == _AHEAD * self._batch_size:
                ready = max(waiting.values(), key=len)  # the full one, or the fullest of too many
                rows |= self._embed_batch(ready)
                progress(len(ready))
                ready.clear()
        for batch in filter(None, waiting.values()):
            rows |= self._embed_batch(batch)
            progress(len(batch))
        empty = np.empty((0, len(self._views), self._embedder.spec.dim), np.float32)
        embeddings = np.stack([rows[position] for position in records]) if records else empty
        return embeddings, list(records.values()), rejected

    def _embed_batch(self, batch: Sequence[tuple[int, _Decoded]]) -> dict[int, NDArray[np.float32]]:
        """Embed decoded images: (views, dim) by position."""
        with self._clock("network"):
            found = self._embedder.embed([view for _, item in batch for view in item.views])
        by_image = found.reshape(len(batch), len(self._views), -1)
        return {position: vectors for (position, _), vectors in zip(batch, by_image, strict=True)}

    def _decoded(self, refs: Iterable[ImageRef]) -> Iterator[_Decoded | Rejected]:
        """Decode in threads, a bounded number ahead, in order."""
        rest = iter(refs)
        waiting: deque[Future[_Decoded | Rejected]] = deque()

        def hand_out(count: int) -> None:
            waiting.extend(self._pool.submit(self._decode, ref) for ref in itertools.islice(rest, count))

        hand_out(_AHEAD * self._batch_size)
        while waiting:
            with self._clock("decode wait"):
                result = waiting.popleft().result()
            hand_out(1)
            yield result

    def _decode(self, ref: ImageRef) -> _Decoded | Rejected:
        if ref.fault is not None:
            return Rejected(ref.id, ref.uri, ref.fault)
        try:
            data = ref.read()
            image = decode(data)
        except OSError as error:
            return Rejected(ref.id, ref.uri, f"cannot be read: {error.strerror or error}")
        except UndecodableImage as error:
            return Rejected(ref.id, ref.uri, str(error))
        digest = hashlib.sha256(data).hexdigest()
        record = Record(ref.id, ref.uri, digest, *image.size, ref.caption, ref.label)
        return _Decoded(record, [self._embedder.prepare(view) for view in cut(image, self._views)])
