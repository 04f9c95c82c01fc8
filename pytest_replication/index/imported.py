"""Vectors that were made elsewhere → an index that says how far its embedder is proved."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pytest_replication.embedders import Embedder, load_embedder
from pytest_replication.embedders.probe import prove
from pytest_replication.errors import SettingsError, SourceError, TooManyRejected
from pytest_replication.escape import one_line
from pytest_replication.images.decode import DECODER
from pytest_replication.images.views import WHOLE
from pytest_replication.index.checks import check_limit, keep_outside
from pytest_replication.index.entries import FileEntry, SourceEntry
from pytest_replication.index.importers import Embeddings, Proof, open_embeddings, prove_imported
from pytest_replication.index.ingest import Limit, allow
from pytest_replication.index.manifest import DTYPES, Manifest, now
from pytest_replication.index.opening import open_index
from pytest_replication.index.probe import write_probe
from pytest_replication.index.rejections import NAMED
from pytest_replication.index.writer import IndexWriter

_SHARD_ROWS = 65536


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """How embeddings are imported.

    Attributes:
        embedder: the embedder that made them, as for `load_embedder`.
        preset: its preprocessing preset, None for its own.
        device: ``auto``, ``cpu``, ``mps``, ``cuda`` or ``cuda:N``.
        images: folder of the source images, for the proof; None where the names are absolute.
        dim: length of a vector, for kinds that do not say; None for that of the embedder.
        metric: of an annoy file, ``angular`` or ``euclidean``.
        names: list of names, for kinds without names of their own.
        dtype: ``float32`` or ``float16`` for the stored vectors.
        max_rejected: images that may have got no vector when the embeddings were made, a number or a
            share below 1.
        overwrite: delete an index that is in the folder.
    """

    embedder: str
    preset: str | None = None
    device: str = "auto"
    images: Path | None = None
    dim: int | None = None
    metric: str | None = None
    names: Path | None = None
    dtype: str = "float32"
    max_rejected: Limit = 0
    overwrite: bool = False

    def __post_init__(self) -> None:
        if self.dtype not in DTYPES:
            raise SettingsError(f"dtype is float32 or float16, not {self.dtype!r}")
        check_limit(self.max_rejected)


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did.

    Attributes:
        index: folder of the index.
        source: where the vectors came from.
        listed: images that the source listed.
        rows: images in the index.
        rejected: images without a vector.
        proved: images that were embedded again and agreed; 0 when nothing vouches for the embedder.
        lowest: lowest cosine between the imported and the new vector of these, None without them.
    """

    index: Path
    source: str
    listed: int
    rows: int
    rejected: int
    proved: int
    lowest: float | None


def import_index(source: str, out: str | os.PathLike[str], options: ImportOptions) -> ImportReport:
    """Make an index of embeddings that were made elsewhere, or finish one that was interrupted.

    Some source images are embedded again and have to agree. Without images at hand the index is
    unproved: every verdict says so, and none but a failure is given unless that is allowed.

    Args:
        source: what `open_embeddings` takes, such as ``clip-retrieval:/data/emb``.
        out: folder of the index.
        options: how, and the embedder that made them.

    Returns:
        What was done. The index is complete and can be opened with `open_index`.

    Raises:
        SourceError: the embeddings are damaged, lie in the folder of the index, or are others than those of
            the import that is resumed; or a folder of images was named and too few of them can be read in it.
        TooManyRejected: more images have no vector than `max_rejected`.
        IndexMismatch: the declared embedder did not make them.
        IndexLocked: another process is writing the index.
        EmbedderError: the embedder cannot be loaded or is not fit.
    """
    folder = Path(out)
    keep_outside(source, folder)
    embedder = load_embedder(options.embedder, preset=options.preset, device=options.device)
    probes = prove(embedder)
    dim = options.dim or embedder.spec.dim
    embeddings = open_embeddings(source, dim=dim, metric=options.metric, names=options.names)
    allowed = _check_missing(embeddings, options.max_rejected)
    proof = prove_imported(embeddings, embedder, options.images)
    with IndexWriter(folder) as writer:
        if options.overwrite:
            writer.clear()
        wanted = _source(embeddings, proof, allowed)
        found = writer.resume()
        if found is None:
            writer.start(_manifest(embedder, wanted, options, write_probe(folder, probes)))
        else:
            _check_same(found, embedder, wanted, options, folder)
        _add_blocks(writer, embeddings)
        if not writer.manifest.complete:
            writer.finish(embeddings.rows + len(embeddings.missing), allowed)
    manifest = open_index(folder).manifest
    made = manifest.sources[0]
    return ImportReport(
        folder, made.name, manifest.listed, manifest.rows, manifest.rejected, made.proved, made.lowest
    )


def _check_missing(embeddings: Embeddings, limit: Limit) -> int:
    """Compare the images without a vector with the limit, and give that as a number of images."""
    missing = len(embeddings.missing)
    allowed = allow(limit, embeddings.rows + missing)
    if missing > allowed:
        shown = "".join(f"\n  {one_line(f'{row.uri}: {row.reason}')}" for row in embeddings.missing[:NAMED])
        raise TooManyRejected(
            f"{embeddings.name} has no vector for {missing} images, and {allowed} may be missing: accept the "
            f"gap with --max-rejected {missing}{shown}"
        )
    return allowed


def _source(embeddings: Embeddings, proof: Proof | None, allowed: int) -> SourceEntry:
    return SourceEntry(
        name=embeddings.name,
        listed=embeddings.rows + len(embeddings.missing),
        max_rejected=allowed,
        added=now(),
        imported=True,
        proved=proof.checked if proof else 0,
        lowest=proof.lowest if proof else None,
    )


def _manifest(embedder: Embedder, source: SourceEntry, options: ImportOptions, probe: FileEntry) -> Manifest:
    from pytest_replication import __version__

    return Manifest(
        embedder=embedder.spec,
        decoder=DECODER,
        views=WHOLE,
        dtype=DTYPES[options.dtype],
        shard_rows=_SHARD_ROWS,
        created=now(),
        writer=__version__,
        probe=probe,
        sources=(source,),
    )


def _check_same(
    found: Manifest, embedder: Embedder, wanted: SourceEntry, options: ImportOptions, folder: Path
) -> None:
    if len(found.sources) > 1:
        raise SourceError(
            f"{folder} holds {len(found.sources)} sources, because it was appended to or merged since: "
            "an import only makes a new index, so name another --out, or replace this one with --overwrite"
        )
    differences = embedder.spec.differences(found.embedder)
    there = found.sources[0]
    for what, mine, theirs in (
        ("source", wanted.name, there.name),
        ("rows", wanted.listed, there.listed),
        ("dtype", DTYPES[options.dtype], found.dtype),
        ("images embedded again", wanted.proved, there.proved),
    ):
        if mine != theirs:
            differences.append(f"{what} {mine!r} against {theirs!r}")
    if differences:
        raise SourceError(
            f"{folder} holds an index of something else ({'; '.join(differences)}): name another --out, or "
            "replace it with --overwrite"
        )


def _add_blocks(writer: IndexWriter, embeddings: Embeddings) -> None:
    from tqdm import tqdm

    done = writer.manifest.shards
    with tqdm(total=embeddings.rows, unit="row", disable=None) as bar:
        for number, block in enumerate(embeddings.blocks(_SHARD_ROWS)):
            listing = hashlib.sha256(f"{embeddings.version} {number}".encode()).hexdigest()
            if number < len(done):
                if done[number].listing != listing:
                    raise SourceError(
                        f"{embeddings.name} has changed since its import began: start anew with --overwrite"
                    )
            else:
                wide = block.vectors.astype(np.float64)
                unit = (wide / np.linalg.norm(wide, axis=1, keepdims=True)).astype(np.float32)
                missing = embeddings.missing if number == 0 else []
                writer.add_shard(unit[:, None], block.records, missing, listing)
            bar.update(len(block.records))
