"""Canaries of parts: a part of a training image on another one, which a search for parts has to find.

They are planted when an index is calibrated for parts, and go the way of the samples of every check that
looks for parts: an embedder that broke, features that were lost or a number of points that nothing reaches
cannot pass for a model that copies nothing.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from pytest_replication.choices import CanaryChoice
from pytest_replication.controls.planting import shrunk
from pytest_replication.errors import ControlFailed
from pytest_replication.index.canaries import PartCanaries, PartCanary, png
from pytest_replication.index.originals import Original
from pytest_replication.index.reader import Index
from pytest_replication.index.recalibrate import calibrate_again
from pytest_replication.models.samples import Samples
from pytest_replication.search.duplicates import DUPLICATE
from pytest_replication.search.embed import embed_images
from pytest_replication.search.match import Match
from pytest_replication.search.objects import find_objects
from pytest_replication.search.objects_found import ObjectsFound
from pytest_replication.search.sightings import PartSighting, PartSightings
from pytest_replication.search.vectors import take

PLANTED = 12
"""Training images of which a part is planted, at most."""
KEPT = 8
"""Canaries of parts that an index keeps."""
ASKED = 4
"""Of them, those that go with the samples of a check: each is embedded by all its parts."""
SIDE = 0.5
"""Of a part, as a share of width and height."""


def safe(points: int) -> int:
    """Points that a canary had to have when it was planted, so that it reaches `points` on every machine."""
    return points + max(4, points // 2)


def paste(
    source: Image.Image, host: Image.Image, random: np.random.Generator, *, mirrored: bool
) -> Image.Image:
    """Put a part of an image, half its width and height, on another one of its size.

    Args:
        source: the part is of it.
        host: it is put on this one.
        random: draws both places.
        mirrored: turn the part over.
    """
    size = (max(1, round(SIDE * source.width)), max(1, round(SIDE * source.height)))
    spare = source.width - size[0], source.height - size[1]
    (left, top), place = ([int(random.integers(0, space + 1)) for space in spare] for _ in range(2))
    part = source.crop((left, top, left + size[0], top + size[1]))
    made = host.convert("RGB").resize(source.size, Image.Resampling.LANCZOS)
    made.paste(ImageOps.mirror(part) if mirrored else part, (place[0], place[1]))
    return made


def plant_parts(index: Index, images: Iterable[Original], points: int, seed: int = 0) -> PartCanaries:
    """Paste a part of each training image on the next one, and look for it as for a part of a sample.

    Args:
        index: an open index.
        images: row number and original, upright RGB, of some training images; `PLANTED` of them are taken.
        points: from which on a part counts as a copy.
        seed: of the places.

    Raises:
        ReplicationError: as `search.objects.find_objects`.
    """
    originals = [(row, shrunk(image)) for row, image in itertools.islice(images, PLANTED)]
    if len(originals) < 2:
        return PartCanaries()
    random = np.random.default_rng(seed)
    rows = [row for row, _ in originals]
    made = [
        paste(image, originals[(number + 1) % len(originals)][1], random, mirrored=bool(number % 2))
        for number, (_, image) in enumerate(originals)
    ]
    samples = Samples.of(made)
    found = find_objects(index, samples, embed_images(index, samples), progress=False)
    seen = [own_points(index, row, alike) for row, alike in zip(rows, found.of, strict=True)]
    kept = [
        PartCanary(row, had, png(image))
        for row, had, image in zip(rows, seen, made, strict=True)
        if had >= safe(points)
    ]
    return PartCanaries(tuple(kept[:KEPT]), len(made), sum(had >= points for had in seen))


def own_points(index: Index, row: int, alike: Sequence[Match]) -> int:
    """Most points of a canary with the training image that its part is of, or a duplicate; 0 if not found."""
    views = len(index.manifest.views)
    own = take(index, np.array([row * views]))[0]
    for match in alike:  # most points first
        if match.row == row or float(take(index, np.array([match.row * views]))[0] @ own) >= DUPLICATE:
            return match.points
    return 0


@dataclass(frozen=True, slots=True)
class PartGuard:
    """The canaries of parts of one check.

    Attributes:
        canaries: those that go the way of its samples.
        about: what is known of them before they are seen.
    """

    canaries: tuple[PartCanary, ...]
    about: PartSightings

    def among(
        self, index: Index, samples: Samples, vectors: NDArray[np.float32]
    ) -> tuple[Samples, NDArray[np.float32]]:
        """Put the canaries behind the samples, and their vectors: (n + canaries, views, dim)."""
        if not self.canaries:
            return samples, vectors
        pictures = [canary.picture() for canary in self.canaries]
        names = tuple(f"canary of a part {number}" for number in range(len(pictures)))
        both = Samples([*samples.images, *pictures], (*samples.names, *names), samples.source)
        return both, np.concatenate([vectors, embed_images(index, pictures)])

    def seen(self, index: Index, found: ObjectsFound, candidates: int) -> ObjectsFound:
        """Tell samples and canaries apart again.

        Args:
            index: an open index.
            found: what was found of both.
            candidates: training images of each that were looked at, at most.
        """
        if not self.canaries:
            return replace(found, canaries=self.about)
        samples = len(found.of) - len(self.canaries)
        sightings = tuple(
            PartSighting(canary.row, canary.points, own_points(index, canary.row, alike))
            for canary, alike in zip(self.canaries, found.of[samples:], strict=True)
        )
        share = samples / len(found.of)
        return replace(
            found,
            of=found.of[:samples],
            unchecked=found.unchecked[:samples],
            features=found.features[:samples],
            candidates=found.candidates - len(self.canaries) * min(candidates, index.rows),
            embedding_seconds=found.embedding_seconds * share,
            searching_seconds=found.searching_seconds * share,
            comparing_seconds=found.comparing_seconds * share,
            canaries=replace(self.about, of=sightings),
        )


def draw_parts(index: Index, points: int, choice: CanaryChoice) -> PartGuard:
    """Draw the canaries of parts of a check, of those that had enough points when they were planted.

    Args:
        index: an open index.
        points: from which on a part counts as a copy.
        choice: how many canaries the check has to find.

    Raises:
        ControlFailed: some were planted, and none of them can reach so many points.
        IndexCorrupt: their file is damaged.
    """
    if choice.count == 0:
        return PartGuard((), PartSightings(absent=f"canaries are 0 ({choice.source})"))
    found = None if index.canaries is None else index.canaries.parts
    if found is None or not found.tried:
        return PartGuard((), PartSightings())
    enough = [canary for canary in found.kept if canary.points >= safe(points)]
    if not enough:
        raise ControlFailed(
            f"parts count as copies from {points} points on, and none of the {len(found.kept)} canaries of "
            f"parts in {index.path} had the {safe(points)} that this takes when they were planted "
            f"({found.found} of {found.tried} copies were found): a check with so many points overlooks "
            "copies: ask for fewer, "
            f"plant others with {calibrate_again(index.path, index.manifest)}, or do without a control "
            "(--replication-canaries 0 in pytest, --canaries 0 in pytest-replication check)"
        )
    about = PartSightings((), len(found.kept), found.tried, found.found, "")
    return PartGuard(tuple(enough[: min(ASKED, choice.count)]), about)
