"""What lies where in the folder of an index, and how that which no manifest names is cleared away."""

from __future__ import annotations

import shutil
from collections.abc import Set
from contextlib import suppress
from pathlib import Path

from pytest_replication.durable import meant_for, sync_folder
from pytest_replication.errors import BuildError
from pytest_replication.index.attachments import drop_attachments, is_attachment
from pytest_replication.index.manifest import NAME as MANIFEST
from pytest_replication.index.probe import NAME as PROBE

LOCK = ".lock"
SHARDS = "shards"
ENGINES = "engines"
_CLEARED = f".{MANIFEST}.old"
HANDED = ".handed"
"""Among the shards: bytes of images on their way to the worker processes of one writer."""


def refuse_foreign(folder: Path) -> None:
    """Refuse a folder that holds other files than those of an index: it is somebody's, not ours to fill.

    Raises:
        BuildError: so it is.
    """
    if not folder.is_dir() or (folder / MANIFEST).exists() or (folder / _CLEARED).exists():
        return
    foreign = sorted(path.name for path in folder.iterdir() if not _is_ours(path.name))
    if foreign:
        raise BuildError(f"{folder} holds {foreign[0]} and no index: name a new or empty folder with --out")


def _is_ours(name: str) -> bool:
    """Whether a file without a manifest may be what a killed writer has left."""
    begun = (f".{MANIFEST}", f".{PROBE}")
    return name in (LOCK, SHARDS, PROBE, ENGINES) or name.startswith(begun) or is_attachment(name)


def clear(folder: Path) -> None:
    """Delete the index in a folder, or the rest of one, and nothing that is not part of one.

    The manifest gets another name first: what is left is no index any more, and whoever is killed
    meanwhile leaves word that the rest is to be deleted.

    Raises:
        BuildError: something cannot be removed.
    """
    try:
        (folder / MANIFEST).replace(folder / _CLEARED)
        sync_folder(folder)
    except FileNotFoundError:
        if not (folder / _CLEARED).exists():
            return  # no index was ever here
    except OSError as error:
        raise BuildError(f"{folder / MANIFEST} cannot be replaced ({error}): close what uses it") from error
    drop_shards(folder, keep=set())
    drop_attachments(folder, None)
    drop_derived(folder, keep=set())
    with suppress(OSError):  # not there, or with a lock that somebody may hold
        (folder / ENGINES).rmdir()


def forget_cleared(folder: Path) -> None:
    """Delete what `clear` has left of an index, once another one is in its place."""
    (folder / _CLEARED).unlink(missing_ok=True)


def remove_beginning(folder: Path) -> None:
    """Delete what an index without a shard consists of, its lock included."""
    for name in (MANIFEST, PROBE, LOCK):
        (folder / name).unlink(missing_ok=True)
    shutil.rmtree(folder / SHARDS, ignore_errors=True)


def drop_shards(folder: Path, keep: Set[str]) -> None:
    """Remove shards that no manifest names, such as those of a killed writer.

    Raises:
        BuildError: one cannot be removed.
    """
    for path in (folder / SHARDS).iterdir():
        if path.is_dir() and path.name not in keep and path.name != HANDED:
            _remove(path)


def drop_handed(folder: Path) -> None:
    """Remove what images a writer had handed to its workers: they are done, or it was killed."""
    shutil.rmtree(folder / SHARDS / HANDED, ignore_errors=True)


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
        BuildError: something cannot be removed.
    """
    engines = folder / ENGINES
    for engine in engines.iterdir() if engines.is_dir() else ():
        if engine.is_dir():
            for path in engine.iterdir():
                if path.is_file() or path.name not in keep:
                    _remove(path)
            if not any(engine.iterdir()):
                _remove(engine)


def _remove(path: Path) -> None:
    try:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    except OSError as error:
        raise BuildError(f"{path} cannot be removed ({error}): close what uses it") from error
