"""A source of training images → an index that is complete, or that says how to complete it."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pytest_replication.embedders import Embedder, EmbedderSpec, load_embedder
from pytest_replication.embedders.probe import prove
from pytest_replication.errors import SettingsError, SourceError
from pytest_replication.images.decode import DECODER
from pytest_replication.images.parts import grid
from pytest_replication.images.sources import Source, open_source
from pytest_replication.images.views import WHOLE
from pytest_replication.index.checks import check_count, check_limit, keep_apart
from pytest_replication.index.entries import FileEntry, SourceEntry
from pytest_replication.index.ingest import Here, Limit, ShardEmbedder, add_images, allow, check_rejected
from pytest_replication.index.manifest import DTYPES, MAX_SIDE, MIN_SIDE, Manifest, now
from pytest_replication.index.objects import THUMBNAIL, objects_entry
from pytest_replication.index.objects import differences as objects_apart
from pytest_replication.index.opening import open_index
from pytest_replication.index.pipeline import PipelineOptions, Stopwatch
from pytest_replication.index.probe import check_probe, write_probe
from pytest_replication.index.rejections import Rejections
from pytest_replication.index.tokens import bytes_beside, make_room, shown, token_shape
from pytest_replication.index.workers import Elsewhere, WorkerSettings
from pytest_replication.index.writer import IndexWriter

_SHARD_ROWS = 1024
_AGAIN = "build with --overwrite (embeds everything anew)"
_SHARDS = 1000
"""Shards above which they get larger instead of more: the manifest names every one."""
_BESIDE_BYTES = 256 << 20
"""What is stored of a shard beside its vectors, which a build holds in memory."""


@dataclass(frozen=True, slots=True)
class BuildOptions:
    """How an index is built.

    Attributes:
        embedder: name for `load_embedder`.
        preset: preprocessing preset of the embedder, None for its own.
        device: ``auto``, ``cpu``, ``mps``, ``cuda`` or ``cuda:N``.
        max_rejected: unreadable images that may be left out, a number or a share below 1; every
            verdict will say so.
        dtype: ``float32`` or ``float16`` for the stored vectors.
        shard_rows: listed images a shard; a killed build loses at most one shard's work (one for
            each worker). None for 1024, or more in sets of over a million images.
        batch_size: images a batch, None for the embedder's own.
        decoders: threads that decode, None for one a core.
        workers: processes that embed.
        thumbnails: longest side in pixels of the small pictures that are kept for reports, 0 for
            none.
        tokens: store the tokens of every image as well, for split scores; says on standard error what
            that takes, unless `progress` is off.
        pixels: store every image as a square of so many pixels a side as well, resized where it has another
            size; None for none. Says what that takes, as for tokens.
        objects: grid of parts of every image to embed and store as well, with local features and a picture of
            256 pixels, so that copies of a part are found: ``quarters``, ``ninths`` or ``sixteenths``;
            None for none. Needs OpenCV. Says what that takes, as for tokens.
        overwrite: delete an index that is in the folder.
        progress: show a progress bar when standard error is a terminal.
    """

    embedder: str = "sscd"
    preset: str | None = None
    device: str = "auto"
    max_rejected: Limit = 0
    dtype: str = "float32"
    shard_rows: int | None = None
    batch_size: int | None = None
    decoders: int | None = None
    workers: int = 1
    thumbnails: int = 0
    tokens: bool = False
    pixels: int | None = None
    objects: str | None = None
    overwrite: bool = False
    progress: bool = True

    def __post_init__(self) -> None:
        optional = (self.shard_rows, self.batch_size, self.decoders)
        numbers = [self.workers, *(n for n in optional if n is not None)]
        if min(numbers) < 1 or self.thumbnails < 0:
            raise SettingsError(
                "shard rows, batch size, decoders and workers start at 1, thumbnails at 0 pixels"
            )
        check_limit(self.max_rejected)
        if self.pixels is not None and not MIN_SIDE <= self.pixels <= MAX_SIDE:
            raise SettingsError(
                f"pixels are stored as squares of {MIN_SIDE} to {MAX_SIDE} pixels a side, not {self.pixels}"
            )
        if self.dtype not in DTYPES:
            raise SettingsError(f"dtype is float32 or float16, not {self.dtype!r}")
        if self.objects is not None:
            grid(self.objects)

    @property
    def kept_thumbnails(self) -> int:
        """Longest side of the pictures that are kept: copies of parts are looked for in them, too."""
        return self.thumbnails if self.objects is None else max(self.thumbnails, THUMBNAIL)


@dataclass(frozen=True, slots=True)
class BuildReport:
    """What a build did.

    Attributes:
        index: folder of the index.
        source: where the images came from.
        listed: images that the source listed.
        rows: images in the index.
        resumed: listed images that an earlier, interrupted build had done.
        rejected: images that could not be read, with reasons.
        known: images of the source that were in the index already, and were passed over.
        seconds: where the time went: ``load`` (the embedder), ``network``, ``decode wait`` (the
            network waiting for images), ``write`` and ``total``.
    """

    index: Path
    source: str
    listed: int
    rows: int
    resumed: int
    rejected: Rejections
    known: int = 0
    seconds: dict[str, float] = field(default_factory=dict)


def build_index(
    source: object, out: str | os.PathLike[str], options: BuildOptions | None = None
) -> BuildReport:
    """Build an index, or finish one whose build was interrupted.

    Args:
        source: what `open_source` takes: a folder, a list of files, a string such as
            ``webdataset:/data/{00000..00041}.tar``, images in memory, or a `Source`.
        out: folder of the index.
        options: how; None for the defaults.

    Returns:
        What was done. The index is complete and can be opened with `open_index`.

    Raises:
        SourceError: no images, or others than those of the build that is resumed.
        TooManyRejected: more images were unreadable than `max_rejected`; the rest is kept.
        IndexMismatch: the embedder gives other vectors here than where the build began.
        IndexCorrupt: what is left cannot be searched, such as an index without a single row.
        IndexLocked: another process is building the same index.
        EmbedderError: the embedder cannot be loaded or is not fit.
        SettingsError: tokens are wanted of an embedder that has none, or pixels of a side out of range, or a
            grid of parts that there is not, or OpenCV is not installed for it.
        BuildError: there is no room for them.
    """
    options = options or BuildOptions()
    clock = Stopwatch()
    with clock("total"):
        folder = Path(out)
        keep_apart(source, folder)
        images = open_source(source)
        with clock("load"):
            embedder = load_embedder(options.embedder, preset=options.preset, device=options.device)
            probes = prove(embedder)
        if options.tokens:
            token_shape(embedder)  # refused before anything is written
        objects_entry(options.objects)  # likewise
        with IndexWriter(folder) as writer:
            if options.overwrite:
                writer.clear()
            damaged = _begin(writer, embedder, probes, images, options, folder)
            make_room(folder, writer.manifest, len(images), say=options.progress)
            settings = _worker_settings(writer.manifest, embedder.spec, options)
            shards = shard_embedder(embedder, settings, clock, folder)
            ingested = add_images(writer, images, images, shards, clock, options.progress, damaged)
            check_count(images, ingested)
            rejected, allowed = check_rejected(writer, folder, options.max_rejected, _AGAIN)
            if not writer.manifest.complete:
                writer.finish(ingested.listed, allowed)
            manifest = writer.manifest
        open_index(folder)  # a build that reports success leaves an index that can be used
    return BuildReport(
        index=folder,
        source=images.name,
        listed=manifest.listed,
        rows=manifest.rows,
        resumed=ingested.resumed,
        rejected=rejected,
        seconds=dict(clock.seconds),
    )


def _begin(
    writer: IndexWriter,
    embedder: Embedder,
    probes: NDArray[np.float32],
    images: Source,
    options: BuildOptions,
    folder: Path,
) -> frozenset[str]:
    """Start an index, or take up one that is of the same; the names of its damaged shards."""
    found = writer.resume_build()
    if found is None:
        writer.start(_manifest(embedder, images, options, write_probe(folder, probes)))
        return frozenset()
    manifest, damaged = found
    _check_same(manifest, embedder, images, options, folder)
    check_probe(folder, manifest.probe, embedder)
    if manifest.complete and manifest.rejected > allow(options.max_rejected, manifest.listed):
        check_rejected(writer, folder, options.max_rejected, _AGAIN)
    return damaged


def _worker_settings(pinned: Manifest, spec: EmbedderSpec, options: BuildOptions) -> WorkerSettings:
    how = PipelineOptions(
        pinned.views,
        options.batch_size,
        options.decoders,
        pinned.thumbnails,
        tokens=options.tokens,
        pixels=options.pixels,
        objects=pinned.objects,
    )
    return WorkerSettings(options.embedder, spec, pinned.probe, options.device, how, options.workers)


def shard_embedder(
    embedder: Embedder, settings: WorkerSettings, clock: Stopwatch, folder: Path
) -> ShardEmbedder:
    """Embed here, or in as many processes as are wanted."""
    if settings.workers == 1:
        return Here(embedder, settings.options, clock)
    return Elsewhere(settings, folder)


def _manifest(embedder: Embedder, images: Source, options: BuildOptions, probe: FileEntry) -> Manifest:
    from pytest_replication import __version__

    listed = len(images) if images.counted else None
    tokens = token_shape(embedder) if options.tokens else None
    manifest = Manifest(
        embedder=embedder.spec,
        decoder=DECODER,
        views=WHOLE,
        dtype=DTYPES[options.dtype],
        shard_rows=0,
        created=now(),
        writer=__version__,
        probe=probe,
        sources=(SourceEntry(images.name, listed, added=now()),),
        thumbnails=options.kept_thumbnails,
        tokens=tokens,
        pixels=options.pixels,
        objects=objects_entry(options.objects),
    )
    rows = options.shard_rows or _shard_rows(len(images), bytes_beside(manifest))
    return replace(manifest, shard_rows=rows)


def _shard_rows(images: int, beside: int) -> int:
    """A shard is in memory while it is made: one that stores much beside its vectors gets no larger.

    Args:
        images: images of the source.
        beside: bytes an image beside its vectors.
    """
    rows = max(_SHARD_ROWS, -(-images // _SHARDS))
    return rows if not beside else max(1, min(rows, _BESIDE_BYTES // beside))


def _check_same(
    found: Manifest, embedder: Embedder, images: Source, options: BuildOptions, folder: Path
) -> None:
    if len(found.sources) > 1:
        raise SourceError(_appended_to(found, folder))
    differences = embedder.spec.differences(found.embedder)
    differences += objects_apart(objects_entry(options.objects), found.objects)
    tokens = token_shape(embedder) if options.tokens else None
    for what, here, there in (
        ("source", images.name, found.sources[0].name),
        ("vectors", "embedded", "imported" if found.sources[0].imported else "embedded"),
        ("decoder", DECODER, found.decoder),
        ("dtype", DTYPES[options.dtype], found.dtype),
        ("shard rows", options.shard_rows or found.shard_rows, found.shard_rows),
        ("thumbnails", options.kept_thumbnails, found.thumbnails),
        ("tokens", shown(tokens), shown(found.tokens)),
        ("pixels", options.pixels or "none", found.pixels or "none"),
        ("listed images", len(images) if images.counted else None, found.sources[0].listed),
    ):
        if here != there and None not in (here, there):
            differences.append(f"{what} {here!r} against {there!r}")
    if differences:
        raise SourceError(
            f"{folder} holds {'an index' if found.complete else 'an unfinished build'} of something "
            f"else ({'; '.join(differences)}): name another --out, or replace it with --overwrite"
        )


def _appended_to(found: Manifest, folder: Path) -> str:
    state = "" if found.complete else f" (the last one, {found.sources[-1].name}, is not finished)"
    return (
        f"{folder} holds {len(found.sources)} sources{state}, because it was appended to or merged since its "
        f"build: 'pytest-replication append {folder} IMAGES' adds only the images that are new, and "
        "--overwrite builds it anew from this source alone"
    )
