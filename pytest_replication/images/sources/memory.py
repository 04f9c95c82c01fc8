"""Images that a program holds in memory."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_replication.errors import SourceError
from pytest_replication.images.memory import UnusableImages, images_in_memory
from pytest_replication.images.sources.base import ImageRef, Source, digest
from pytest_replication.images.sources.pnm import encode_image


class MemorySource(Source):
    """Images in memory, in one of the forms of `images_in_memory`.

    They lie nowhere, so that the uri is made of their content: the same image is known again whatever
    list it stands in, and others do not take its place. The id is the number in the list.

    Raises:
        SourceError: they are in another form.
    """

    def __init__(self, given: object) -> None:
        try:
            self._images = images_in_memory(given)
        except UnusableImages as error:
            raise SourceError(f"no training images: {error}") from error
        self.name = f"{len(self._images)} images in memory"

    def __len__(self) -> int:
        return len(self._images)

    def __iter__(self) -> Iterator[ImageRef]:
        for number, image in enumerate(self._images):
            data = encode_image(image)
            content = digest(data)
            yield ImageRef(f"{number:06d}", f"memory:{content[:16]}", data, content)
