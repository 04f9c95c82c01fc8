"""What lies where in the folder of an index, and how that which no manifest names is cleared away."""

from __future__ import annotations

import shutil
from collections.abc import Set
from contextlib import suppress
from pathlib import Path

from pytest_replication.durable import is_link, meant_for, sync_folder
from pytest_replication.errors import BuildError
from pytest_replication.index import own
from pytest_replication.index.attachments import drop_attachments
from pytest_replication.index.manifest import NAME as MANIFEST
from pytest_replication.index.own import HANDED
from pytest_replication.index.probe import NAME as PROBE

LOCK = ".lock"
SHARDS = "shards"
ENGINES = "engines"
CLEARED = f".{MANIFEST}.old"
"""The manifest of an index that is being deleted."""


def clear(folder: Path) -> None:
    """Delete the index in a folder, or the rest of one, and nothing that is not part of one.

    The manifest gets another name first: what is left is no index any more, and whoever is killed
    meanwhile leaves word that the rest is to be deleted.

    Raises:
        BuildError: something cannot be removed, or is not the index's own.
    """
    try:
        (folder / MANIFEST).replace(folder / CLEARED)
        sync_folder(folder)
    except FileNotFoundError:
        if not (folder / CLEARED).exists():
            if not any(
                place.is_dir() and any(place.iterdir()) for place in (folder / SHARDS, folder / ENGINES)
            ):
                return  # no index was ever here
            (folder / CLEARED).touch()  # shards that have lost their manifest
    except OSError as error:
        raise BuildError(f"{folder / MANIFEST} cannot be replaced ({error}): close what uses it") from error
    drop_shards(folder, keep=set())
    drop_attachments(folder, None)
    drop_derived(folder, keep=set())
    with suppress(OSError):  # not there, or with a lock that somebody may hold
        (folder / ENGINES).rmdir()


def forget_cleared(folder: Path) -> None:
    """Delete what `clear` has left of an index, once another one is in its place."""
    (folder / CLEARED).unlink(missing_ok=True)


def remove_beginning(folder: Path) -> None:
    """Delete what an index without a shard consists of, its lock included."""
    for name in (MANIFEST, CLEARED, PROBE, LOCK):
        (folder / name).unlink(missing_ok=True)
    with suppress(OSError, BuildError):  # somebody else has put something there
        drop_handed(folder)
        drop_shards(folder, keep=set())
        (folder / SHARDS).rmdir()


def drop_shards(folder: Path, keep: Set[str]) -> None:
    """Remove shards that no manifest names, such as those of a killed writer.

    Raises:
        BuildError: one cannot be removed, or holds other things than a shard.
    """
    for path in (folder / SHARDS).iterdir():
        if own.is_shard(path) and path.name not in keep:
            drop_shard(path)


def drop_shard(path: Path) -> None:
    """Remove the folder of a shard, if it is there.

    Raises:
        BuildError: it cannot be removed, or holds other things than a shard.
    """
    _remove(path, own.strange_in_shard(path))


def drop_handed(folder: Path) -> None:
    """Remove what images a writer had handed to its workers: they are done, or it was killed."""
    handed = folder / SHARDS / HANDED
    if own.strange_in_shard(handed) is None:
        shutil.rmtree(handed, ignore_errors=True)


def drop_unfinished(folder: Path) -> None:
    """Remove manifests and probe images that a killed writer had not put in their place.

    Only for who holds the lock: another writer's would be gone under its hands.
    """
    for path in folder.iterdir():
        if meant_for(path.name) in (MANIFEST, PROBE):
            path.unlink(missing_ok=True)


def drop_derived(folder: Path, keep: Set[str]) -> None:
    """Remove what engines have made of other shards than some; what one made of all shards goes too.

    The lock of the engines has to be held until no manifest names those shards any more.

    Raises:
        BuildError: something cannot be removed, or is in a folder of an engine and no part of one.
    """
    engines = folder / ENGINES
    for engine in engines.iterdir() if engines.is_dir() else ():
        if own.is_engine(engine):
            _require_own(engine, own.strange_in_engine(engine))
            for path in engine.iterdir():
                if own.is_of_engine(path) or path.name not in keep:
                    _remove(path)
            if not any(engine.iterdir()):
                _remove(engine)


def drop_engine(path: Path) -> None:
    """Remove the folder of an engine, or a part of one, if it is there.

    Raises:
        BuildError: it cannot be removed, or holds other things than an engine.
    """
    _remove(path, own.strange_in_engine(path))


def _require_own(path: Path, strange: Path | None) -> None:
    if strange is not None or is_link(path):
        raise BuildError(
            f"{strange or path} is no part of an index, and {path} is to be deleted: move it out of there"
        )


def _remove(path: Path, strange: Path | None = None) -> None:
    _require_own(path, strange)
    try:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    except OSError as error:
        raise BuildError(f"{path} cannot be removed ({error}): close what uses it") from error
