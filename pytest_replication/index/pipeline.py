"""Listed images → vectors: threads decode ahead while the network works on the last batch."""

from __future__ import annotations

import hashlib
import io
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pytest_replication.embedders import Embedder
from pytest_replication.embedders.base import Prepared, threads
from pytest_replication.images.decode import UndecodableImage, decode
from pytest_replication.images.local import Features, extract
from pytest_replication.images.sources import ImageRef
from pytest_replication.images.square import square
from pytest_replication.images.views import View, cut
from pytest_replication.index.batching import Parts, Waiting
from pytest_replication.index.entries import ObjectsEntry
from pytest_replication.index.features import pack
from pytest_replication.index.shard import UNREAD, Record, Rejected
from pytest_replication.index.side_arrays import Beside, stored_kinds
from pytest_replication.index.tokens import to_half

_AHEAD = 4
"""Batches decoded ahead of the network: bounds memory and hides the time of decoding."""


_HELD = 256 << 20
"""Bytes of images that were read to be listed and wait to be decoded; a single image may be larger."""


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
class Embedded:
    """What became of the images of one shard.

    Attributes:
        embeddings: (rows, views, dim) float32, unit rows.
        records: one a row.
        rejected: images that could not be read.
        dropped: images that were left out because they were removed from the index before.
        beside: what was wanted of the rows besides.
    """

    embeddings: NDArray[np.float32]
    records: list[Record]
    rejected: list[Rejected]
    dropped: int = 0
    beside: Beside = field(default_factory=Beside)


@dataclass(frozen=True, slots=True)
class PipelineOptions:
    """How images are decoded and embedded.

    Attributes:
        views: boxes of each image.
        batch_size: images a batch, None for the embedder's own.
        decoders: threads, None for one a core.
        thumbnails: longest side of the small pictures that the records carry, 0 for none.
        opted_out: sha256 of images that must not be embedded.
        tokens: keep the tokens as well.
        pixels: side of the squares of pixels to keep as well, None for none.
        objects: parts to embed and local features to find as well, None for none.
    """

    views: tuple[View, ...]
    batch_size: int | None = None
    decoders: int | None = None
    thumbnails: int = 0
    opted_out: frozenset[str] = frozenset()
    tokens: bool = False
    pixels: int | None = None
    objects: ObjectsEntry | None = None

    @property
    def parts(self) -> tuple[View, ...]:
        """Boxes of each image that are embedded beside its views."""
        return self.objects.parts if self.objects else ()

    @property
    def kinds(self) -> tuple[str, ...]:
        """What is kept beside the vectors."""
        return stored_kinds(self.tokens, self.pixels is not None, self.objects is not None)


_Row = tuple[NDArray[np.float32], NDArray[np.float16] | None]


@dataclass(frozen=True, slots=True)
class _Decoded:
    record: Record
    views: list[Prepared]
    parts: list[Prepared]
    pixels: NDArray[np.uint8] | None
    features: Features | None


class Pipeline:
    """Decodes and embeds; use it as a context manager.

    Args:
        embedder: gives the vectors.
        options: how.
        clock: adds up where the time goes.
    """

    def __init__(self, embedder: Embedder, options: PipelineOptions, clock: Stopwatch) -> None:
        self._embedder, self._options, self._clock = embedder, options, clock
        self._batch_size = options.batch_size or embedder.batch_size
        decoders = options.decoders or threads()
        self._pool = ThreadPoolExecutor(decoders, thread_name_prefix="decode")
        # Parts take as much memory as views, and as long.
        parts = len(options.parts) // len(options.views)
        self._ahead = _AHEAD * self._batch_size
        if parts:
            self._ahead = max(decoders, self._ahead // (1 + parts))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    def embed(self, refs: Iterable[ImageRef], progress: Callable[[int], object]) -> Embedded:
        """Embed listed images, in their order.

        Args:
            refs: the images of one shard, listed as they are needed. Batches never cross a shard,
                so that a resumed build makes the same batches and thus the same bytes.
            progress: called with the number of images done.
        """
        rows: dict[int, _Row] = {}
        records: dict[int, Record] = {}
        rejected: list[Rejected] = []
        pixels: list[NDArray[np.uint8]] = []
        features: list[Features] = []
        dropped = 0
        waiting: Waiting[int] = Waiting(self._batch_size, _AHEAD * self._batch_size)
        parts = Parts(self._embed_views, self._batch_size, len(self._options.parts))
        for position, result in enumerate(self._decoded(refs)):
            if not isinstance(result, _Decoded):
                rejected += [result] if result else []
                dropped += result is None
                progress(1)
                continue
            records[position] = result.record
            pixels += [] if result.pixels is None else [result.pixels]
            features += [] if result.features is None else [result.features]
            parts.put(position, result.parts)
            if ready := waiting.put(position, result.views):
                rows |= self._embed_batch(ready)
                progress(len(ready))
        for batch in waiting.rest():
            rows |= self._embed_batch(batch)
            progress(len(batch))
        empty = np.empty((0, len(self._options.views), self._embedder.spec.dim), np.float32)
        embeddings = np.stack([rows[position][0] for position in records]) if records else empty
        beside = Beside(
            tokens=self._in_order(rows, records) if self._options.tokens else None,
            pixels=self._squares(pixels),
            parts=parts.laid(list(records), self._embedder.spec.dim) if self._options.objects else None,
            features=pack(features) if self._options.objects else None,
        )
        return Embedded(embeddings, list(records.values()), rejected, dropped, beside)

    def _in_order(self, rows: dict[int, _Row], records: dict[int, Record]) -> NDArray[np.float16]:
        """Lay out tokens, and let go of each on the way: a shard of them fills the memory once only."""
        views = len(self._options.views)
        shape = self._embedder.token_shape or ()
        laid = np.empty((len(records), views, *shape), np.float16)
        for place, position in enumerate(records):
            laid[place] = rows.pop(position)[1]
        return laid.reshape(-1, *shape)

    def _squares(self, pixels: list[NDArray[np.uint8]]) -> NDArray[np.uint8] | None:
        """Lay out pixels, and let go of each on the way."""
        if (side := self._options.pixels) is None:
            return None
        laid = np.empty((len(pixels), side, side, 3), np.uint8)
        for place in reversed(range(len(laid))):
            laid[place] = pixels.pop()
        return laid

    def _embed_batch(self, batch: Sequence[tuple[int, list[Prepared]]]) -> dict[int, _Row]:
        """Embed the views of images: (views, dim), and (views, chunks, length) where wanted, by position."""
        views = [view for _, prepared in batch for view in prepared]
        shape = (len(batch), len(self._options.views))
        if not self._options.tokens:
            vectors = self._embed_views(views).reshape(*shape, -1)
            return {position: (row, None) for (position, _), row in zip(batch, vectors, strict=True)}
        with self._clock("network"):
            found, tokens = self._embedder.embed_with_tokens(views)
        half = to_half(tokens).reshape(*shape, *tokens.shape[1:])
        rows = zip(batch, found.reshape(*shape, -1), half, strict=True)
        return {position: (row, parts) for (position, _), row, parts in rows}

    def _embed_views(self, views: list[Prepared]) -> NDArray[np.float32]:
        with self._clock("network"):
            return self._embedder.embed(views)

    def _decoded(self, refs: Iterable[ImageRef]) -> Iterator[_Result]:
        """Decode in threads, a bounded number (and number of bytes) ahead, in order."""
        rest = iter(refs)
        waiting: deque[tuple[Future[_Result], int]] = deque()
        held = 0

        def hand_out() -> None:
            nonlocal held
            while len(waiting) < self._ahead and held < _HELD:
                if (ref := next(rest, None)) is None:
                    return
                size = len(ref.content) if isinstance(ref.content, bytes) else 0
                held += size
                waiting.append((self._pool.submit(self._decode, ref), size))

        hand_out()
        while waiting:
            future, size = waiting.popleft()
            with self._clock("decode wait"):
                result = future.result()
            held -= size
            hand_out()
            yield result

    def _decode(self, ref: ImageRef) -> _Result:
        """Decode one image; None for one that was removed from the index before."""
        if ref.fault is not None:
            return Rejected(ref.id, ref.uri, ref.fault, ref.version)
        try:
            data = ref.read()
            digest = hashlib.sha256(data).hexdigest()
            if digest in self._options.opted_out:
                return None
            image = decode(data)
        except OSError as error:
            return Rejected(ref.id, ref.uri, f"{UNREAD}{error.strerror or error}", ref.version)
        except UndecodableImage as error:
            return Rejected(ref.id, ref.uri, str(error), ref.version)
        record = Record(
            id=ref.id,
            uri=ref.uri,
            sha256=digest,
            width=image.width,
            height=image.height,
            caption=ref.caption,
            label=ref.label,
            thumbnail=_thumbnail(image, self._options.thumbnails),
            version=ref.version,
        )
        side, objects = self._options.pixels, self._options.objects
        return _Decoded(
            record,
            self._prepared(image, self._options.views),
            self._prepared(image, self._options.parts),
            None if side is None else square(image, side),
            None if objects is None else extract(image, objects.features),
        )

    def _prepared(self, image: Image.Image, views: tuple[View, ...]) -> list[Prepared]:
        return [self._embedder.prepare(view) for view in cut(image, views)]


_Result = _Decoded | Rejected | None


def _thumbnail(image: Image.Image, longest: int) -> bytes | None:
    """A small WebP picture, for reports on machines that do not have the training set."""
    if not longest:
        return None
    small, encoded = image.copy(), io.BytesIO()
    small.thumbnail((longest, longest))
    small.save(encoded, "WEBP", quality=80)
    return encoded.getvalue()
