"""The files of engines: how they get to their place, and whether they are what was written."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from pytest_replication.durable import meant_for, replace_file, sync_folder
from pytest_replication.errors import SearchError
from pytest_replication.index.entries import FileEntry
from pytest_replication.index.shard import describe_file
from pytest_replication.search.engines.entry import NAME, EngineEntry


def describe(folder: Path) -> dict[str, FileEntry]:
    """Make the files of a new engine durable and take their digests."""
    entries = {}
    for path in sorted(folder.iterdir()):
        with path.open("rb+") as file:
            os.fsync(file.fileno())
        entries[path.name] = describe_file(path)
    return entries


def write_entry(folder: Path, entry: EngineEntry) -> None:
    """Replace engine.json by one rename, after its bytes are on disk."""
    replace_file(folder / NAME, entry.to_json().encode())


def put_in_place(made: Path, place: Path) -> None:
    """Move a finished folder into its place. A kill in between leaves no engine, never a mixed one."""
    old = place.with_name(f".old-{place.name}")
    shutil.rmtree(old, ignore_errors=True)
    if place.exists():
        place.rename(old)
    try:
        made.rename(place)
    except OSError:
        if old.exists():
            old.rename(place)
        raise
    sync_folder(place.parent)
    shutil.rmtree(old, ignore_errors=True)


def check_files(folder: Path, files: Mapping[str, FileEntry], rebuild: str) -> None:
    """Compare the files of an engine with what was written: names, sizes, digests.

    Args:
        folder: of the engine.
        files: what engine.json says.
        rebuild: what mends it, for messages.

    Raises:
        SearchError: they differ.
    """
    try:
        there = {path.name for path in folder.iterdir() if meant_for(path.name) != NAME} - {NAME}
        if there != set(files):
            odd = min(there ^ set(files))
            raise SearchError(f"{folder} {'lacks' if odd in files else 'also holds'} {odd}: {rebuild}")
        for file, expected in files.items():
            size = (folder / file).stat().st_size
            if size != expected.bytes:
                raise SearchError(f"{folder / file} has {size} bytes, expected {expected.bytes}: {rebuild}")
            if describe_file(folder / file) != expected:
                raise SearchError(
                    f"{folder / file} has changed since it was written (its sha256 differs): {rebuild}"
                )
    except OSError as error:
        raise SearchError(f"{folder} cannot be read ({error}): {rebuild}") from error
