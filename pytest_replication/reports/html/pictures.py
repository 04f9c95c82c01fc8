"""Pictures as text of a page, as many as there is room for, the worst first."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pytest_replication.results.sound import PICTURE

_BEGINNING = b"RIFF"
_AROUND = 3
"""Quotes and comma."""
MOST_BYTES = 4_000_000
"""Of one picture; those that reports make have 40 kB at most."""


@dataclass(slots=True)
class Embedded:
    """Pictures of a page.

    Attributes:
        pictures: as data URIs.
        places: their place in that list by their path.
        pairs: whose pictures are all there.
        left_out: whose pictures were left out, for the size of the page.
        missing: pictures that are named and not there, or no pictures.
    """

    pictures: list[str] = field(default_factory=list)
    places: dict[str, int] = field(default_factory=dict)
    pairs: int = 0
    left_out: int = 0
    missing: int = 0


def embed(rows: Iterable[Mapping[str, Any]], folder: Path, room: int) -> Embedded:
    """Take in the pictures of rows until there is no room for those of one.

    Args:
        rows: in the order of their importance, with ``pictures`` as paths from the folder.
        folder: of the file of results.
        room: bytes that the pictures may take in the page.
    """
    taken, gone, full = Embedded(), set[str](), False
    for row in rows:
        paths = [path for path in row.get("pictures") or () if path is not None]
        new = [path for path in dict.fromkeys(paths) if path not in taken.places and path not in gone]
        if not full:
            found = {path: _data_uri(folder, path) for path in new}
            gone.update(path for path, uri in found.items() if uri is None)
            new = [path for path in new if path not in gone]
            need = sum(len(found[path] or "") + _AROUND for path in new)
            full = need > room
        if full and new:
            taken.left_out += 1
            continue
        for path in new:
            taken.places[path] = len(taken.pictures)
            taken.pictures.append(found[path] or "")
            room -= len(found[path] or "") + _AROUND
        taken.pairs += bool(paths)
    taken.missing = len(gone)
    return taken


def named(path: object) -> str | None:
    """A path that names a picture of a report; None for any other, which is not opened and not linked."""
    return path if isinstance(path, str) and PICTURE.fullmatch(path) else None


def _data_uri(folder: Path, path: str) -> str | None:
    """A picture as text; None where it is not there, or is none."""
    if named(path) is None:
        return None
    try:
        file = folder / path
        if file.stat().st_size > MOST_BYTES:
            return None
        content = file.read_bytes()
    except OSError:
        return None
    if not content.startswith(_BEGINNING):
        return None
    return f"data:image/webp;base64,{base64.b64encode(content).decode()}"
