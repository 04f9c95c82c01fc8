"""Segmix: an object of one image, or its background, in another (Somepalli et al., CVPR 2023)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from pytest_replication.benchmark.synthetic.augment import augment
from pytest_replication.benchmark.synthetic.geometry import paste
from pytest_replication.benchmark.synthetic.recipe import Ingredients, Kind, Mixed, Parameter
from pytest_replication.benchmark.synthetic.segmented import BACKGROUND, Segmented

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Augmentation:
    """How far the source is changed before it is pasted.

    Attributes:
        resized: smallest and largest factor by which an object is resized.
        turned: by how many degrees it is turned at most, to either side.
        solarised_from: threshold of the solarisation, in [0, 1].
        autocontrast: probability of the autocontrast.
        objects_only: whether backgrounds are never pasted.
    """

    resized: tuple[float, float] = (0.75, 1.0)
    turned: float = 10.0
    solarised_from: float = 0.9
    autocontrast: float = 0.3
    objects_only: bool = False


HARD = Augmentation()
RESIZED = Augmentation(resized=(0.5, 1.0), solarised_from=0.8, autocontrast=0.5, objects_only=True)


def segmix(parts: Ingredients, *, cutoff: float = 0.0) -> list[Mixed | None]:
    """Copy all pixels of one class of the source to the same place of each host.

    Args:
        parts: what the copies are made of.
        cutoff: share of the pixels that a class has to exceed; the background is a class.
    """
    return [_in_place(parts.source.covering(host.size), host, parts.rng, cutoff) for host in parts.hosts]


def segmix_hard(parts: Ingredients, *, cutoff: float = 0.0) -> list[Mixed | None]:
    """Augment the source, then paste one of its objects anywhere, or its background in place."""
    return [augmented_mix(parts.source, host, parts.rng, HARD, cutoff) for host in parts.hosts]


def segmix_resized(parts: Ingredients, *, cutoff: float = 0.0) -> list[Mixed | None]:
    """The same with objects only, which may be shrunk to the half."""
    return [augmented_mix(parts.source, host, parts.rng, RESIZED, cutoff) for host in parts.hosts]


def choose(source: Segmented, rng: np.random.Generator, cutoff: float, objects_only: bool) -> int | None:
    """Draw one of the labels that exceed a share of the pixels; None where there is none."""
    labels = [
        label
        for label, share in source.shares().items()
        if share > cutoff and not (objects_only and label == BACKGROUND)
    ]
    return labels[int(rng.integers(len(labels)))] if labels else None


def augmented_mix(
    source: Segmented,
    host: Image.Image,
    rng: np.random.Generator,
    how: Augmentation = HARD,
    cutoff: float = 0.0,
) -> Mixed | None:
    """Mix an augmented source with one host.

    Returns:
        None where no class passes the cutoff, or nothing of the object is left in the picture.
    """
    source = source.covering(host.size)
    label = choose(source, rng, cutoff, how.objects_only)
    if label is None:
        return None
    image, done = augment(source.image, rng, solarised_from=how.solarised_from, autocontrast=how.autocontrast)
    mask = source.labels == label
    made: dict[str, Any] = {"class": source.name(label), "augmented": done}
    image, mask, made["flips"] = _flipped(image, mask, rng)
    place = (0, 0)
    if label != BACKGROUND:
        moved = _moved(image, mask, rng, how)
        if moved is None:
            return None
        image, mask, scale, angle = moved
        place = (int(rng.integers(host.width)), int(rng.integers(host.height)))
        made |= {"scale": scale, "degrees": angle, "at": list(place)}
    return _pasted(host, image, mask, place, made)


def _in_place(source: Segmented, host: Image.Image, rng: np.random.Generator, cutoff: float) -> Mixed | None:
    label = choose(source, rng, cutoff, objects_only=False)
    if label is None:
        return None
    return _pasted(host, source.image, source.labels == label, (0, 0), {"class": source.name(label)})


def _pasted(
    host: Image.Image, image: Image.Image, mask: Mask, place: tuple[int, int], made: dict[str, Any]
) -> Mixed | None:
    picture, count = paste(host, image, mask, place)
    if count == 0:
        return None
    made["shown"] = count / int(mask.sum())  # the rest was clipped at the edges
    return Mixed(picture, count / (host.width * host.height), made)


def _flipped(image: Image.Image, mask: Mask, rng: np.random.Generator) -> tuple[Image.Image, Mask, list[str]]:
    done = []
    if rng.random() < 0.5:
        image, mask = ImageOps.mirror(image), mask[:, ::-1]
        done.append("mirror")
    if rng.random() < 0.2:
        image, mask = ImageOps.flip(image), mask[::-1]
        done.append("flip")
    return image, mask, done


def _moved(
    image: Image.Image, mask: Mask, rng: np.random.Generator, how: Augmentation
) -> tuple[Image.Image, Mask, float, float] | None:
    """Resize, turn, and cut to the object; None when it has vanished."""
    scale, angle = float(rng.uniform(*how.resized)), float(rng.uniform(-how.turned, how.turned))
    size = [max(1, round(side * scale)) for side in image.size]
    shape = Image.fromarray(mask.astype(np.uint8) * 255).resize(size, Image.Resampling.NEAREST)
    shape = shape.rotate(angle, Image.Resampling.NEAREST, expand=True)
    image = image.resize(size, Image.Resampling.BILINEAR)
    image = image.rotate(angle, Image.Resampling.BILINEAR, expand=True)
    box = shape.getbbox()
    if box is None:
        return None
    return image.crop(box), np.asarray(shape.crop(box)) > 0, scale, angle


_CUTOFF = {"cutoff": Parameter(0.0, 0.0, 1.0)}
SEGMIX = Kind(segmix, hosts=True, masks=True, parameters=_CUTOFF)
SEGMIX_HARD = Kind(segmix_hard, hosts=True, masks=True, parameters=_CUTOFF)
SEGMIX_RESIZED = Kind(segmix_resized, hosts=True, masks=True, parameters=_CUTOFF)
