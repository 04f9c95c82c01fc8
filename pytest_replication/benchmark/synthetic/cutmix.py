"""CutMix: a box of one image in another (Yun et al., ICCV 2019; as in Somepalli et al., CVPR 2023)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pytest_replication.benchmark.synthetic.geometry import cover, paste, random_box
from pytest_replication.benchmark.synthetic.recipe import Ingredients, Kind, Mixed, Parameter

if TYPE_CHECKING:
    from PIL import Image


def cutmix(parts: Ingredients, *, beta: float = 1.0) -> list[Mixed | None]:
    """Paste a box of the source into each host, or of each host into the source.

    Which of the two, and the share that the boxes leave (Beta distributed), is drawn once for all
    copies of the source; each copy has a box of its own, at the same place in both images.
    """
    kept = float(parts.rng.beta(beta, beta))
    in_front = bool(parts.rng.random() > 0.5)
    return [mix(parts.source.image, host, kept, in_front, parts.rng) for host in parts.hosts]


def mix(
    source: Image.Image, host: Image.Image, kept: float, in_front: bool, rng: np.random.Generator
) -> Mixed:
    """Mix a source with one host.

    Args:
        source: the image that is copied.
        host: the other one.
        kept: share of the picture that an unclipped box leaves.
        in_front: whether the box shows the source; else everything but the box does.
        rng: where the place of the box comes from.
    """
    front, back = (source, host) if in_front else (host, source)
    box = random_box(back.size, kept, rng)
    left, upper, right, lower = box
    piece = cover(front, back.size).crop(box)
    mask = np.ones((lower - upper, right - left), np.bool_)
    picture, pasted = paste(back, piece, mask, (left, upper))
    share = pasted / (back.width * back.height)
    made = {"shows": "box" if in_front else "background", "lambda": kept, "box": list(box)}
    return Mixed(picture, share if in_front else 1 - share, made)


CUTMIX = Kind(cutmix, hosts=True, parameters={"beta": Parameter(1.0, 0.01, 100.0)})
