"""Where masks come from: one string → images with their labels."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pytest_replication.benchmark.synthetic.items import Items
from pytest_replication.errors import BenchmarkError, SettingsError


def open_masks(given: object) -> Items:
    """List images whose objects are known.

    Args:
        given: ``coco:INSTANCES.json:IMAGES`` or ``coco-objects:…`` (a label a class, or a label an
            object); ``voc:FOLDER`` or ``voc-objects:FOLDER`` (such as ``VOCdevkit/VOC2012``);
            ``cutouts:FOLDER`` of images whose alpha is the mask; ``labels:IMAGES`` or
            ``labels:IMAGES:LABELS`` with a label map beside each image; or `Items`.

    Raises:
        BenchmarkError: files that are missing or damaged, or an image without labels.
        SettingsError: another kind.
    """
    if isinstance(given, Items):
        if any(item.mask is None for item in given.images):
            raise BenchmarkError(f"{given.name} holds images without masks, which this kind of set needs")
        return given
    kind, rest = mask_source(str(given))
    return _KINDS[kind](rest)


def mask_source(given: str) -> tuple[str, str]:
    """The kind of images with masks that is written before the first colon, and where they are.

    Raises:
        SettingsError: it is written in another way.
    """
    kind, _, rest = given.partition(":")
    if kind not in _KINDS or not rest:
        raise SettingsError(
            f"{given!r} names no images with masks; expected one of {', '.join(_KINDS)}, a colon, and where "
            "they are, such as cutouts:FOLDER"
        )
    return kind, rest


def _coco(rest: str, *, objects: bool = False) -> Items:
    from pytest_replication.benchmark.synthetic.masks_coco import coco

    file, _, images = rest.partition(":")
    if not images:
        raise BenchmarkError(f"coco:{rest} names no folder of images: write coco:INSTANCES.json:IMAGES")
    return coco(Path(file), Path(images), objects=objects)


def _voc(rest: str, *, objects: bool = False) -> Items:
    from pytest_replication.benchmark.synthetic.masks_voc import voc

    return voc(Path(rest), objects=objects)


def _cutouts(rest: str) -> Items:
    from pytest_replication.benchmark.synthetic.masks_beside import cutouts

    return cutouts(Path(rest))


def _labels(rest: str) -> Items:
    from pytest_replication.benchmark.synthetic.masks_beside import label_maps

    images, _, labels = rest.partition(":")
    return label_maps(Path(images), Path(labels) if labels else None)


_KINDS: dict[str, Callable[[str], Items]] = {
    "coco": _coco,
    "coco-objects": lambda rest: _coco(rest, objects=True),
    "voc": _voc,
    "voc-objects": lambda rest: _voc(rest, objects=True),
    "cutouts": _cutouts,
    "labels": _labels,
}
