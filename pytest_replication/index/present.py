"""Whether the files of an index are there, in milliseconds: sizes, not contents."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from pytest_replication.errors import IndexCorrupt
from pytest_replication.index.entries import FileEntry
from pytest_replication.index.layout import SHARDS
from pytest_replication.index.manifest import Manifest
from pytest_replication.index.probe import NAME as PROBE
from pytest_replication.index.shard import files_of
from pytest_replication.index.unfinished import remake, restore


def check_sizes(folder: Path, manifest: Manifest) -> None:
    """Refuse an index that lacks a file that its manifest names, or has one of another size.

    Raises:
        IndexCorrupt: so it is. The files of its calibration and canaries are looked at when they are used.
    """
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
