"""Several indexes into one, such as parts of a training set that were built on several machines."""

from __future__ import annotations

import os
from collections.abc import Sequence, Set
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pytest_replication.embedders.probe import drift_between
from pytest_replication.errors import IndexMismatch, SettingsError, SourceError
from pytest_replication.index.checks import keep_outside
from pytest_replication.index.manifest import Manifest, now
from pytest_replication.index.objects import differences as objects_apart
from pytest_replication.index.opening import open_index
from pytest_replication.index.probe import check_probe, copy_probe, read_probe
from pytest_replication.index.reader import Index
from pytest_replication.index.removed import RemovedEntry, attach_removed, removed_entries
from pytest_replication.index.selection import stored_images
from pytest_replication.index.writer import IndexWriter

_EQUAL = 1e-6
"""1 - cosine up to which two vectors are the same but for rounding, whatever embedder made them."""


@dataclass(frozen=True, slots=True)
class MergeReport:
    """What a merge did.

    Attributes:
        index: folder of the new index.
        parts: indexes that it was made of.
        listed: images that their sources listed.
        rows: images that are searched in it.
        rejected: images that could not be read.
        removed: images that were removed.
    """

    index: Path
    parts: int
    listed: int
    rows: int
    rejected: int
    removed: int


def merge_indexes(
    parts: Sequence[str | os.PathLike[str]],
    out: str | os.PathLike[str],
    *,
    overwrite: bool = False,
    embedder: str | None = None,
) -> MergeReport:
    """Copy the shards of several indexes into a new one; every file is compared with its sha256.

    Sources, unreadable images and removed images are carried along, and a file that was removed from one
    part is masked in the others, too. A merge that was interrupted
    goes on when it is given again; when it was finished, what was removed from a part since is masked.

    Args:
        parts: folders of complete indexes, made with the same embedder, decoder, views and dtype, all with
            tokens or none, all with pixels of one side or none, and all with one grid of parts or none.
        out: folder of the new index.
        overwrite: delete an index that is in the folder.
        embedder: where to load the embedder of the parts from, None for the place that they name.

    Returns:
        What was done. The index is complete and can be opened with `open_index`.

    Raises:
        SettingsError: fewer than two parts, one of them twice, or the new index among them.
        IndexMismatch: parts that were made in different ways, or whose embedder gave the probe images
            other vectors.
        IndexUnavailable: a part cannot be used.
        SourceError: the folder holds something else, or one of the parts.
    """
    folder = Path(out)
    opened = [open_index(part, embedder=embedder) for part in parts]
    _check_parts(opened, folder)
    _check_probes(opened)
    wanted = _beginning(opened)
    with IndexWriter(folder) as writer:
        if overwrite:
            writer.clear()
        found = writer.resume()
        if found is None:
            copy_probe(opened[0].path, wanted.probe, folder)
            writer.start(wanted)
        elif not _is_part_of_it(found, wanted, opened):
            raise SourceError(
                f"{folder} holds something else than these {len(parts)} indexes: name another --out, or "
                "replace "
                "it with --overwrite"
            )
        _copy(writer, opened)
        _finish(writer, opened)
    manifest = open_index(folder).manifest
    return MergeReport(
        folder, len(opened), manifest.listed, manifest.rows, manifest.rejected, manifest.opted_out
    )


def _check_parts(parts: Sequence[Index], folder: Path) -> None:
    places = [part.path.resolve() for part in parts]
    if len(set(places)) < max(2, len(places)) or folder.resolve() in places:
        raise SettingsError("merge takes two or more indexes, each once, into a folder that is none of them")
    for part in parts:
        keep_outside(part.path, folder)
    first = parts[0].manifest
    for part in parts[1:]:
        other = part.manifest
        differences = first.embedder.differences(other.embedder)
        differences += objects_apart(first.objects, other.objects)
        for what in ("decoder", "views", "dtype", "tokens", "pixels"):
            mine, theirs = getattr(first, what), getattr(other, what)
            if mine != theirs:
                differences.append(f"{what} {mine!r} against {theirs!r}")
        if differences:
            raise IndexMismatch(
                f"{parts[0].path} and {part.path} were made in different ways ({'; '.join(differences)}): "
                "their "
                "scores cannot be compared; build one of them again"
            )


def _check_probes(parts: Sequence[Index]) -> None:
    """Refuse parts whose embedder gave other vectors on one machine than on the other.

    The embedder is loaded only for vectors that differ by more than rounding: it alone knows by how much
    they may.
    """
    first, *rest = ((part, read_probe(part.path, part.manifest.probe)) for part in parts)
    for part, probe in rest:
        if not _same_images(first[1].images, probe.images):
            # Drawn by another version of the library: one embedder has to agree with both.
            check_probe(part.path, part.manifest.probe, first[0].embedder)
            continue
        drift = drift_between(first[1].embeddings, probe.embeddings)
        if not (drift <= _EQUAL or drift <= first[0].embedder.drift):  # so it is for NaN, too
            raise IndexMismatch(
                f"the embedder of {first[0].path} and {part.path} gave other vectors for the same images "
                f"(1 - cosine {drift:.2g}, at most {first[0].embedder.drift:.0e} is allowed): their scores "
                "cannot be compared; build one of them again with the runtime of the other"
            )


def _same_images(one: Sequence[NDArray[np.uint8]], other: Sequence[NDArray[np.uint8]]) -> bool:
    return len(one) == len(other) and all(map(np.array_equal, one, other))


def _beginning(parts: Sequence[Index]) -> Manifest:
    first = parts[0].manifest
    sources = tuple(source for part in parts for source in part.manifest.sources)
    return replace(
        first,
        sources=sources,
        shards=(),
        complete=False,
        removed=None,
        hidden=0,
        duplicates=None,
        calibration=None,
        canaries=None,
        created=now(),
        thumbnails=max(part.manifest.thumbnails for part in parts),
    )


def _is_part_of_it(found: Manifest, wanted: Manifest, parts: Sequence[Index]) -> bool:
    files = [shard.files for part in parts for shard in part.manifest.shards]
    same = (found.embedder, found.probe, found.sources) == (wanted.embedder, wanted.probe, wanted.sources)
    return same and [shard.files for shard in found.shards] == files[: len(found.shards)]


def _copy(writer: IndexWriter, parts: Sequence[Index]) -> None:
    from tqdm import tqdm

    done, number, sources = len(writer.manifest.shards), 0, 0
    with tqdm(total=sum(len(part.shards) for part in parts), unit="shard", disable=None) as bar:
        for part in parts:
            for shard in part.shards:
                if number >= done:
                    writer.take_shard(replace(shard.entry, source=shard.entry.source + sources), shard.folder)
                number += 1
                bar.update()
            sources += len(part.manifest.sources)


def _finish(writer: IndexWriter, parts: Sequence[Index]) -> None:
    """Take over what was removed from the parts; what was removed from the merged index stays so.

    A file that was removed from one part may stand in another: it must not come back that way.
    """
    merged = writer.manifest
    entries = removed_entries(writer.folder, merged)
    known = {(entry.row, entry.sha256) for entry in entries}
    new: list[RemovedEntry] = []
    first = 0
    for part in parts:
        moved = [entry.moved(first) for entry in removed_entries(part.path, part.manifest)]
        new += [entry for entry in moved if (entry.row, entry.sha256) not in known]
        first += part.manifest.stored
    new += _copies(writer.folder, merged, parts, {entry.row for entry in [*entries, *new]})
    if merged.complete and not new:
        return
    entries += new
    hidden = len({entry.row for entry in entries if entry.row is not None})
    removed = attach_removed(writer, entries)
    writer.commit(replace(merged, removed=removed, hidden=hidden, duplicates=None, complete=True))


def _copies(
    folder: Path, merged: Manifest, parts: Sequence[Index], masked: Set[int | None]
) -> list[RemovedEntry]:
    """Rows of files that were removed from another part; copies that the same one kept are kept here, too."""
    gone = [
        {entry.sha256: entry.removed for entry in removed_entries(part.path, part.manifest) if entry.sha256}
        for part in parts
    ]
    if not any(gone):
        return []
    homes = [number for number, part in enumerate(parts) for _ in part.manifest.sources]
    found = []
    for image in stored_images(folder, merged):
        others = (digests for number, digests in enumerate(gone) if number != homes[image.source])
        when = next((digests[image.sha256] for digests in others if image.sha256 in digests), None)
        if when is not None and image.row not in masked:
            found.append(RemovedEntry(image.row, image.sha256, when))
    return found
