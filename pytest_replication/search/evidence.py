"""What pixels say of a pair that vectors led to, where those of the training image are at hand."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pytest_replication.images.complexity import Complexity, low_information, measure_complexity
from pytest_replication.images.decode import UndecodableImage, decode
from pytest_replication.images.square import square
from pytest_replication.index.originals import original
from pytest_replication.index.reader import Index
from pytest_replication.models.samples import Samples
from pytest_replication.scoring.alike import alike
from pytest_replication.scoring.pixel import rmse, tiled, unit_range
from pytest_replication.search.collect import tidy
from pytest_replication.search.match import Match, PixelEvidence, name_match
from pytest_replication.search.matches import Complexities, LowInformation, Matches
from pytest_replication.search.pixels import search_pixels, take_pixels
from pytest_replication.search.vectors import take

SAME = 0.05
"""Tiled L2 up to which a sample with next to nothing in it is a training image: the strict end of the range
of Carlini et al."""
APART = 0.15
"""Tiled L2 that it has to exceed to be another: their line for photographs. It is not enough: see `CLEAR`."""
CLEAR = 0.6
"""`alike` up to which two images with next to nothing in them are different ones.

Measured (benchmarks/pixels.py): edited copies (dimmed, faded, moved, mirrored, turned, cut, blurred) have 0.9
and more.
"""
SIDE = 512
"""Side at which originals are compared: that of Carlini et al."""
SHOWN = 10
"""Replicated pairs, the worst, that pixels are measured of."""
_SMALLEST = 32
"""Longest side of a thumbnail that may stand for its image, and side from which on a square tells
whether there is next to nothing in it."""

Images = NDArray[np.uint8]


class Information:
    """Notes how much there is in images, as they pass by.

    Args:
        complexity: measure their complexity, too.

    Attributes:
        why: for each image so far, what `low_information` says.
        complexity: its figures, where they are wanted.
    """

    def __init__(self, complexity: bool = False) -> None:
        self.why: list[str | None] = []
        self.complexity: list[Complexity] = []
        self.wanted = complexity

    def watch(self, images: Iterable[Image.Image]) -> Iterator[Image.Image]:
        """Pass images on and look at each."""
        for image in images:
            self.why.append(low_information(image))
            if self.wanted:
                self.complexity.append(measure_complexity(image))
            yield image

    @property
    def low(self) -> tuple[LowInformation, ...]:
        """Those with next to nothing in them."""
        return tuple(LowInformation(sample, why) for sample, why in enumerate(self.why) if why is not None)


def with_evidence(
    index: Index,
    samples: Samples,
    vectors: NDArray[np.float32],
    matches: Matches,
    low: tuple[LowInformation, ...],
    reaches: Callable[[Match], bool],
) -> Matches:
    """Measure the pixels of pairs that matter to a verdict.

    These are the worst of the pairs that reach the threshold, and all kept pairs that do of samples with
    next to nothing in them: of these also how much the two have in common. Where the index stores pixels,
    these samples are compared with all training images as well, and the nearest is added to what was found.

    Args:
        index: an open index.
        samples: the samples.
        vectors: (n, views, dim) of the samples.
        matches: what was found.
        low: samples with next to nothing in them.
        reaches: whether the score of a match would make a sample replicated.

    Raises:
        SampleError: a sample cannot be read any more.
        IndexCorrupt: stored pixels are damaged.
    """
    found = [list(kept) for kept in matches.of]
    numbers = {entry.sample for entry in low}
    worst = sorted((m for m in matches.best if reaches(m)), key=lambda m: -m.score)
    for match in [m for m in worst if m.sample not in numbers][:SHOWN]:
        found[match.sample][0] = _measured(index, samples.image(match.sample), match)
    noted = []
    for entry in low:
        kept = found[entry.sample]
        if reaches(kept[0]):
            image = samples.image(entry.sample)
            blank = entry.why != "tiny"
            kept = [_measured(index, image, match, blank) if reaches(match) else match for match in kept]
            if not any(m.pixels is not None and m.pixels.tiled <= SAME for m in kept) and index.side:
                kept, entry = _with_nearest(index, image, vectors[entry.sample], kept, entry)
            found[entry.sample] = kept
        noted.append(entry)
    return replace(matches, of=tuple(map(tuple, found)), low=tuple(noted))


def with_complexity(index: Index, matches: Matches, samples: Sequence[Complexity]) -> Matches:
    """Measure the complexity of the nearest training image of each sample.

    Args:
        index: an open index.
        matches: what was found.
        samples: complexity of the samples.

    Raises:
        IndexCorrupt: stored pixels are damaged.
    """
    known: dict[int, Complexity | None] = {}
    for match in matches.best:
        if match.row not in known:
            found = training_image(index, match)
            known[match.row] = None if found is None else measure_complexity(found[0])
    pairs = zip(samples, matches.best, strict=True)
    return replace(matches, complexity=tuple(Complexities(mine, known[match.row]) for mine, match in pairs))


def _with_nearest(
    index: Index, image: Image.Image, vectors: NDArray[np.float32], kept: list[Match], entry: LowInformation
) -> tuple[list[Match], LowInformation]:
    """Compare a sample with the pixels of all training images, and add the nearest to its matches."""
    pixels = square(image, index.side or 0)
    near = search_pixels(index, pixels[None], 1)
    row = int(near.rows[0, 0])
    if near.distances[0, 0] <= APART and row not in {match.row for match in kept}:
        match = _measured(index, image, _match(index, vectors, kept[0], row), entry.why != "tiny")
        kept = sorted([*kept, match], key=lambda m: (-m.score, m.row))
        entry = replace(entry, added=row)
    return kept, entry


def _match(index: Index, vectors: NDArray[np.float32], like: Match, row: int) -> Match:
    """A sample and a training image that its vector did not lead to."""
    views = index.manifest.views
    stored = take(index, row * len(views) + np.arange(len(views))).astype(np.float64)
    unit = vectors.astype(np.float64)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    scores = tidy(unit @ stored.T)
    mine, theirs = np.unravel_index(int(scores.argmax()), scores.shape)
    return name_match(
        index,
        index.records([row])[row],
        sample=like.sample,
        row=row,
        score=float(scores.max()),
        views=(views[int(mine)].name, views[int(theirs)].name),
    )


def _measured(index: Index, image: Image.Image, match: Match, blank: bool = False) -> Match:
    """A match with what pixels say of it, where those of the training image are at hand.

    Args:
        index: an open index.
        image: the sample.
        match: of the two.
        blank: whether there is next to nothing in the sample, but pixels enough to compare what there is.
    """
    picture = training_picture(index, match)
    if picture is None:
        return match
    pair = unit_range(np.stack([square(image, picture.side), picture.pixels]))
    evidence = PixelEvidence(
        rmse=round(float(rmse(pair[0], pair[1])), 6),
        tiled=round(float(tiled(pair[0], pair[1])), 6),
        side=picture.side,
        source=picture.source,
        alike=_alike(square(image, picture.side), picture.pixels) if blank else None,
    )
    return replace(match, pixels=evidence)


def _alike(sample: Images, training: Images) -> float | None:
    """How much the two have in common; None where the training image has more in it, or too few pixels."""
    if len(training) < _SMALLEST or low_information(Image.fromarray(training)) is None:
        return None
    return round(alike(sample, training), 6)


@dataclass(frozen=True, slots=True)
class Picture:
    """A training image as a square of pixels.

    Attributes:
        pixels: (side, side, 3) uint8.
        source: where they come from: ``index``, ``original`` or ``thumbnail``, which is lossy.
    """

    pixels: Images
    source: str

    @property
    def side(self) -> int:
        """Side of the square."""
        return len(self.pixels)


def training_picture(index: Index, match: Match) -> Picture | None:
    """The training image of a match: from the index, else its file, else a thumbnail; None where none is.

    A file counts where its sha256 is the one that the index notes. A thumbnail counts from 32 pixels on.

    Raises:
        IndexCorrupt: stored pixels are damaged.
    """
    found = training_image(index, match)
    if found is None:
        return None
    image, source = found
    sides = {"index": image.width, "original": SIDE, "thumbnail": max(image.size)}
    return Picture(square(image, sides[source]), source)


def training_image(index: Index, match: Match) -> tuple[Image.Image, str] | None:
    """The best picture of a training image that there is, and where it comes from; None where none is.

    Returns:
        An RGB image in its own shape (that of the index is a square), and ``index``, ``original`` or
        ``thumbnail``, as for `training_picture`.

    Raises:
        IndexCorrupt: stored pixels are damaged.
    """
    if index.side is not None:
        return Image.fromarray(take_pixels(index, np.array([match.row]))[0]), "index"
    if (image := original(match.record)) is not None:
        return image, "original"
    record = match.record if match.part is None else index.records([match.row])[match.row]  # kept without it
    if record.thumbnail is None:
        return None
    try:
        small = decode(record.thumbnail)
    except UndecodableImage:
        return None
    return (small, "thumbnail") if max(small.size) >= _SMALLEST else None
