"""What a build and an append refuse to begin with, or to end with."""

from __future__ import annotations

import os
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
    """Refuse an index inside the folder of its own training images.

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


def _places(source: object) -> list[str]:
    """What of a source may be a folder: all of its name, or what follows its kind."""
    if not isinstance(source, (str, os.PathLike)):
        return []
    name = os.fspath(source)
    return [place for place in (str(name), *str(name).split(":")[1:]) if place]
