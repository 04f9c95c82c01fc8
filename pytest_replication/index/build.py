"""A source of training images → an index that is complete, or that says how to complete it."""

from __future__ import annotations

import itertools
import os
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from pytest_replication.embedders import Embedder, load_embedder
from pytest_replication.embedders.probe import prove
from pytest_replication.errors import SettingsError, SourceError, TooManyRejected
from pytest_replication.images.decode import DECODER
from pytest_replication.images.sources import Listing, Source, open_source
from pytest_replication.images.views import WHOLE
from pytest_replication.index.manifest import DTYPES, FileEntry, Manifest
from pytest_replication.index.pipeline import Pipeline, Stopwatch
from pytest_replication.index.probe import write_probe
from pytest_replication.index.reader import open_index
from pytest_replication.index.shard import REJECTED, Rejected, read_rejected
from pytest_replication.index.writer import SHARDS, IndexWriter


@dataclass(frozen=True, slots=True)
class BuildOptions:
    """How an index is built.

    Attributes:
        embedder: name for `load_embedder`.
        preset: preprocessing preset of the embedder, None for its own.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        max_rejected: unreadable images that may be left out; every verdict will say so.
        dtype: ``float32`` or ``float16`` for the stored vectors.
        shard_rows: listed images a shard; a killed build loses at most one shard's work.
        batch_size: images a batch, None for the embedder's own.
        decoders: threads that decode, None for one a core.
        overwrite: delete an index that is in the folder.
        progress: show a progress bar when standard error is a terminal.
    """

    embedder: str = "sscd"
    preset: str | None = None
    device: str = "auto"
    max_rejected: int = 0
    dtype: str = "float32"
    shard_rows: int = 1024
    batch_size: int | None = None
    decoders: int | None = None
    overwrite: bool = False
    progress: bool = True

    def __post_init__(self) -> None:
        numbers = [n for n in (self.shard_rows, self.batch_size, self.decoders) if n is not None]
        if min(numbers) < 1 or self.max_rejected < 0:
            raise SettingsError("shard rows, batch size and decoders start at 1, max rejected at 0")
        if self.dtype not in DTYPES:
            raise SettingsError(f"dtype is float32 or float16, not {self.dtype!r}")


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
        seconds: where the time went: ``load`` (the embedder), ``network``, ``decode wait`` (the
            network waiting for images), ``write`` and ``total``.
    """

    index: Path
    source: str
    listed: int
    rows: int
    resumed: int
    rejected: list[Rejected] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)


def build_index(
    source: object, out: str | os.PathLike[str], options: BuildOptions | None = None
) -> BuildReport:
    """Build an index, or finish one whose build was interrupted.

    Args:
        source: a folder, a ``.txt`` list, a parquet file or folder, a list of paths, images in
            memory, or a `Source`.
        out: folder of the index.
        options: how; None for the defaults.

    Returns:
        What was done. The index is complete and can be opened with `open_index`.

    Raises:
        SourceError: no images, or others than those of the build that is resumed.
        TooManyRejected: more images were unreadable than `max_rejected`; the rest is kept.
        IndexCorrupt: what is left cannot be searched, such as an index without a single row.
        IndexLocked: another process is building the same index.
        EmbedderError: the embedder cannot be loaded or is not fit.
    """
    options = options or BuildOptions()
    clock = Stopwatch()
    with clock("total"):
        folder = Path(out)
        _keep_apart(source, folder)
        images = open_source(source)
        with clock("load"):
            embedder = load_embedder(options.embedder, preset=options.preset, device=options.device)
            probes = prove(embedder)
        with IndexWriter(folder) as writer:
            if options.overwrite:
                writer.clear()
            if (found := writer.resume()) is None:
                writer.start(_manifest(embedder, images, options, write_probe(folder, probes)))
            else:
                _check_same(found, embedder, images, options, folder)
            resumed = _add_shards(writer, embedder, images, options, clock)
            manifest = writer.manifest
            rejected = _rejected(folder, manifest)
            if len(rejected) > options.max_rejected:
                raise TooManyRejected(_too_many(rejected, manifest, options))
            if not manifest.complete:
                writer.finish(options.max_rejected)
        open_index(folder)  # a build that reports success leaves an index that can be used
    return BuildReport(
        folder, images.name, manifest.listed, manifest.rows, resumed, rejected, dict(clock.seconds)
    )


def _keep_apart(source: object, folder: Path) -> None:
    inside = (
        isinstance(source, (str, os.PathLike))
        and Path(source).is_dir()
        and folder.resolve().is_relative_to(Path(source).resolve())
    )
    if inside:
        raise SourceError(
            f"{folder} lies inside the training images {source}, and would be read as one of them next "
            "time: name a folder outside with --out"
        )


def _manifest(embedder: Embedder, images: Source, options: BuildOptions, probe: FileEntry) -> Manifest:
    from pytest_replication import __version__

    return Manifest(
        embedder=embedder.spec,
        decoder=DECODER,
        views=WHOLE,
        dtype=DTYPES[options.dtype],
        shard_rows=options.shard_rows,
        listed=len(images),
        source=images.name,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        writer=__version__,
        probe=probe,
    )


def _check_same(
    found: Manifest, embedder: Embedder, images: Source, options: BuildOptions, folder: Path
) -> None:
    differences = embedder.spec.differences(found.embedder)
    for what, now, then in (
        ("decoder", DECODER, found.decoder),
        ("dtype", DTYPES[options.dtype], found.dtype),
        ("shard rows", options.shard_rows, found.shard_rows),
        ("listed images", len(images), found.listed),
    ):
        if now != then:
            differences.append(f"{what} {now!r} against {then!r}")
    if differences:
        raise SourceError(
            f"{folder} holds {'an index' if found.complete else 'an unfinished build'} of something "
            f"else ({'; '.join(differences)}): name another --out, or replace it with --overwrite"
        )


def _add_shards(
    writer: IndexWriter, embedder: Embedder, images: Source, options: BuildOptions, clock: Stopwatch
) -> int:
    """Embed what is not in the index yet; returns how many listed images were."""
    from tqdm import tqdm

    done = writer.manifest.shards
    resumed = listed = 0
    rest = iter(images)  # images are listed as they are needed: a source may hold their bytes
    bar = tqdm(total=len(images), unit="img", disable=None if options.progress else True)
    with bar, Pipeline(embedder, WHOLE, clock, options.batch_size, options.decoders) as pipeline:
        for number in itertools.count():
            listing = Listing()
            refs = listing.watch(itertools.islice(rest, options.shard_rows))
            if number < len(done):
                for _ in refs:
                    bar.update()
                if listing.digest != done[number].listing:
                    raise SourceError(
                        f"{images.name} has changed since the build began (between {listing.first} and "
                        f"{listing.last}): start anew with --overwrite"
                    )
                resumed += listing.count
            else:
                embeddings, records, rejected = pipeline.embed(refs, bar.update)
                if listing.count:
                    with clock("write"):
                        writer.add_shard(embeddings, records, rejected, listing.digest)
            listed += listing.count
            if listing.count < options.shard_rows:
                break
    if listed != len(images):
        raise SourceError(
            f"{images.name} announced {len(images)} images and gave {listed}: build again when it is at rest"
        )
    return resumed


def _rejected(folder: Path, manifest: Manifest) -> list[Rejected]:
    return [
        row
        for shard in manifest.shards
        if shard.rejected
        for row in read_rejected(folder / SHARDS / shard.name / REJECTED)
    ]


def _too_many(rejected: list[Rejected], manifest: Manifest, options: BuildOptions) -> str:
    shown = "".join(f"\n  {row.uri}: {row.reason}" for row in rejected[:20])
    more = f"\n  and {len(rejected) - 20} more, in shards/*/{REJECTED}" if len(rejected) > 20 else ""
    return (
        f"{len(rejected)} of {manifest.listed} training images cannot be read, and {options.max_rejected} "
        f"may be left out: accept the gap with --max-rejected {len(rejected)} (keeps what is embedded), or "
        f"mend or remove them and build with --overwrite (embeds everything anew){shown}{more}"
    )
