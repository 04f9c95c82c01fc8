"""What in the folder of an index is its own, by name and by content: nothing else is ever deleted there.

Anybody may have folders that are called shards or engines, and folders in those. What is to be deleted has
a name that writers give, holds nothing but files of such names, and no link leads to it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from pytest_replication.durable import is_link
from pytest_replication.index.manifest import FEATURES, NAMING, PARTS, PIXELS, TOKENS, VECTORS

HANDED = ".handed"
"""Among the shards: bytes of images on their way to the worker processes of one writer."""
_NUMBER = r"[0-9]{6,}"
_SHARD = re.compile(rf"(\.new-)?{_NUMBER}")
_ENGINE = re.compile(r"(\.(new|old)-)?[a-z][a-z0-9-]*")
_STORED = "|".join(re.escape(name) for name in (VECTORS, *NAMING, TOKENS, PIXELS, PARTS, FEATURES))
_BY_SYSTEMS = r"\.DS_Store|Thumbs\.db|desktop\.ini|\._.*|\.nfs[0-9a-f]+"
"""What systems put into any folder that somebody looks at, or beside any file."""
_IN_SHARD = re.compile(rf"{_STORED}|{_BY_SYSTEMS}")
_IN_HANDED = re.compile(rf"{_NUMBER}(-[a-z]+\.npy)?|{_BY_SYSTEMS}")
_IN_ENGINE = re.compile(rf"(engine|codes)\.json|\.engine\.json\..+|[\w-]+\.(npy|ann|faiss)|{_BY_SYSTEMS}")


def is_shard(path: Path) -> bool:
    """Whether a folder is named as shards are, finished or not."""
    return _SHARD.fullmatch(path.name) is not None and _is_folder(path)


def is_engine(path: Path) -> bool:
    """Whether a folder is named as engines are, finished or not."""
    return _ENGINE.fullmatch(path.name) is not None and _is_folder(path)


def is_by_system(path: Path) -> bool:
    """Whether a file is one that systems put into folders of anybody."""
    return re.fullmatch(_BY_SYSTEMS, path.name) is not None and path.is_file() and not is_link(path)


def is_of_engine(path: Path) -> bool:
    """Whether a file in the folder of an engine is named as theirs are."""
    return path.is_file() and not _is_strange(path, _IN_ENGINE)


def strange_in_shard(folder: Path) -> Path | None:
    """What is in the folder of a shard, or of images on their way, and no file of theirs; None if all is."""
    names = _IN_HANDED if folder.name == HANDED else _IN_SHARD
    return _strange_file(folder, names)


def strange_in_engine(folder: Path) -> Path | None:
    """What is in the folder of an engine and no file of one, nor a shard's folder of such; None if all is."""
    for path in _entries(folder):
        if is_shard(path):
            if (strange := _strange_file(path, _IN_ENGINE)) is not None:
                return strange
        elif _is_strange(path, _IN_ENGINE):
            return path
    return None


def strange_in_shards(shards: Path, *, begun: bool) -> Iterator[Path]:
    """What is among the shards and was put there by nobody who writes indexes.

    Args:
        shards: the folder.
        begun: look only into what would be deleted: the index has a manifest, and what is not named as a
            shard is left alone. Links are told in any case.
    """
    for path in _entries(shards):
        if is_shard(path) or (path.name == HANDED and _is_folder(path)):
            strange = strange_in_shard(path)
            if strange is not None:
                yield strange
        elif is_link(path) or not (begun or is_by_system(path)):
            yield path


def strange_in_engines(engines: Path, lock: str, *, begun: bool) -> Iterator[Path]:
    """What is among the engines and was put there by nobody who makes engines.

    Args:
        engines: the folder.
        lock: name of the file that locks it.
        begun: as for shards.
    """
    for path in _entries(engines):
        if is_engine(path):
            strange = strange_in_engine(path)
            if strange is not None:
                yield strange
        elif is_link(path) or not (begun or path.name == lock or is_by_system(path)):
            yield path


def _strange_file(folder: Path, names: re.Pattern[str]) -> Path | None:
    """The first of a folder that is no plain file of such a name; the others are not looked at one by one."""
    if not _is_folder(folder):
        return None
    try:
        with os.scandir(folder) as entries:
            odd = [
                Path(entry)
                for entry in entries
                if not (names.fullmatch(entry.name) and entry.is_file(follow_symlinks=False))
            ]
    except FileNotFoundError:  # it went meanwhile
        return None
    return next((path for path in sorted(odd) if _is_strange(path, names)), None)


def _is_strange(path: Path, names: re.Pattern[str]) -> bool:
    if names.fullmatch(path.name) is None or is_link(path):
        return True
    return path.exists() and not path.is_file()  # it may go meanwhile: another writer is at work


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not is_link(path)


def _entries(folder: Path) -> list[Path]:
    """What is in a folder, in order of names; nothing where there is no folder."""
    try:
        return sorted(folder.iterdir()) if _is_folder(folder) else []
    except FileNotFoundError:  # it went meanwhile
        return []
