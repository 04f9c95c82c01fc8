"""More training images for an index that is complete."""

from __future__ import annotations

import itertools
import os
import shlex
from collections.abc import Iterable, Set
from dataclasses import dataclass
from pathlib import Path

from pytest_replication.embedders import EmbedderSpec
from pytest_replication.errors import IndexMismatch, SettingsError, SourceError
from pytest_replication.escape import one_line
from pytest_replication.images.decode import DECODER
from pytest_replication.images.sources import ImageRef, Source, open_source
from pytest_replication.index.build import BuildReport, shard_embedder
from pytest_replication.index.checks import check_count, check_limit, keep_apart
from pytest_replication.index.entries import SourceEntry
from pytest_replication.index.ingest import Ingested, Limit, ShardEmbedder, add_images, check_rejected
from pytest_replication.index.known import Known, known_images
from pytest_replication.index.layout import SHARDS
from pytest_replication.index.manifest import Manifest, now
from pytest_replication.index.objects import check_detector
from pytest_replication.index.opening import index_as_it_is, open_index
from pytest_replication.index.pipeline import PipelineOptions, Stopwatch
from pytest_replication.index.rejections import Rejections
from pytest_replication.index.removed import read_removed
from pytest_replication.index.selection import stored_images
from pytest_replication.index.tokens import check_tokens_alike
from pytest_replication.index.unfinished import give_up, require_append
from pytest_replication.index.workers import WorkerSettings
from pytest_replication.index.writer import IndexWriter


@dataclass(frozen=True, slots=True)
class AppendOptions:
    """How images are appended. The rest is as it was when the index was built.

    Attributes:
        embedder: where to load the index's embedder from, None for the place that it names.
        device: ``auto``, ``cpu``, ``mps``, ``cuda`` or ``cuda:N``.
        max_rejected: unreadable images that may be left out, a number or a share below 1.
        batch_size: images a batch, None for the embedder's own.
        decoders: threads that decode, None for one a core.
        workers: processes that embed.
        progress: show a progress bar when standard error is a terminal.
    """

    embedder: str | None = None
    device: str = "auto"
    max_rejected: Limit = 0
    batch_size: int | None = None
    decoders: int | None = None
    workers: int = 1
    progress: bool = True

    def __post_init__(self) -> None:
        numbers = (self.workers, self.batch_size, self.decoders)
        if min(number for number in numbers if number is not None) < 1:
            raise SettingsError("batch size, decoders and workers start at 1")
        check_limit(self.max_rejected)


def append_index(
    index: str | os.PathLike[str], source: object, options: AppendOptions | None = None
) -> BuildReport:
    """Add the images of a source that are not in an index yet.

    While it is at work, and when it was interrupted, the index is not complete and no gate opens
    it; the same call again goes on where it stopped.

    Args:
        index: folder of the index.
        source: what `open_source` takes; a source that was indexed before may have grown.
        options: how; None for the defaults.

    Returns:
        What was done; ``known`` counts the images that were there already or had been removed.

    Raises:
        SourceError: no images, an image that changed since it was indexed, or another source than
            that of the append that is unfinished.
        IndexIncomplete: the build of the index has not finished.
        IndexMismatch: the embedder at hand is not that of the index, or gives other vectors here.
        TooManyRejected: more images were unreadable than `max_rejected`; the rest is kept.
        IndexUnavailable: there is no index, it is damaged, or another process writes it.
    """
    options = options or AppendOptions()
    clock = Stopwatch()
    with clock("total"):
        folder = Path(index)
        keep_apart(source, folder)
        images = open_source(source)
        with clock("load"):
            opened = index_as_it_is(folder, embedder=options.embedder, device=options.device)
            embedder = opened.embedder
        with IndexWriter(folder) as writer:
            _take_up(writer, images, folder)
            _check_proved(opened.manifest, writer.manifest, folder)
            check_tokens_alike(writer.manifest, embedder, folder)
            check_detector(writer.manifest, folder)
            known, new = _new_images(writer.manifest, images, folder)
            rejected, ingested = Rejections(0, {}, ()), Ingested(0, 0)
            if new is not None:
                settings = _worker_settings(writer.manifest, embedder.spec, options, folder)
                shards = shard_embedder(embedder, settings, clock, folder)
                rejected, ingested = _add(writer, images, new, known, shards, options, clock, folder)
            manifest = writer.manifest
        open_index(folder)
    return BuildReport(
        index=folder,
        source=images.name,
        listed=ingested.listed,
        rows=manifest.rows,
        resumed=ingested.resumed,
        rejected=rejected,
        known=known.passed,
        seconds=dict(clock.seconds),
    )


def _add(
    writer: IndexWriter,
    images: Source,
    new: Iterable[ImageRef],
    known: Known,
    shards: ShardEmbedder,
    options: AppendOptions,
    clock: Stopwatch,
    folder: Path,
) -> tuple[Rejections, Ingested]:
    """Add the new images of a source, as the last source of the index."""
    if writer.manifest.complete:
        writer.add_source(SourceEntry(images.name, None, added=now()))
    ingested = add_images(writer, images, new, shards, clock, options.progress)
    check_count(images, Ingested(ingested.listed + known.passed, ingested.resumed))
    rejected, allowed = check_rejected(
        writer, folder, options.max_rejected, f"{give_up(folder, writer.manifest)}, then append again"
    )
    writer.finish(ingested.listed, allowed)
    return rejected, ingested


def _worker_settings(
    pinned: Manifest, spec: EmbedderSpec, options: AppendOptions, folder: Path
) -> WorkerSettings:
    """Embed as the index was built; images that were removed do not come back."""
    how = PipelineOptions(
        pinned.views,
        options.batch_size,
        options.decoders,
        pinned.thumbnails,
        read_removed(folder, pinned).sha256,
        pinned.tokens is not None,
        pinned.pixels,
        pinned.objects,
    )
    name = options.embedder or spec.location
    return WorkerSettings(name, spec, pinned.probe, options.device, how, options.workers)


def _take_up(writer: IndexWriter, images: Source, folder: Path) -> None:
    found = writer.resume()
    assert found is not None  # noqa: S101  # its embedder was loaded
    if found.decoder != DECODER:
        raise IndexMismatch(
            f"the images of {folder} were decoded as {found.decoder!r}, this version decodes as {DECODER!r}: "
            "build it again with --overwrite"
        )
    if found.complete:
        return
    require_append(folder, found)
    if found.sources[-1].name != images.name:
        raise SourceError(
            f"{folder} waits for the rest of {found.sources[-1].name}: append that first, then "
            f"{images.name}, or {give_up(folder, found)}"
        )


def _check_proved(proved: Manifest, found: Manifest, folder: Path) -> None:
    """Refuse an index that has taken the place of the one whose embedder was loaded and proved."""
    if (found.embedder, found.probe) != (proved.embedder, proved.probe):
        raise IndexMismatch(
            f"{folder} was replaced by an index of another embedder ({found.embedder.name}) while that of "
            f"the one before ({proved.embedder.name}) was loaded: append again"
        )


def _new_images(manifest: Manifest, images: Source, folder: Path) -> tuple[Known, Iterable[ImageRef] | None]:
    """What of a source is not in the index; None if that is nothing."""
    before = [
        shard for shard in manifest.shards if manifest.complete or shard.source < len(manifest.sources) - 1
    ]
    removed = read_removed(folder, manifest)
    known = known_images(folder / SHARDS, before, removed.rows)
    known.removed = removed.sha256
    new = known.new(images, lambda ref: _changed(ref, folder, manifest, set(removed.rows.tolist())))
    if not manifest.complete:
        return known, new
    first = next(new, None)
    return known, None if first is None else itertools.chain([first], new)


def _changed(ref: ImageRef, folder: Path, manifest: Manifest, removed: Set[int]) -> SourceError:
    """Say what was there, and how that one image is taken out: its id may be that of others, too."""
    stored = stored_images(folder, manifest)
    old = next(image for image in stored if image.uri == ref.uri and image.row not in removed)
    where = shlex.quote(str(folder))
    steps = [] if manifest.complete else [f"'pytest-replication append {where} --abandon'"]
    steps.append(f"'pytest-replication remove {where} --id {shlex.quote(ref.uri)} --source {old.source}'")
    return SourceError(
        f"{one_line(ref.uri)} has changed since it was indexed (its sha256 was {old.sha256}): "
        f"{', then '.join(steps)} takes only the old image out (no file of that sha256 is added again), then "
        "append again; or build the index anew with --overwrite"
    )
