"""What sets are made of or read from, as the user names it."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_replication.benchmark.real import REAL_SETS


@dataclass(frozen=True, slots=True)
class Chosen:
    """What synthetic sets are made of.

    Attributes:
        images: source of the training images.
        objects: images with masks, for the kinds that need them.
        others: source of images that are no training images.
        count: copies a set.
        negatives: queries a set that copy nothing.
        seed: of all of them.
        fill: folder of a pipeline that outpaints.
        twins: file of near duplicates among the images, a pair a line; see `read_twins`.
    """

    images: str | None = None
    objects: str | None = None
    others: str | None = None
    count: int = 100
    negatives: int = 0
    seed: int = 0
    fill: str | None = None
    twins: str | None = None


def is_published(name: str) -> bool:
    """Whether a name is that of a published set, with the folder of it."""
    title, equals, _ = name.partition("=")
    return bool(equals) and title.partition(":")[0] in REAL_SETS


def root_of(name: str) -> str:
    """Folder of a published set; empty for any other."""
    return name.partition("=")[2] if is_published(name) else ""
