"""Canaries in a gate: drawn, put among the samples, and told apart from them before anything is judged."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pytest_replication.choices import CanaryChoice
from pytest_replication.controls.planting import allowance, margin, own_rows
from pytest_replication.errors import ControlFailed
from pytest_replication.index.canaries import Canaries, Canary
from pytest_replication.index.reader import Index
from pytest_replication.index.recalibrate import calibrate_again
from pytest_replication.index.shard import Record
from pytest_replication.score_text import score_text
from pytest_replication.search.match import Match
from pytest_replication.search.neighbours import Neighbours
from pytest_replication.search.sightings import Sighting, Sightings

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Guard:
    """The canaries of one gate.

    Attributes:
        canaries: those that go the way of its samples.
        about: what is known of them before they are seen.
    """

    canaries: tuple[Canary, ...]
    about: Sightings

    def among(self, images: Iterable[Image.Image], count: int) -> Iterator[Image.Image]:
        """Put the canaries among so many images, evenly, so that every batch is controlled."""
        stream, pictures = iter(images), (canary.picture() for canary in self.canaries)
        for planted in self.mask(count):
            yield next(pictures) if planted else next(stream)
        yield from stream  # more samples than were told are samples too, and are refused later

    def mask(self, count: int) -> Mask:
        """(count + canaries,) bool: where the canaries are among so many samples."""
        canaries = len(self.canaries)
        mask = np.zeros(count + canaries, bool)
        mask[[number * len(mask) // canaries for number in range(canaries)]] = True
        return mask

    def seen(self, index: Index, found: Neighbours) -> Sightings:
        """Look whether the neighbours of each canary hold its training image or a duplicate of it."""
        if not self.canaries:
            return self.about
        own = own_rows(index, found, np.array([canary.row for canary in self.canaries], np.int64))
        records = index.records([int(row) for row in np.unique(found.rows[own])])
        views = [view.name for view in index.manifest.views]
        sightings = []
        for number, canary in enumerate(self.canaries):
            match = None
            if own[number].any():
                rank = int(np.argmax(own[number]))  # the best: neighbours are in order
                row = int(found.rows[number, rank])
                match = Match(
                    sample=number,
                    score=float(found.scores[number, rank]),
                    row=row,
                    record=replace(records[row], thumbnail=None),
                    view=views[found.views[number, rank]],
                    sample_view=views[found.sample_views[number, rank]],
                )
            sightings.append(Sighting(canary.row, canary.edit, canary.score, match))
        return replace(self.about, of=tuple(sightings))


def draw(index: Index, threshold: float | Callable[[Record], float], choice: CanaryChoice) -> Guard:
    """Draw the canaries of a gate, of those that scored enough for its threshold when they were planted.

    Args:
        index: an open index.
        threshold: score from which on a sample is replicated, or what tells it of its nearest training image.
        choice: how many, and whether the user asked for them.

    Raises:
        ControlFailed: canaries are wanted, and the index changed since they were planted, or none or too
            few of them reach the threshold.
        IndexCorrupt: their file is damaged.
    """
    if choice.count == 0:
        entry = index.manifest.canaries
        absent = f"canaries are 0 ({choice.source})"
        return Guard((), Sightings(stored=entry.rows if entry else None, absent=absent))
    found = index.canaries
    if found is None:
        if choice.asked_for:
            raise ControlFailed(
                f"{choice.count} canaries are wanted ({choice.source}) but none were planted in "
                f"{index.path}: {calibrate_again(index.path, index.manifest)} plants some"
            )
        return Guard((), Sightings())
    lines = _lines(index, found, threshold)
    pairs = zip(found.kept, lines, strict=True)
    enough = [canary for canary, line in pairs if canary.score >= line + margin(index, line)]
    # By default there may be fewer, but never none.
    wanted = choice.count if choice.asked_for else min(choice.count, max(1, len(found.kept)))
    if len(enough) < wanted:
        raise ControlFailed(_too_few(index, found, len(enough), wanted, choice, lines))
    about = Sightings(
        stored=len(found.kept),
        reachable=len(enough),
        tried=found.tried,
        found=found.found,
        allowance=allowance(index),
        absent="",
    )
    return Guard(tuple(enough[:wanted]), about)  # stored edit by edit, so that the first have all edits


def _lines(index: Index, found: Canaries, threshold: float | Callable[[Record], float]) -> list[float]:
    """The threshold for each canary; records are read only where it depends on them."""
    if not callable(threshold):
        return [threshold] * len(found.kept)
    records = index.records([canary.row for canary in found.kept])
    return [threshold(records[canary.row]) for canary in found.kept]


def _too_few(
    index: Index, found: Canaries, reach: int, wanted: int, choice: CanaryChoice, lines: list[float]
) -> str:
    told = f"{wanted} canaries have to be found ({choice.source}), but "
    if not found.kept:
        return told + (
            f"the calibration of {index.path} has none: of {found.tried} edited copies of training images it "
            f"found {found.found} at {found.threshold:g}, so that this gate would overlook copies; "
            + _again(index)
        )
    if reach == len(found.kept):
        return told + f"{index.path} has {reach}: ask for as many, or {_again(index)}"
    return told + (
        f"only {reach} of the {len(found.kept)} edited copies of training images in {index.path} can reach "
        f"the threshold {max(lines):g}: they were planted at {found.threshold:g}, and the best scores "
        f"{score_text(max(canary.score for canary in found.kept), max(lines))}; a gate with this threshold "
        f"overlooks copies: lower it, {_again(index)}"
    )


def _again(index: Index) -> str:
    return (
        f"plant more with {calibrate_again(index.path, index.manifest)} (--plant N), take another embedder, "
        "or do without a control "
        "(--replication-canaries 0 in pytest, --canaries 0 in pytest-replication check)"
    )
