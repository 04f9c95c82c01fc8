"""Whether a folder is one that an index may be written to: an index, what is left of one, or nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from pytest_replication.durable import is_link, meant_for
from pytest_replication.errors import BuildError
from pytest_replication.index.attachments import is_attachment
from pytest_replication.index.layout import CLEARED, ENGINES, LOCK, SHARDS
from pytest_replication.index.manifest import NAME as MANIFEST
from pytest_replication.index.own import is_by_system, strange_in_engines, strange_in_shards
from pytest_replication.index.probe import NAME as PROBE

_KEYS = frozenset({"format", "embedder", "shards"})
"""Keys of every manifest: other programs have files of that name, too."""


def refuse_foreign(folder: Path) -> None:
    """Refuse a folder that holds other files than those of an index: it is somebody's, not ours to fill.

    In an index, files beside its own are left alone. What is behind a link, and what lies in a folder that is
    named as one of the index, is somebody's there, too: writers delete such folders.

    Raises:
        BuildError: so it is.
    """
    if not folder.is_dir():
        return
    begun = _is_begun(folder)
    if (strange := next(_strange(folder, begun), None)) is None:
        return
    if begun or is_link(strange):
        raise BuildError(_told(strange, folder))
    raise BuildError(
        f"{folder} holds {strange.relative_to(folder)} and no index: name a new or empty folder with --out"
    )


def _told(strange: Path, folder: Path) -> str:
    """Why an index cannot be changed."""
    if is_link(strange):
        return (
            f"{strange} is a link, and what it leads to may be somebody else's: an index that is changed has "
            "to hold its files itself; put a copy in the place of the link"
        )
    return (
        f"{strange} is no part of an index, and lies in a folder that {folder} deletes when it changes: "
        "move it out of there"
    )


def refuse_foreign_engines(folder: Path) -> None:
    """Refuse engines of an index that are behind a link, or in whose folders something else lies.

    Raises:
        BuildError: so it is.
    """
    engines = folder / ENGINES
    links = (path for path in (engines, engines / LOCK) if is_link(path))
    strange = next(links, None) or next(strange_in_engines(engines, LOCK, begun=True), None)
    if strange is not None:
        raise BuildError(_told(strange, folder))


def is_left_behind(folder: Path) -> bool:
    """Whether shards lie in a folder without a manifest, and without word that they are to be deleted."""
    shards = folder / SHARDS
    lost = not ((folder / MANIFEST).exists() or (folder / CLEARED).exists())
    return lost and shards.is_dir() and any(path.is_dir() for path in shards.glob("[0-9]*"))


def _is_begun(folder: Path) -> bool:
    """Whether a manifest of an index is there, or word of a writer that deletes one."""
    if (folder / CLEARED).is_file():
        return True
    try:
        body = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(body, dict) and body.keys() >= _KEYS


def _strange(folder: Path, begun: bool) -> Iterator[Path]:
    there = sorted(folder.iterdir())
    beginning = any(path.name == SHARDS for path in there)  # writers make that first
    for path in there:
        own = _is_own(path, begun, beginning)
        if (is_link(path) and _is_own(path, True, True)) or not (own or begun):
            yield path
    yield from strange_in_shards(folder / SHARDS, begun=begun)
    yield from strange_in_engines(folder / ENGINES, LOCK, begun=begun)


def _is_own(path: Path, begun: bool, beginning: bool) -> bool:
    """Whether a file may be what a writer has left, with or without a manifest.

    Args:
        path: of it.
        begun: there is a manifest of an index.
        beginning: there are shards.
    """
    name = path.name
    if name == LOCK or is_by_system(path):
        return True
    if name == MANIFEST:
        return begun or (beginning and not _is_json(path))  # a manifest that was cut off
    named = name in (SHARDS, ENGINES, PROBE, CLEARED) or is_attachment(name)
    return beginning and (named or meant_for(name) in (MANIFEST, PROBE))


def _is_json(path: Path) -> bool:
    try:
        json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    return True
