"""Listed images → vectors: threads decode ahead while the network works on the last batch."""

from __future__ import annotations

import hashlib
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
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


@dataclass(frozen=True, slots=True)
class _Decoded:
    record: Record
    views: list[Prepared]


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
        self, refs: Sequence[ImageRef], progress: Callable[[int], object]
    ) -> tuple[NDArray[np.float32], list[Record], list[Rejected]]:
        """Embed listed images, in their order.

        Args:
            refs: the images of one shard. Batches never cross a shard, so that a resumed build
                makes the same batches and thus the same bytes.
            progress: called with the number of images done.

        Returns:
            Vectors (rows, views, dim), their records, and the images that could not be read.
        """
        blocks: list[NDArray[np.float32]] = []
        records: list[Record] = []
        rejected: list[Rejected] = []
        batch: list[_Decoded] = []

        def flush() -> None:
            if batch:
                blocks.append(self._embed_batch(batch))
                records.extend(item.record for item in batch)
                progress(len(batch))
                batch.clear()

        for result in self._decoded(refs):
            if isinstance(result, Rejected):
                rejected.append(result)
                progress(1)
            else:
                batch.append(result)
                if len(batch) == self._batch_size:
                    flush()
        flush()
        empty = np.empty((0, len(self._views), self._embedder.spec.dim), np.float32)
        return np.concatenate([empty, *blocks]), records, rejected

    def _embed_batch(self, batch: Sequence[_Decoded]) -> NDArray[np.float32]:
        with self._clock("network"):
            rows = self._embedder.embed([view for item in batch for view in item.views])
        return rows.reshape(len(batch), len(self._views), -1)

    def _decoded(self, refs: Sequence[ImageRef]) -> Iterator[_Decoded | Rejected]:
        """Decode in threads, a bounded number ahead, in order."""
        waiting: deque[Future[_Decoded | Rejected]] = deque()
        rest = iter(refs)
        for ref in rest:
            waiting.append(self._pool.submit(self._decode, ref))
            if len(waiting) >= _AHEAD * self._batch_size:
                break
        while waiting:
            with self._clock("decode wait"):
                result = waiting.popleft().result()
            if (ref_or_none := next(rest, None)) is not None:
                waiting.append(self._pool.submit(self._decode, ref_or_none))
            yield result

    def _decode(self, ref: ImageRef) -> _Decoded | Rejected:
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
