"""The folder that a synthetic set is written to."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from pytest_replication.benchmark.sets import DESCRIPTION, TRUTH
from pytest_replication.durable import is_link
from pytest_replication.errors import BenchmarkError

SIDES = ("queries", "database")
"""Names of the folders of pictures."""

UNFINISHED = ".unfinished"
"""Marks a folder as that of a set from before its first picture until it is complete."""


_PICTURE = re.compile(r"[0-9]{6,}\.png|\.DS_Store|Thumbs\.db|desktop\.ini")
"""What lies in them; systems add files of their own to any folder that somebody looks at."""


def keep_out(folder: Path, *given: object) -> None:
    """Refuse to make a set of images that would be deleted for it.

    Raises:
        BenchmarkError: a path that was given, or one behind a colon or in a list, lies in the folder.
    """
    for images in given:
        if isinstance(images, (list, tuple)):
            keep_out(folder, *images)
        elif isinstance(images, (str, Path)):
            for part in (str(images), *str(images).split(":")):
                if part and Path(part).resolve().is_relative_to(folder.resolve()):
                    raise BenchmarkError(
                        f"the images {images} lie in {folder}, where the set goes: give another folder"
                    )


def prepare(folder: Path, *, overwrite: bool) -> None:
    """Make an empty folder with both sides; what is left of a set is deleted, anything else is not.

    Args:
        folder: where a set goes.
        overwrite: delete a set that is complete.

    Raises:
        BenchmarkError: it holds a complete set, holds anything that no set left there, or cannot be
            written.
    """
    if (folder / DESCRIPTION).exists() and not overwrite:
        raise BenchmarkError(f"{folder} holds a set already: give another folder, or overwrite it")
    try:
        found = {path.name for path in folder.iterdir()} if folder.exists() else set()
        # Folders called queries and database may be the user's own.
        begun = found & {UNFINISHED, DESCRIPTION}
        strange = found - {*SIDES, TRUTH, DESCRIPTION, UNFINISHED} if begun else found
        strange |= {name for side in found.intersection(SIDES) for name in _strange(folder / side)}
        if strange:
            raise BenchmarkError(
                f"{folder} holds {min(strange)}, which is no part of a set: give another folder"
            )
        folder.mkdir(parents=True, exist_ok=True)
        (folder / UNFINISHED).write_bytes(b"")
        # The description goes first: without it, what is left is no set.
        for name in (DESCRIPTION, TRUTH):
            (folder / name).unlink(missing_ok=True)
        for side in SIDES:
            if side in found:
                shutil.rmtree(folder / side)
            (folder / side).mkdir()
    except OSError as error:
        raise BenchmarkError(f"{folder} cannot be used for a set: {error}") from error


def _strange(side: Path) -> list[str]:
    """What is in the folder of a side and no picture of a set, or the folder itself if it is none."""
    if is_link(side) or not side.is_dir():
        return [side.name]
    there = [path for path in side.iterdir() if not _PICTURE.fullmatch(path.name) or not path.is_file()]
    return [f"{side.name}/{path.name}" for path in there]


def finish(folder: Path) -> None:
    """Say that the set in a folder is complete.

    Raises:
        BenchmarkError: the folder cannot be written.
    """
    try:
        (folder / UNFINISHED).unlink(missing_ok=True)
    except OSError as error:
        raise BenchmarkError(f"{folder} cannot be used for a set: {error}") from error
