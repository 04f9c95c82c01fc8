"""The images of one source → shards of an index: what `build` and `append` share."""

from __future__ import annotations

import itertools
import shlex
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Set
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from pytest_replication.embedders import Embedder
from pytest_replication.errors import SourceError, TooManyRejected
from pytest_replication.images.sources import ImageRef, Listing, Source
from pytest_replication.index.entries import ShardEntry
from pytest_replication.index.layout import SHARDS
from pytest_replication.index.pipeline import Embedded, Pipeline, PipelineOptions, Stopwatch
from pytest_replication.index.rejections import Rejections, count_rejections
from pytest_replication.index.unfinished import give_up
from pytest_replication.index.writer import IndexWriter
from pytest_replication.shares import allowed

Limit = int | float
"""Unreadable images that may be left out: a whole number, or a share below 1."""


@dataclass(frozen=True, slots=True)
class Ingested:
    """What became of the images of a source.

    Attributes:
        listed: images that it listed.
        resumed: those of them that an earlier, interrupted run had done.
    """

    listed: int
    resumed: int


class ShardEmbedder(ABC):
    """Embeds the images of a shard, here or in other processes; use it as a context manager.

    Attributes:
        ahead: shards that may be handed over before the first result is asked for.
    """

    ahead: int = 0

    @abstractmethod
    def submit(self, refs: Iterator[ImageRef], progress: Callable[[int], object]) -> Callable[[], Embedded]:
        """Take the images of a shard; the result is ready when the returned function returns."""

    def __enter__(self) -> Self:
        return self

    @abstractmethod
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop all work."""


class Here(ShardEmbedder):
    """Embeds in this process, while images are listed."""

    def __init__(self, embedder: Embedder, options: PipelineOptions, clock: Stopwatch) -> None:
        self._pipeline = Pipeline(embedder, options, clock)

    def submit(self, refs: Iterator[ImageRef], progress: Callable[[int], object]) -> Callable[[], Embedded]:
        """Embed at once."""
        done = self._pipeline.embed(refs, progress)
        return lambda: done

    def __exit__(self, *exception: Any) -> None:
        """Stop the decoding threads."""
        self._pipeline.__exit__(*exception)


def add_images(
    writer: IndexWriter,
    images: Source,
    refs: Iterable[ImageRef],
    embed: ShardEmbedder,
    clock: Stopwatch,
    progress: bool,
    damaged: Set[str] = frozenset(),
) -> Ingested:
    """Add images to the last source of an index; what is there already is compared and passed over.

    Args:
        writer: holds the index; its last source is not finished.
        images: the source.
        refs: those of its images that are to be added.
        embed: gives the vectors.
        clock: adds up where the time goes.
        progress: show a progress bar when standard error is a terminal.
        damaged: names of shards that are made anew in their places.

    Raises:
        SourceError: the source is not the one that was begun with, or has grown since it was finished.
        BuildError: the index cannot be written, or a worker died.
    """
    from tqdm import tqdm

    work = _Shards(writer, images.name, embed, clock, damaged)
    rest, rows = iter(refs), writer.manifest.shard_rows
    with tqdm(total=len(images), unit="img", disable=None if progress else True) as bar, embed:
        while work.take(itertools.islice(rest, rows), bar.update) == rows:
            pass
        work.finish()
    return work.done


class _Shards:
    """Takes the images of one shard after another, and writes the oldest while later ones are embedded."""

    def __init__(
        self, writer: IndexWriter, source: str, embed: ShardEmbedder, clock: Stopwatch, damaged: Set[str]
    ) -> None:
        self._writer, self._source, self._embed, self._clock = writer, source, embed, clock
        self._damaged = damaged
        # The manifest says how far an earlier run came.
        self._old = iter(writer.manifest.shards_of(len(writer.manifest.sources) - 1))
        self._closed = writer.manifest.complete and not damaged  # nothing would finish it again
        self._pending: deque[tuple[ShardEntry | None, Listing, Callable[[], Embedded]]] = deque()
        self.done = Ingested(0, 0)

    def take(self, refs: Iterator[ImageRef], progress: Callable[[int], object]) -> int:
        """Take the next listed images, at most a shard of them; returns how many there were."""
        listing = Listing()
        shard = listing.watch(refs)
        old = next(self._old, None)
        resumed = 0
        if old is not None and old.name not in self._damaged:
            for _ in shard:
                progress(1)
            self._compare(listing, old)
            resumed = listing.count
        elif (head := next(shard, None)) is not None:
            # Looked at before it is handed over: an empty shard is never written.
            if old is None:
                self._check_open(head)
            result = self._embed.submit(itertools.chain([head], shard), progress)
            self._pending.append((old, listing, result))
            if len(self._pending) > self._embed.ahead:
                self._write_oldest()
        elif old is not None:
            self._compare(listing, old)
        self.done = Ingested(self.done.listed + listing.count, self.done.resumed + resumed)
        return listing.count

    def finish(self) -> None:
        """Write what is still being embedded."""
        while self._pending:
            self._write_oldest()

    def _write_oldest(self) -> None:
        old, listing, result = self._pending.popleft()
        found = result()
        with self._clock("write"):
            if old is None:
                self._writer.add_shard(
                    found.embeddings,
                    found.records,
                    found.rejected,
                    listing.digest,
                    found.dropped,
                    found.beside,
                )
            else:
                self._compare(listing, old)
                self._writer.remake_shard(old, found.embeddings, found.records, found.rejected, found.beside)

    def _compare(self, listing: Listing, old: ShardEntry) -> None:
        if listing.digest != old.listing:
            manifest = self._writer.manifest
            work = "build" if len(manifest.sources) == 1 else "append"
            raise SourceError(
                f"{self._source} has changed since the {work} began (between {listing.first} and "
                f"{listing.last}): {give_up(self._writer.folder, manifest)}"
            )

    def _check_open(self, head: ImageRef) -> None:
        if self._closed:
            folder = self._writer.folder
            raise SourceError(
                f"{self._source} has grown since {folder} was built (from {head.id} on): "
                f"'pytest-replication append {shlex.quote(str(folder))} IMAGES' adds only the images "
                "that are new"
            )


def allow(limit: Limit, listed: int) -> int:
    """The number of images that a limit allows of those that are listed."""
    return allowed(limit, listed) if isinstance(limit, float) else limit


def check_rejected(writer: IndexWriter, folder: Any, limit: Limit, again: str) -> tuple[Rejections, int]:
    """Count what could not be read of the last source and compare it with the limit.

    Returns:
        The rejections, and the limit as a number of images.

    Raises:
        TooManyRejected: there are more; what was embedded is kept.
    """
    entries = writer.manifest.shards_of(len(writer.manifest.sources) - 1)
    found = count_rejections(folder / SHARDS, entries)
    listed = sum(entry.listed for entry in entries)
    most = allow(limit, listed)
    if found.count > most:
        if not writer.manifest.complete:
            writer.note_listed(listed)
        shown = "".join(f"\n  {line}" for line in found.lines())
        raise TooManyRejected(
            f"{found.count} of {listed} training images cannot be read, and {most} may be left out: "
            "accept "
            f"the gap with --max-rejected {found.count} (keeps what is embedded), or mend or remove them and "
            f"{again}{shown}"
        )
    return found, most
