"""Masks of any other images: their alpha, or label maps in files of the same name."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from pytest_replication.benchmark.synthetic.items import Item, Items, Mask
from pytest_replication.benchmark.synthetic.label_files import read_labels
from pytest_replication.benchmark.synthetic.segmented import VOID
from pytest_replication.errors import BenchmarkError
from pytest_replication.images.decode import truncation_refused
from pytest_replication.images.sources.files import folder as list_folder

OPAQUE = 128
"""Alpha from which on a pixel belongs to the object of a cut-out."""

_BESIDE = (".labels.png", ".labels.npy")


def cutouts(folder: Path) -> Items:
    """List a folder of cut-out objects: images whose alpha is the mask of one object.

    What is transparent is void, so that it is never taken for a background.
    """
    items = []
    for id_, path in list_folder(folder).listed:
        items.append(Item(id_, path.read_bytes, partial(_alpha_of, path)))
    return Items(f"cut-outs {folder}", tuple(items))


def _alpha_of(path: Path) -> Mask:
    try:
        with truncation_refused(), Image.open(io.BytesIO(path.read_bytes())) as image:
            if not image.has_transparency_data:
                raise BenchmarkError(f"{path} has no transparency: it is no cut-out object")
            alpha = np.asarray(image.convert("RGBA"))[:, :, 3]
    except OSError as error:
        raise BenchmarkError(f"{path} cannot be read: {error}") from error
    return Mask(np.where(alpha >= OPAQUE, 1, VOID).astype(np.int32), {1: "object"})


def label_maps(images: Path, labels: Path | None = None) -> Items:
    """List a folder of images, each with a label map.

    Args:
        images: the images, at any depth.
        labels: folder with ``NAME.png`` or ``NAME.npy`` for each image; None when each image has
            ``NAME.labels.png`` or ``NAME.labels.npy`` beside it.

    Raises:
        BenchmarkError: an image without a label map, or with two.
    """
    items = []
    for id_, path in list_folder(images).listed:
        if labels is None and path.name.lower().endswith(_BESIDE):
            continue
        items.append(Item(id_, path.read_bytes, _labels_of(images, Path(id_), labels)))
    return Items(f"label maps of {images}", tuple(items))


def _labels_of(images: Path, name: Path, labels: Path | None) -> Callable[[], Mask]:
    endings = _BESIDE if labels is None else (".png", ".npy")
    places = [(labels or images) / name.with_name(name.stem + ending) for ending in endings]
    found = [place for place in places if place.is_file()]
    if len(found) != 1:
        raise BenchmarkError(
            f"the image {images / name} has {len(found)} label maps; expected one, at "
            + " or ".join(map(str, places))
        )
    return lambda: Mask(read_labels(found[0]), {})
