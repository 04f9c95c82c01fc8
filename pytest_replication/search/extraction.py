"""How near samples come to the pixels of training images: everything that extraction is judged by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_replication.errors import SettingsError
from pytest_replication.images.square import square
from pytest_replication.index.reader import Index
from pytest_replication.index.shard import Record
from pytest_replication.models.identity import ModelIdentity
from pytest_replication.models.samples import Samples
from pytest_replication.scoring.pixel import (
    NEIGHBOURS,
    collapse,
    nearest_ratio,
    relative,
    rmse,
    tiled,
    unit_range,
)
from pytest_replication.search.embed import Light
from pytest_replication.search.pixels import Pixels, require_pixels, search_pixels, take_pixels

SAME = 0.02
"""`rmse` up to which two training images are copies of each other, and count once."""
MAYBE = 0.1
"""`rmse` up to which two training images may be copies, one of them encoded again or edited a little. Where
it matters whether they count once, it cannot be told."""
_TWIN = 1 / 3
"""Part of the largest distance of the nearest training image from any other of a small index up to which one
may be its copy: among pictures that are all alike, 0.1 says nothing."""
_WIDER = 4
"""By how much more neighbours are looked at where copies of one training image fill those that were."""
_WIDEST = 4096
_Found = dict[str, Any]
"""The fields of a `PixelMatch` that are measured."""


@dataclass(frozen=True, slots=True)
class PixelMatch:
    """A sample and the training image whose pixels are nearest. All distances lie in [0, 1].

    Attributes:
        sample: number of the sample.
        row: row of the nearest training image in the index.
        record: the training image.
        rmse: root mean square difference of the two.
        second: the same of the nearest training image that is no copy of the nearest; None if none is known.
        second_row: its row.
        around: mean `rmse` of the nearest training images, copies of the nearest counted once; None if
            fewer are known.
        relative: `rmse` over half of `around` (Carlini et al.); None where that is not known.
        ratio: `rmse` over `second` (Yoon et al.); None where that is not known.
        relative_least: what `relative` would be if all that may be copies of the nearest counted once.
        ratio_least: the same of `ratio`.
        tiled: largest `rmse` of 16 tiles, of the training image for which that is smallest among those that
            were looked at.
        tiled_row: the row of that training image.
        tiled_record: that training image.
        tiled_floor: what `tiled` is at least for every training image of the index.
        copies: training images that are copies of the nearest, itself included, among those looked at.
    """

    sample: int
    row: int
    record: Record
    rmse: float
    second: float | None
    second_row: int | None
    around: float | None
    relative: float | None
    ratio: float | None
    relative_least: float | None
    ratio_least: float | None
    tiled: float
    tiled_row: int
    tiled_record: Record
    tiled_floor: float
    copies: int


@dataclass(frozen=True, slots=True)
class PixelMatches:
    """What a check of pixels rests on.

    Attributes:
        of: one for each sample.
        names: of the samples.
        source: where the samples come from.
        seeds: of the samples, where known.
        distinct: samples that differ from each other.
        searched: training images that were compared with every sample.
        side: of the squares of pixels that were compared.
        resized: samples that had another size.
        neighbours: training images of the mean in `PixelMatch.around`.
        index: folder of the index.
        fingerprint: digest of its content.
        rejected: training images that are missing from it because they could not be read.
        removed: training images that were taken out of it.
        check: what reports call the check; empty for the name of the test.
        prompts: of the samples, where known.
        labels: classes of the samples, where known.
        model: what made the samples, None where that is not known.
    """

    of: tuple[PixelMatch, ...]
    names: tuple[str, ...]
    source: str
    seeds: tuple[int, ...]
    distinct: int
    searched: int
    side: int
    resized: int
    neighbours: int
    index: str
    fingerprint: str
    rejected: int = 0
    removed: int = 0
    check: str = ""
    prompts: tuple[str, ...] = ()
    labels: tuple[int | str, ...] = ()
    model: ModelIdentity | None = None


def match_pixels(
    index: Index, samples: Samples, neighbours: int = NEIGHBOURS, *, name: str = ""
) -> PixelMatches:
    """Find the training images whose pixels are nearest to those of samples.

    Args:
        index: an open index that stores pixels. Its embedder is not needed.
        samples: the samples; resized to the squares that the index stores where they have another size.
        neighbours: training images of the mean that `relative` compares with; the paper's are 50.
        name: what reports call the check.

    Raises:
        SettingsError: the index stores no pixels, or fewer training images than `neighbours`.
        SampleError: a sample cannot be read, or all are black.
        IndexCorrupt: a shard is damaged.
        SearchError: not every row was compared.
    """
    side = require_pixels(index)
    if not 1 <= neighbours <= index.rows:
        raise SettingsError(
            f"{neighbours} neighbours are wanted of the {index.rows} training images of {index.path}: the "
            f"measures "
            f"of pixels compare with the {NEIGHBOURS} nearest ones; give neighbours= from 1 to {index.rows}"
        )
    pixels, resized = square_samples(samples, side)
    return PixelMatches(
        of=_named(index, _measure_all(index, pixels, neighbours)),
        names=samples.names,
        source=samples.source,
        seeds=samples.seeds,
        distinct=len(np.unique(pixels.reshape(len(pixels), -1), axis=0)),
        searched=index.rows,
        side=side,
        resized=resized,
        neighbours=neighbours,
        index=str(index.path),
        fingerprint=index.manifest.fingerprint,
        rejected=index.manifest.rejected,
        removed=index.manifest.opted_out,
        check=name,
        prompts=samples.prompts,
        labels=samples.labels,
        model=samples.model,
    )


def _measure_all(index: Index, pixels: Pixels, neighbours: int) -> list[_Found]:
    """Take all measures of each sample, from as many rows as they need."""
    found: list[_Found] = [{}] * len(pixels)
    count, left = min(2 * neighbours, index.rows), np.arange(len(pixels))
    while len(left):
        near = search_pixels(index, pixels[left], count)
        for place, sample in enumerate(left.tolist()):
            row = near.distances[place], near.rows[place]
            found[sample] = _measure(index, pixels[sample], *row, neighbours)
        # Copies of one training image may fill all that was looked at: then more is.
        last = count >= min(index.rows, _WIDEST)
        left = left[[not last and found[sample]["relative_least"] is None for sample in left.tolist()]]
        count = min(count * _WIDER, index.rows)
    return found


def _named(index: Index, found: list[_Found]) -> tuple[PixelMatch, ...]:
    """Look up the records of the nearest training images."""
    records = index.records([match[name] for match in found for name in ("row", "tiled_row")])
    return tuple(
        PixelMatch(
            sample=sample, record=records[match["row"]], tiled_record=records[match["tiled_row"]], **match
        )
        for sample, match in enumerate(found)
    )


def _measure(
    index: Index,
    sample: NDArray[np.uint8],
    distances: NDArray[np.float64],
    rows: NDArray[np.int64],
    neighbours: int,
) -> _Found:
    """Take all measures of one sample from its nearest rows, of which there are more than `neighbours`."""
    stored = unit_range(take_pixels(index, rows))
    from_nearest = rmse(stored[0], stored)
    same = from_nearest <= SAME
    apart = collapse(distances[None], same[None])
    least = collapse(distances[None], _may_be_copies(from_nearest, len(rows) == index.rows)[None])
    cut = tiled(unit_range(sample), stored)
    best = int(cut.argmin())
    around = apart[0, :neighbours].mean()
    others = np.flatnonzero(~same)
    return {
        "row": int(rows[0]),
        "rmse": float(distances[0]),
        "second": float(distances[others[0]]) if len(others) else None,
        "second_row": int(rows[others[0]]) if len(others) else None,
        "around": _known(around),
        "relative": _known(relative(apart, neighbours)[0]),
        "ratio": _known(nearest_ratio(apart)[0]),
        "relative_least": _known(relative(least, neighbours)[0]),
        "ratio_least": _known(nearest_ratio(least)[0]),
        "tiled": float(cut[best]),
        "tiled_row": int(rows[best]),
        # A training image that was not looked at is at least as far as the last that was, in some tile, too.
        "tiled_floor": float(cut[best] if len(rows) == index.rows else min(cut[best], distances[-1])),
        "copies": int(same.sum()),
    }


def _may_be_copies(distances: NDArray[np.float64], every: bool) -> NDArray[np.bool_]:
    """Which training images may be copies of the nearest, by their distance from it.

    Args:
        distances: from the nearest to each that was looked at, itself included.
        every: whether these are all of the index. Else copies may fill all that was looked at, and their
            distances say nothing of the set.
    """
    line = min(MAYBE, _TWIN * float(distances.max())) if every else MAYBE
    return distances <= max(SAME, line)


def _known(value: np.float64) -> float | None:
    return None if np.isnan(value) else float(value)


def square_samples(samples: Samples, side: int) -> tuple[Pixels, int]:
    """Bring samples to squares of pixels: (n, side, side, 3), and how many of them were resized.

    Raises:
        SampleError: a sample cannot be read, or all are black.
    """
    light, resized = Light(samples), 0
    pixels = np.empty((len(samples), side, side, 3), np.uint8)
    for place, image in enumerate(light.watch(samples)):
        resized += image.size != (side, side)
        pixels[place] = square(image, side)
    light.require()
    return pixels, resized
