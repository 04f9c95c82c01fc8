"""A source that is cut off."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pytest_replication.images.sources import ImageRef, Source, open_source


class Interrupted(Source):
    """A source that is cut off after some images, as a kill would."""

    def __init__(self, folder: Path, after: int) -> None:
        self._source, self._after, self.name = open_source(folder), after, f"folder {folder}"

    def __len__(self) -> int:
        return len(self._source)

    def __iter__(self) -> Iterator[ImageRef]:
        for number, ref in enumerate(self._source):
            if number == self._after:
                raise KeyboardInterrupt
            yield ref
