"""Pictures beside the file of results: small, plain, each content once."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import re
from pathlib import Path

from PIL import Image

from pytest_replication.durable import is_link, replace_file

FOLDER = "pictures"
PICTURE_NAME = re.compile(r"[0-9a-f]{40}\.webp")
LONGEST = 384
"""Longest side of a picture."""
_SMALLER = ((1_000_000, LONGEST), (100_000, LONGEST // 2))
_SMALLEST = LONGEST // 4
SHARE = 0.3
"""Of the budget of a report that its pictures may take: a page of HTML holds them a second time, as text."""
_LOSSLESS = 64
"""Longest side up to which a picture is kept exactly: small images are looked at pixel by pixel."""
_QUALITY = 80
_COUNT_AGAIN = 0.02
"""Share of the room that a process fills before it counts again what all have stored."""


class Pictures:
    """The pictures of a report, as one process adds to them.

    Several processes may write into one folder: a picture is named by its content, and appears whole.

    Args:
        folder: of the report.
        room: bytes that all pictures together may take.

    Attributes:
        left_out: pictures for which there was no room.
    """

    def __init__(self, folder: Path, room: int) -> None:
        self._folder = folder / FOLDER
        self._room, self._longest = room, longest_side(room)
        if is_link(self._folder):
            raise NotADirectoryError(f"{self._folder} is a link, and pictures would be written elsewhere")
        self._folder.mkdir(parents=True, exist_ok=True)
        self._used = self._stored()
        self._since = 0
        self.left_out = 0

    @property
    def full(self) -> bool:
        """Whether a picture found no room."""
        return self.left_out > 0

    def add(self, image: Image.Image) -> str | None:
        """Store a picture.

        Args:
            image: RGB, of any size.

        Returns:
            Its path from the folder of the report; None where there is no room for it.

        Raises:
            OSError: it cannot be written.
        """
        content = encoded(image, self._longest)
        name = picture_name(content)
        path = self._folder / name
        if not (path.is_file() and path.stat().st_size == len(content)):
            if self._since > self._room * _COUNT_AGAIN:  # others may have stored as much meanwhile
                self._used, self._since = self._stored(), 0
            if self._used + len(content) > self._room:
                self.left_out += 1
                return None
            self._used += len(content)
            self._since += len(content)
            replace_file(path, content, sync=False)
        return f"{FOLDER}/{name}"

    def _stored(self) -> int:
        """Bytes of all pictures in the folder; those that another process is writing are not there yet."""
        found = 0
        for entry in os.scandir(self._folder):
            if not entry.name.startswith("."):
                with contextlib.suppress(FileNotFoundError):
                    found += entry.stat().st_size
        return found


def picture_name(content: bytes) -> str:
    """By what a picture is known: 40 digits of the sha256 of its file."""
    return f"{hashlib.sha256(content).hexdigest()[:40]}.webp"


def longest_side(room: int) -> int:
    """Longest side of pictures that may take so many bytes together: the less room, the smaller."""
    return next((side for least, side in _SMALLER if room >= least), _SMALLEST)


def encoded(image: Image.Image, longest: int = LONGEST) -> bytes:
    """A picture as WebP, no side longer than that."""
    small = image.convert("RGB")
    small.thumbnail((longest, longest), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    small.save(buffer, "WEBP", quality=_QUALITY, method=2, lossless=max(small.size) <= _LOSSLESS)
    return buffer.getvalue()
