"""Masks of Pascal VOC: palette images beside the photographs."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pytest_replication.benchmark.synthetic.items import Item, Items, Mask
from pytest_replication.benchmark.synthetic.label_files import read_labels
from pytest_replication.benchmark.synthetic.segmented import BACKGROUND, VOID
from pytest_replication.errors import BenchmarkError

CLASSES = dict(
    enumerate(
        (
            *("aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow"),
            *("diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa"),
            *("train", "tvmonitor"),
        ),
        1,
    )
)
"""Names of the classes of Pascal VOC, by label."""


def voc(folder: Path, *, objects: bool = False) -> Items:
    """List the segmented images of a folder with JPEGImages, SegmentationClass and SegmentationObject.

    Args:
        folder: such as ``VOCdevkit/VOC2012``.
        objects: a label for each object, in place of its class.

    Raises:
        BenchmarkError: a folder or an image is missing.
    """
    classes, single = folder / "SegmentationClass", folder / "SegmentationObject"
    for wanted in (folder / "JPEGImages", classes, *([single] if objects else [])):
        if not wanted.is_dir():
            raise BenchmarkError(f"{wanted} is missing: {folder} is no folder of Pascal VOC")
    items = []
    for path in sorted((single if objects else classes).glob("*.png")):
        image = folder / "JPEGImages" / f"{path.stem}.jpg"
        if not image.is_file():
            raise BenchmarkError(f"{path} is the mask of {image}, which is missing")
        items.append(Item(path.stem, image.read_bytes, _MaskReader(path, classes / path.name, objects)))
    return Items(f"voc {folder}", tuple(items))


class _MaskReader:
    """Read the mask of one image when it is wanted."""

    def __init__(self, path: Path, classes: Path, objects: bool) -> None:
        self.path, self.classes, self.objects = path, classes, objects

    def __call__(self) -> Mask:
        labels = read_labels(self.path)
        if not self.objects:
            return Mask(labels, CLASSES)
        return Mask(labels, self._classes_of(labels))

    def _classes_of(self, labels: np.ndarray) -> dict[int, str]:
        """The class of an object is the one of most of its pixels."""
        of_class = read_labels(self.classes)
        if of_class.shape != labels.shape:
            raise BenchmarkError(f"{self.classes} and {self.path} are of different sizes")
        names = {}
        for label in np.unique(labels[(labels != BACKGROUND) & (labels != VOID)]):
            found, counts = np.unique(of_class[labels == label], return_counts=True)
            names[int(label)] = CLASSES.get(int(found[counts.argmax()]), "unknown")
        return names
