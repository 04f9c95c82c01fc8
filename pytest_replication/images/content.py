"""What an image shows, as a digest: the same pixels give the same, whatever the file."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator

from PIL import Image


def pixels_sha256(image: Image.Image) -> str:
    """sha256 of the size and the pixels of an upright RGB image: ``WxH RGB``, a line feed, rows of bytes."""
    width, height = image.size
    found = hashlib.sha256(f"{width}x{height} RGB\n".encode())
    found.update((image if image.mode == "RGB" else image.convert("RGB")).tobytes())
    return found.hexdigest()


class Digests:
    """Takes the digests of images that pass by.

    Attributes:
        taken: digests so far, in the order of the images.
    """

    def __init__(self) -> None:
        self.taken: list[str] = []

    def watch(self, images: Iterable[Image.Image]) -> Iterator[Image.Image]:
        """Pass images on and take the digest of each."""
        for image in images:
            self.taken.append(pixels_sha256(image))
            yield image
