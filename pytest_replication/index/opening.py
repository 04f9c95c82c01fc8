"""Open an index: whatever can be checked of it in milliseconds is checked."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from pytest_replication.errors import IndexCorrupt, IndexIncomplete, IndexMismatch
from pytest_replication.images.decode import DECODER
from pytest_replication.index.entries import FileEntry
from pytest_replication.index.layout import SHARDS
from pytest_replication.index.manifest import Manifest
from pytest_replication.index.manifest_file import read_manifest
from pytest_replication.index.probe import NAME as PROBE
from pytest_replication.index.reader import Index
from pytest_replication.index.shard import files_of
from pytest_replication.index.unfinished import describe_unfinished, remake, restore
from pytest_replication.tidy import tidied


def open_index(path: str | os.PathLike[str], *, embedder: str | None = None, device: str = "auto") -> Index:
    """Open an index for searching.

    Takes milliseconds: sizes and counts of all files are checked, vectors are neither read nor
    copied, and nothing is written.

    Args:
        path: folder of the index.
        embedder: where to load the index's embedder from, such as ``sscd:/path/weights.onnx``;
            None for the place that the manifest names. It must be the same embedder.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.

    Raises:
        IndexNotFound: there is no index.
        IndexIncomplete: its build has not finished.
        IndexCorrupt: files are missing or have another size, counts disagree, or it is empty. The files of
            its calibration and canaries are looked at when they are used.
        IndexVersionUnsupported: another format.
        IndexMismatch: its images were decoded in another way.
    """
    index = index_as_it_is(path, embedder=embedder, device=device)
    folder, manifest = index.path, index.manifest
    if not manifest.complete:
        raise IndexIncomplete(describe_unfinished(folder, manifest))
    if manifest.decoder != DECODER:
        raise IndexMismatch(
            f"the images of {folder} were decoded as {manifest.decoder!r}, this version decodes as "
            f"{DECODER!r}: install pytest-replication {manifest.writer}, or build it again with --overwrite"
        )
    check_counts(folder, manifest)
    _check_sizes(folder, manifest)
    return index


def index_as_it_is(
    path: str | os.PathLike[str], *, embedder: str | None = None, device: str = "auto"
) -> Index:
    """Open an index whose files may be missing or damaged: for `verify`, never for a search.

    Raises:
        IndexNotFound: there is no index.
        IndexCorrupt: its manifest is damaged.
        IndexVersionUnsupported: another format.
    """
    folder = Path(tidied(os.fspath(path)))
    return Index(folder, read_manifest(folder), embedder, device)


def check_counts(folder: Path, manifest: Manifest) -> None:
    """Refuse a complete index that does not account for every image that was listed, or has none.

    Raises:
        IndexCorrupt: so it is.
    """
    for number, source in enumerate(manifest.sources):
        shards = manifest.shards_of(number)
        found, rejected = sum(shard.listed for shard in shards), sum(shard.rejected for shard in shards)
        if found != source.listed or rejected > source.max_rejected:
            raise IndexCorrupt(
                f"{folder} lists {source.listed} images of {source.name} but accounts for {found}, "
                f"{rejected} of "
                f"them unreadable ({source.max_rejected} may be): build it again with --overwrite"
            )
    if manifest.rows == 0:
        raise IndexCorrupt(
            f"{folder} is empty: an index of nothing would pass any model; build it again with --overwrite"
        )


def _check_sizes(folder: Path, manifest: Manifest) -> None:
    alone = [(folder / PROBE, manifest.probe)]
    # Who reads these compares their checksums; `calibrate`, which replaces them, has to open the index.
    measured = (manifest.calibration, manifest.canaries)
    alone += [(folder / entry.name, entry.file) for entry in manifest.attachments if entry not in measured]
    _compare_sizes(alone, restore(folder, manifest))
    in_shards: list[tuple[Path, FileEntry]] = []
    for shard in manifest.shards:
        if set(shard.files) != set(files_of(manifest)):
            raise IndexCorrupt(f"{folder}: shard {shard.name} does not name its files; build it again")
        in_shards += [(folder / SHARDS / shard.name / name, entry) for name, entry in shard.files.items()]
    _compare_sizes(in_shards, remake(folder, manifest))


def _compare_sizes(expected: Iterable[tuple[Path, FileEntry]], remedy: str) -> None:
    for path, entry in expected:
        try:
            size = path.stat().st_size
        except OSError as error:
            raise IndexCorrupt(f"{path} is missing ({error.strerror}): {remedy}") from error
        if size != entry.bytes:
            raise IndexCorrupt(f"{path} has {size} bytes, expected {entry.bytes}: {remedy}")
