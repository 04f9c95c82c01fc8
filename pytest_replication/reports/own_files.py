"""Which files in the folder of a report are its own: no others are deleted, or written over."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

from pytest_replication.durable import is_link, meant_for
from pytest_replication.errors import SettingsError
from pytest_replication.reports.html import MARK
from pytest_replication.results.file import NAME
from pytest_replication.results.pictures import FOLDER, PICTURE_NAME, picture_name
from pytest_replication.results.sound import KIND

PAGE = "report.html"
SUMMARY = "summary.md"
_HEAD = 4096
_MARKS = {
    NAME: re.escape(json.dumps(KIND).encode()),
    PAGE: re.escape(MARK),
    SUMMARY: rb"\A## \S+ Replication: ",
    "junit.xml": rb'\A<\?xml [^>]*>\s*<testsuites( />|>\s*<testsuite name="[^"]*" timestamp="[^"]*" '
    rb'hostname="localhost" tests="1" )',
    "replication.sarif": rb'"name": "pytest-replication"',
    "code-quality.json": rb'\A\[(\]|\s*\{\s*"description": "[^\n]*\s*"check_name": "replication/)',
    "model-card.md": rb"\A## Replication of training images",
}
"""How the files that are made of results begin, by their names."""
OF_CI = tuple(name for name in _MARKS if name not in (NAME, PAGE, SUMMARY))
"""What CI makes of the results, into the same folder."""


def is_ours(path: Path) -> bool:
    """Whether a file begins as what a report writes under its name; an empty one is ours, save of results.

    Args:
        path: a file that is there, of the name of results, or of what is made of them.
    """
    with path.open("rb") as file:
        head = file.read(_HEAD)
    return re.search(_MARKS[path.name], head) is not None or (not head and path.name != NAME)


def require_ours(path: Path) -> None:
    """Refuse to write over what no report has written: other tools have pages of that name, too.

    Raises:
        SettingsError: so it is.
    """
    if path.exists() and not is_ours(path):
        what = "no file of results" if path.name == NAME else "of no report of this package"
        raise SettingsError(f"{path} is {what}: name another folder for the report")


def own_pictures(folder: Path) -> Iterator[Path]:
    """The pictures that reports have stored in a folder: each is named by a digest of its content.

    Args:
        folder: of the report.

    Raises:
        SettingsError: the folder of pictures is a link, and what it leads to may be somebody else's.
        OSError: a picture cannot be read.
    """
    place = folder / FOLDER
    if is_link(place):
        raise SettingsError(f"{place} is a link, and pictures in it would be deleted: name another folder")
    for path in sorted(place.iterdir()) if place.is_dir() else ():
        if path.is_file() and not is_link(path) and _is_own(path):
            yield path


def _is_own(path: Path) -> bool:
    if (name := meant_for(path.name)) is not None:
        return PICTURE_NAME.fullmatch(name) is not None  # of a process that was killed: cut off somewhere
    return PICTURE_NAME.fullmatch(path.name) is not None and picture_name(path.read_bytes()) == path.name
