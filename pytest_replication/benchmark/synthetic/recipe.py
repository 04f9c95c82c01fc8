"""What a recipe gets and what it gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pytest_replication.benchmark.synthetic.segmented import Segmented


class Filler(Protocol):
    """Fills what is missing of an image."""

    @property
    def about(self) -> Mapping[str, Any]:
        """What it is, for the description of a set."""

    def __call__(self, image: Image.Image, missing: NDArray[np.bool_], seed: int) -> Image.Image | None:
        """Fill the pixels of a mask (h, w), without a look at what they were; the others stay as they are.

        Returns:
            The filled image of the same size, or None when the filler refuses this one.
        """


@dataclass(frozen=True, slots=True)
class Ingredients:
    """What the copies of one source are made of.

    Attributes:
        source: the image that is copied, with its labels; kinds without masks look at the image only.
        hosts: images that parts of it are pasted into, or that are pasted into it; one a copy, none
            for kinds without hosts.
        copies: how many copies are wanted.
        first: how many were tried within the set before the first of them.
        rng: where all chance comes from.
        fill: for outpainting.
    """

    source: Segmented
    hosts: tuple[Image.Image, ...]
    copies: int
    first: int
    rng: np.random.Generator
    fill: Filler | None = None


@dataclass(frozen=True, slots=True)
class Mixed:
    """One copy.

    Attributes:
        image: the picture.
        area: share of its pixels that come from the source, between 0 and 1.
        made: what was drawn, as plain data.
    """

    image: Image.Image
    area: float
    made: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Parameter:
    """A number that a recipe can be given.

    Attributes:
        default: its value where none is given.
        low: the smallest that is allowed.
        high: the largest that is allowed.
    """

    default: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of synthetic set.

    Attributes:
        recipe: makes the copies of one source; None in the place of one that came to nothing.
        hosts: whether it mixes sources with other images.
        masks: whether it needs to know the objects of its sources.
        fill: whether it fills what is missing.
        parameters: what the recipe can be given, by name.
    """

    recipe: Callable[..., list[Mixed | None]]
    hosts: bool = False
    masks: bool = False
    fill: bool = False
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
