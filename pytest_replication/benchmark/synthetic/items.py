"""Images that a synthetic set is made from, one at a time."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from PIL import Image

from pytest_replication.benchmark.synthetic.segmented import Labels, Segmented, unlabelled
from pytest_replication.errors import BenchmarkError
from pytest_replication.images.decode import UndecodableImage, decode
from pytest_replication.images.sources import Source, open_source

_ORIENTATION = 0x0112
_UPRIGHT: dict[int, Callable[[Labels], Labels]] = {
    2: lambda labels: labels[:, ::-1],
    3: lambda labels: labels[::-1, ::-1],
    4: lambda labels: labels[::-1],
    5: lambda labels: labels.T,
    6: lambda labels: np.rot90(labels, -1),
    7: lambda labels: np.rot90(labels, 2).T,
    8: lambda labels: np.rot90(labels),
}


@dataclass(frozen=True, slots=True)
class Mask:
    """Labels of an image as its file stores it, before it is turned upright.

    Attributes:
        labels: (h, w) int32.
        classes: names of the labels, where they have some.
    """

    labels: Labels
    classes: Mapping[int, str]


@dataclass(frozen=True, slots=True)
class Item:
    """One image, not read yet.

    Attributes:
        id: names it among the others.
        read: gives the encoded bytes.
        mask: gives its labels; None where nothing is known of its objects.
        size: width and height that the labels will have, where that is known before.
    """

    id: str
    read: Callable[[], bytes]
    mask: Callable[[], Mask] | None = None
    size: tuple[int, int] | None = None

    def load(self) -> Segmented:
        """Decode it, with its labels: upright, RGB.

        Raises:
            BenchmarkError: it cannot be read, or the labels are of another size.
        """
        try:
            data = self.read()
            image = decode(data)
        except (OSError, UndecodableImage) as error:
            raise BenchmarkError(
                f"the image {self.id} cannot be read ({error}): mend it or leave it out"
            ) from error
        if self.mask is None:
            return unlabelled(image)
        with Image.open(io.BytesIO(data)) as opened:
            turn, stored = _UPRIGHT.get(opened.getexif().get(_ORIENTATION, 1)), opened.size
        if self.size is not None:
            self._compare(self.size, stored)  # before memory is taken for labels of that size
        mask = self.mask()
        labels = mask.labels if turn is None else np.ascontiguousarray(turn(mask.labels))
        self._compare((labels.shape[1], labels.shape[0]), image.size)
        return Segmented(image, labels, mask.classes)

    def _compare(self, size: tuple[int, ...], of_image: tuple[int, int]) -> None:
        if size != of_image:
            raise BenchmarkError(
                f"the mask of {self.id} has {size[0]} x {size[1]} pixels, "
                f"the image {of_image[0]} x {of_image[1]}: they do not belong together"
            )


@dataclass(frozen=True, slots=True)
class Items:
    """A list of images.

    Attributes:
        name: what descriptions and messages call it.
        images: of which ids are unique.
    """

    name: str
    images: tuple[Item, ...]

    def __post_init__(self) -> None:
        if len({item.id for item in self.images}) != len(self.images):
            raise BenchmarkError(f"{self.name} names an image twice")
        if not self.images:
            raise BenchmarkError(f"{self.name} holds no images that a set could be made from")


def open_items(given: object) -> Items:
    """List the images of anything that an index can be built from, or pass `Items` on.

    Raises:
        BenchmarkError: two images have one id.
        SourceError: there are no images.
    """
    if isinstance(given, Items):
        return given
    source: Source = open_source(given)
    return Items(source.name, tuple(Item(ref.id, _reader(ref.read, ref.fault)) for ref in source))


def _reader(read: Callable[[], bytes], fault: str | None) -> Callable[[], bytes]:
    if fault is None:
        return read

    def refuse() -> bytes:
        raise OSError(fault)

    return refuse
