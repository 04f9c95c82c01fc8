"""From the tokens of an image to its vector, in torch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

POOLS = ("cls", "avg", "gem", "cls+gem")
"""The class token; the mean of the others; their generalised mean; the first and the third in one."""

SCALES = (1.0, 2**-0.5, 0.5)
"""Sizes of the input that are averaged over with ``scales=3``."""

FLOOR = 1e-6
"""Least value that takes part in a generalised mean, which has no meaning below zero."""


def gem(cells: Any, power: float) -> Any:
    """Generalised mean over the cells of each image: (n, cells, width) → (n, width).

    Values below `FLOOR` count as `FLOOR`.
    """
    return cells.clamp(min=FLOOR).pow(power).mean(dim=1).pow(1 / power)


def pooled(tokens: Any, pool: str, *, class_token: bool, power: float) -> Any:
    """Pool the tokens of each image: (n, tokens, width) → (n, width), or (n, 2 * width) for ``cls+gem``.

    Args:
        tokens: tokens, the class token first if there is one.
        pool: one of `POOLS`; with ``cls`` in it there must be a class token.
        class_token: whether the first token is one.
        power: exponent of the generalised mean.
    """
    import torch

    cells = tokens[:, 1:] if class_token else tokens
    if pool == "avg":
        return cells.mean(dim=1)
    if pool == "gem":
        return gem(cells, power)
    head = tokens[:, 0]
    return head if pool == "cls" else torch.cat([head, gem(cells, power)], dim=1)


def over_scales(images: Any, describe: Callable[[Any], Any]) -> Any:
    """Mean of the vectors of images at all `SCALES`: (n, 3, height, width) → (n, dim), not normalised."""
    from torch.nn.functional import interpolate

    rows = [
        describe(
            images if s == 1 else interpolate(images, scale_factor=s, mode="bilinear", align_corners=False)
        )
        for s in SCALES
    ]
    return sum(rows) / len(rows)


def whitened(rows: Any, mean: Any, matrix: Any) -> Any:
    """Unit rows minus a mean, times a matrix: (n, dim) → (n, columns).

    A mean that has one component more than the rows was learnt with a constant one behind each of them.
    """
    import torch

    if len(mean) == rows.shape[1] + 1:
        rows = torch.cat([rows, rows.new_ones(len(rows), 1)], dim=1)
    rows = rows / (rows.norm(dim=1, keepdim=True) + FLOOR)
    return (rows - mean.to(rows.device)) @ matrix.to(rows.device)
