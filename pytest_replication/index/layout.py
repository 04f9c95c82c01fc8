"""What lies where in the folder of an index, and how that which no manifest names is cleared away."""

from __future__ import annotations

import shutil
from collections.abc import Set
from pathlib import Path

from pytest_replication.errors import BuildError
from pytest_replication.index.attachments import drop_attachments
from pytest_replication.index.manifest import NAME as MANIFEST
from pytest_replication.index.probe import NAME as PROBE

LOCK = ".lock"
SHARDS = "shards"
ENGINES = "engines"


def refuse_foreign(folder: Path) -> None:
    """Refuse a folder that holds other files than those of an index: it is somebody's, not ours to fill.

    Raises:
        BuildError: so it is.
    """
    if not folder.is_dir() or (folder / MANIFEST).exists():
        return
    foreign = {path.name for path in folder.iterdir()} - {LOCK, SHARDS, PROBE, ENGINES}
    foreign = {name for name in foreign if not name.startswith((f".{MANIFEST}", f".{PROBE}"))}
    if foreign:
        raise BuildError(f"{folder} holds {min(foreign)} and no index: name a new or empty folder with --out")


def clear(folder: Path) -> None:
    """Delete the index in a folder, and nothing that is not part of one."""
    if (folder / MANIFEST).exists():
        (folder / MANIFEST).unlink()  # first: what is left is no index any more
        drop_shards(folder, keep=set())
        drop_attachments(folder, None)
        shutil.rmtree(folder / ENGINES, ignore_errors=True)


def drop_shards(folder: Path, keep: Set[str]) -> None:
    """Remove shards that no manifest names, such as those of a killed writer.

    Raises:
        BuildError: one cannot be removed.
    """
    for path in (folder / SHARDS).iterdir():
        if path.is_dir() and path.name not in keep:
            _remove(path)


def drop_derived(folder: Path, keep: Set[str]) -> None:
    """Remove what engines have made of other shards than some; what one made of all shards goes too.

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
