"""Masks of COCO: an ``instances_*.json`` beside a folder of images."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pytest_replication.benchmark.synthetic.items import Item, Items, Mask
from pytest_replication.benchmark.synthetic.rle import Mask as Shape
from pytest_replication.benchmark.synthetic.rle import add_polygon, from_runs, unpack
from pytest_replication.benchmark.synthetic.segmented import VOID
from pytest_replication.errors import BenchmarkError
from pytest_replication.images.decode import MAX_PIXELS


def coco(file: Path, images: Path, *, objects: bool = False) -> Items:
    """List the images of a COCO file that have annotations.

    Smaller objects are laid over larger ones. With ``objects``, crowds are void.

    Args:
        file: the annotations.
        images: folder of the images that it names.
        objects: a label for each object, in place of its class.

    Raises:
        BenchmarkError: the file cannot be read, or is no such file.
    """
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        names = {int(c["id"]): str(c["name"]) for c in content["categories"]}
        if min(names, default=1) < 1:
            raise ValueError(f"it has a class with the number {min(names)}, which means the background")
        of_image: dict[int, list[Mapping[str, Any]]] = defaultdict(list)
        for annotation in content["annotations"]:
            of_image[int(annotation["image_id"])].append(annotation)
        listed = [
            _item(images, entry, of_image[int(entry["id"])], names, objects)
            for entry in content["images"]
            if int(entry["id"]) in of_image
        ]
        strangers = of_image.keys() - {int(entry["id"]) for entry in content["images"]}
        if strangers:
            raise ValueError(f"it has annotations of image {min(strangers)}, which it does not list")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BenchmarkError(f"{file} cannot be read as instances of COCO ({error!r})") from error
    return Items(f"coco {file}", tuple(sorted(listed, key=lambda item: item.id)))


def _item(
    images: Path,
    entry: Mapping[str, Any],
    annotations: Sequence[Mapping[str, Any]],
    names: Mapping[int, str],
    objects: bool,
) -> Item:
    name, height, width = str(entry["file_name"]), int(entry["height"]), int(entry["width"])
    path = images / name
    if height * width > MAX_PIXELS or min(height, width) < 1:
        raise ValueError(f"{name} has {width} x {height} pixels")
    if not path.resolve().is_relative_to(images.resolve()):
        raise ValueError(f"{name} leads out of {images}")

    def mask() -> Mask:
        try:
            return paint(annotations, height, width, names, objects=objects)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise BenchmarkError(f"the masks of {name} are damaged ({error!r})") from error

    return Item(name, path.read_bytes, mask, (width, height))


def paint(
    annotations: Sequence[Mapping[str, Any]],
    height: int,
    width: int,
    names: Mapping[int, str],
    *,
    objects: bool = False,
) -> Mask:
    """Draw the annotations of one image into a label map, the largest first.

    Raises:
        ValueError: a mask that cannot be decoded.
        KeyError: a class that has no name.
    """

    def shape(annotation: Mapping[str, Any]) -> Shape:
        return shape_of(annotation["segmentation"], height, width)

    # Decoded twice, for its size and to be drawn: masks of all annotations at once may not fit in memory.
    ordered = sorted(annotations, key=lambda a: (-np.count_nonzero(shape(a)), int(a["id"])))
    labels = np.zeros((height, width), np.int32)
    classes: dict[int, str] = {}
    for number, annotation in enumerate(ordered, 1):
        category = int(annotation["category_id"])
        label = number if objects else category
        if objects and annotation.get("iscrowd"):
            labels[shape(annotation)] = VOID
            continue
        labels[shape(annotation)] = label
        classes[label] = names[category]
    return Mask(labels, classes)


def shape_of(segmentation: Any, height: int, width: int) -> Shape:
    """Decode the mask of one annotation: a list of polygons, or run lengths in either form.

    Raises:
        ValueError: it is none of them, or of another size than the image.
    """
    if isinstance(segmentation, list):
        if not segmentation:
            raise ValueError("an annotation without a polygon")
        mask = np.zeros((height, width), np.bool_)
        for points in segmentation:
            add_polygon(mask, points)
        return mask
    size, counts = segmentation["size"], segmentation["counts"]
    if list(size) != [height, width]:
        raise ValueError(f"run lengths of {size[0]} x {size[1]} pixels in an image of {height} x {width}")
    return from_runs(unpack(counts) if isinstance(counts, str) else counts, height, width)
