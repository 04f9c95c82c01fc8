"""Parts: the named boxes of an image that are embedded beside the whole, so that copies of a part are found.

A copy of a part is found where some box holds most of it and little else: boxes overlap, and are of several
sizes.
"""

from __future__ import annotations

import itertools

from pytest_replication.errors import SettingsError
from pytest_replication.images.views import Box, View


def _grid(name: str, count: int, side: float) -> tuple[View, ...]:
    """Boxes of one size, their places spread evenly, row by row: count x count of them."""
    step = (1 - side) / (count - 1)
    places = [(round(place * step, 4), round(place * step + side, 4)) for place in range(count)]
    boxes = [(left, top, right, bottom) for (top, bottom), (left, right) in itertools.product(places, places)]
    return tuple(View(f"{name} {number} of {len(boxes)}", box) for number, box in enumerate(boxes, 1))


_QUARTERS = _grid("quarter", 2, 0.6)
_NINTHS = (*_QUARTERS, *_grid("ninth", 3, 0.5))

GRIDS: dict[str, tuple[View, ...]] = {
    "whole": (),
    "quarters": _QUARTERS,
    "ninths": _NINTHS,
    "sixteenths": (*_NINTHS, *_grid("sixteenth", 4, 0.35)),
}
"""Presets, each with the boxes of those before: none, 4 of side 60 %, 9 of side 50 %, 16 of side 35 %."""
USUAL = "whole"
"""The grid of an index whose builder names none: local features propose, and cost next to nothing."""
BARE = "ninths"
"""The grid of samples where the index has no local features, so that vectors alone propose."""


def grid(name: str) -> tuple[View, ...]:
    """The parts of a grid.

    Raises:
        SettingsError: there is none of that name.
    """
    if name not in GRIDS:
        raise SettingsError(
            f"{name!r} is no grid of parts: name {', '.join(GRIDS)}, or none for {USUAL} (on a command line "
            "images come before --objects)"
        )
    return GRIDS[name]


def described(part: View) -> str:
    """A part in words: its name, and where it lies."""
    return f"{part.name} ({box_in_words(part.box)})"


def box_in_words(box: Box) -> str:
    """Where a box lies: from the left and from the top, in whole percent of width and height."""
    left, top, right, bottom = (round(100 * edge) for edge in box)
    return f"{left} to {right} % of the width, {top} to {bottom} % of the height"
