"""Open an index: whatever can be checked of it in milliseconds is checked."""

from __future__ import annotations

import os
from pathlib import Path

from pytest_replication.errors import IndexCorrupt, IndexIncomplete, IndexMismatch
from pytest_replication.images.decode import DECODER
from pytest_replication.index.manifest import Manifest
from pytest_replication.index.manifest_file import read_manifest
from pytest_replication.index.present import check_sizes
from pytest_replication.index.reader import Index
from pytest_replication.index.unfinished import describe_unfinished
from pytest_replication.tidy import tidied


def open_index(path: str | os.PathLike[str], *, embedder: str | None = None, device: str = "auto") -> Index:
    """Open an index for searching.

    Takes milliseconds: sizes and counts of all files are checked, vectors are neither read nor
    copied, and nothing is written.

    Args:
        path: folder of the index.
        embedder: where to load the index's embedder from, such as ``sscd:/path/weights.onnx``;
            None for the place that the manifest names. It must be the same embedder.
        device: ``auto``, ``cpu``, ``mps``, ``cuda`` or ``cuda:N``.

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
    check_sizes(folder, manifest)
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
