"""What a build and an append refuse to begin with, or to end with."""

from __future__ import annotations

import os
import re
from pathlib import Path

from pytest_replication.errors import SettingsError, SourceError
from pytest_replication.images.sources import Source
from pytest_replication.index.ingest import Ingested, Limit


def check_limit(limit: Limit) -> None:
    """Refuse a limit of unreadable images that is neither a number nor a share.

    Raises:
        SettingsError: so it is.
    """
    if limit < 0 or (isinstance(limit, float) and not limit < 1):
        raise SettingsError(
            f"max rejected is {limit}: give a number of images from 0 on, or a share below 1 (20 % is 0.2)"
        )


def check_count(images: Source, ingested: Ingested) -> None:
    """Compare the images that a source gave with those that it announced.

    Raises:
        SourceError: it gave others.
    """
    if images.counted and ingested.listed != len(images):
        raise SourceError(
            f"{images.name} announced {len(images)} images and gave {ingested.listed}: build again "
            "when it is at rest"
        )
    if ingested.listed == 0:
        raise SourceError(f"{images.name} holds no images: an index of nothing would pass any model")


def keep_apart(source: object, folder: Path) -> None:
    """Refuse an index inside the folder of its own training images, and training images inside an index.

    Raises:
        SourceError: so it is.
    """
    places = [Path(part) for part in _places(source) if Path(part).is_dir()]
    inside = any(folder.resolve().is_relative_to(place.resolve()) for place in places)
    if inside:
        raise SourceError(
            f"{folder} lies inside the training images {source}, and would be read as one of them next "
            "time: name a folder outside with --out"
        )
    keep_outside(source, folder)


def keep_outside(source: object, folder: Path) -> None:
    """Refuse a source inside the folder of an index, which deletes what lies where it writes.

    Raises:
        SourceError: so it is.
    """
    index = folder.resolve()
    for place in {_fixed(part) for part in (*_places(source), *_folders(source))}:
        if place.exists() and place.resolve().is_relative_to(index):
            raise SourceError(
                f"{place} lies inside {folder}, where the index goes, and might be deleted for it: name a "
                "folder outside with --out"
            )


def _places(source: object) -> list[str]:
    """What of a source may be a folder: all of its name, or what follows its kind."""
    if not isinstance(source, (str, os.PathLike)):
        return []
    name = os.fspath(source)
    return [place for place in (str(name), *str(name).split(":")[1:]) if place]


def _folders(source: object) -> set[str]:
    """The folders of a list of files."""
    paths = source if isinstance(source, (list, tuple)) else ()
    return {str(Path(path).parent) for path in paths if isinstance(path, (str, os.PathLike))} - {os.curdir}


def _fixed(place: str) -> Path:
    """The part of a name before its first pattern, such as ``*`` or ``{00000..00041}``."""
    if Path(place).exists() or not (pattern := re.search(r"[*?\[{]", place)):
        return Path(place)
    before = place[: pattern.start()]
    return Path(before) if before.endswith(os.sep) else Path(before).parent
