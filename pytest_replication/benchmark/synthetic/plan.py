"""What a synthetic set is to be, and which image plays which part in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from pytest_replication.benchmark.synthetic.items import Item, Items
from pytest_replication.benchmark.synthetic.recipe import Kind
from pytest_replication.errors import BenchmarkError

DIRECTIONS = ("gate", "paper")
"""``gate``: queries are the copies, the database the images they were made of. ``paper``: the other
way round, as in Somepalli et al."""

OTHERS = "others/"
"""What the ids of images that are no training images begin with."""


@dataclass(frozen=True, slots=True)
class SetOptions:
    """What a synthetic set is to be.

    Attributes:
        seed: the same seed and images give the same bytes.
        count: copies.
        each: copies of each source, before a source is used again.
        negatives: queries that should find nothing: images of which nothing is in the database.
        distractors: images beside the sources (``gate``) or the copies (``paper``) in the database;
            None for all that there are.
        direction: one of `DIRECTIONS`.
        longest: longest side of all pictures, in pixels.
        least: smallest share of its pixels that a copy has to show of its source: without something
            to see, a positive would be none.
        parameters: what the recipe is given, by name.

    Raises:
        BenchmarkError: a number out of its range, or another direction.
    """

    seed: int = 0
    count: int = 100
    each: int = 1
    negatives: int = 0
    distractors: int | None = None
    direction: str = "gate"
    longest: int = 512
    least: float = 0.01
    parameters: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        ranges: dict[str, tuple[float | None, float, float]] = {
            "seed": (self.seed, 0, 2**63),
            "count": (self.count, 1, 10**6),
            "each": (self.each, 1, 1000),
            "negatives": (self.negatives, 0, 10**6),
            "distractors": (self.distractors, 0, 10**9),
            "longest": (self.longest, 16, 4096),
            "least": (self.least, 0, 1),
        }
        for name, (value, low, high) in ranges.items():
            if value is not None and not low <= value <= high:
                raise BenchmarkError(f"{name} is {value}; expected {low} to {high:.0f}")
        if self.direction not in DIRECTIONS:
            raise BenchmarkError(f"the direction is {self.direction!r}; expected {' or '.join(DIRECTIONS)}")


@dataclass(frozen=True, slots=True)
class Parts:
    """Which image plays which part. No image has two.

    Attributes:
        sources: images that copies may be made of.
        hosts: images that sources are mixed with.
        negatives: images that are queries and have no relative in the database.
    """

    sources: tuple[Item, ...]
    hosts: tuple[Item, ...]
    negatives: tuple[Item, ...]


def share_out(images: Items, others: Items | None, kind: Kind, options: SetOptions) -> Parts:
    """Draw the parts.

    Hosts and negatives are taken from the others, where there are any; else from the images: first the
    negatives, then a quarter of the rest, but no more than copies, as hosts.

    Raises:
        BenchmarkError: there are too few images.
    """
    rng = np.random.default_rng([options.seed, 0])
    pool = _shuffled(images.images, rng)
    wanted = options.negatives
    if others is not None:
        # Their own names, so that an image of the same name among the training images is another.
        renamed = tuple(replace(item, id=f"{OTHERS}{item.id}") for item in others.images)
        spare = _shuffled(renamed, rng)
        hosts = spare[wanted:] if kind.hosts else ()
        negatives, sources = spare[:wanted], pool
    else:
        negatives, rest = pool[:wanted], pool[wanted:]
        number = min(options.count, max(1, len(rest) // 4)) if kind.hosts else 0
        hosts, sources = rest[:number], rest[number:]
    if len(negatives) < wanted or not sources or (kind.hosts and not hosts):
        given = f"{len(images.images)} images" + (f" and {len(others.images)} others" if others else "")
        raise BenchmarkError(
            f"{given} are too few for {wanted} negatives, a source"
            + (" and an image to mix it with" if kind.hosts else "")
            + ": give more images, or ask for fewer negatives"
        )
    return Parts(sources, hosts, negatives)


def _shuffled(items: tuple[Item, ...], rng: np.random.Generator) -> tuple[Item, ...]:
    return tuple(items[place] for place in rng.permutation(len(items)))
