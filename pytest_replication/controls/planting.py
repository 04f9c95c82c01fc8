"""Planting: edited copies of training images, searched for as samples are.

Edited copies of training images go the way of samples: the same decoder, embedder and search. When an
index is calibrated they tell which share of them is found, and some are kept as canaries. Each gate
puts canaries among its samples: an embedder that broke, a search that loses rows or a threshold that
nothing reaches cannot pass for a model that copies nothing.
"""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pytest_replication.errors import SettingsError, SourceError
from pytest_replication.images.edits import EDITS, Edit
from pytest_replication.index.canaries import Canaries, Canary, png
from pytest_replication.index.canaries_file import write_canaries
from pytest_replication.index.originals import Original, Originals
from pytest_replication.index.reader import Index
from pytest_replication.search import Neighbours, search
from pytest_replication.search.collect import tidy
from pytest_replication.search.duplicates import DUPLICATE
from pytest_replication.search.embed import embed_images
from pytest_replication.search.vectors import take

LONGEST = 512
"""Long side, in pixels, to which an original is shrunk before it is edited: canaries are stored."""
KEPT = 64
"""Canaries that are kept of an index, so that a gate at a higher threshold finds enough that reach it."""
_RANKS = 5
_ROUNDING = 1e-5


@dataclass(frozen=True, slots=True)
class Planted:
    """Edited copies of training images, and how near the search says they are to them.

    Attributes:
        rows: (m,) int64 row of the training image of each copy.
        edits: (m,) name of the edit of each.
        scores: (m,) float64 score of each with its training image or a duplicate of it, whatever else is
            nearer.
        first: (m,) bool, whether one of these is the nearest of all.
        originals: PNG of each training image that was edited, by row.
        ways: the edits by name.
    """

    rows: NDArray[np.int64]
    edits: tuple[str, ...]
    scores: NDArray[np.float64]
    first: NDArray[np.bool_]
    originals: Mapping[int, bytes]
    ways: Mapping[str, Edit]

    def __len__(self) -> int:
        return len(self.rows)

    def found(self, threshold: float) -> NDArray[np.bool_]:
        """(m,) bool: copies whose training image is the nearest and scores at least a threshold."""
        found: NDArray[np.bool_] = self.first & (self.scores >= threshold)
        return found

    def recall(self, threshold: float) -> dict[str, tuple[int, int]]:
        """For each edit how many copies are found at a threshold, and how many there are."""
        found, names = self.found(threshold), np.array(self.edits)
        return {name: (int(found[names == name].sum()), int((names == name).sum())) for name in self.ways}


def plant(
    index: Index,
    images: Iterable[tuple[int, Image.Image]],
    *,
    edits: Mapping[str, Edit] = MappingProxyType(EDITS),
) -> Planted:
    """Edit training images in every way, and search for the copies as for samples.

    Memory holds the originals, shrunk and compressed, and one batch of copies.

    Args:
        index: an open index.
        images: row number and original, upright RGB, of some training images.
        edits: how each is edited.

    Raises:
        SettingsError: no images, a row twice, or one that is not searched.
        IndexMismatch: the embedder at hand is not that of the index.
        IndexCorrupt: a shard is damaged.
    """
    originals: dict[int, bytes] = {}
    vectors = embed_images(index, _copies(index, images, edits, originals))
    rows = np.repeat(np.array(list(originals), np.int64), len(edits))
    found = search(index, vectors, _RANKS)
    scores = np.maximum(_own_scores(index, vectors, rows), best_own(index, found, rows))
    return Planted(
        rows, tuple(edits) * len(originals), scores, first_is_own(index, found, rows), originals, edits
    )


def plant_originals(
    index: Index, count: int, source: object = None, *, seed: int = 0, progress: bool = True
) -> Planted | None:
    """Plant copies of some training images, read from where they lay; None if none of them can be had.

    Args:
        index: an open index.
        count: training images that are edited, 1 or more; those that cannot be read are left out.
        source: what `open_source` takes; None to read the files that the records name.
        seed: of the choice.
        progress: show a progress bar when standard error is a terminal.

    Raises:
        SettingsError: a count below 1.
        SourceError: the source cannot be listed, or holds none of the images that it should.
        IndexMismatch: the embedder at hand is not that of the index.
        IndexCorrupt: the index is damaged.
    """
    from tqdm import tqdm

    found = iter(Originals(index, count, source, seed))
    first = next(found, None)
    if first is None:
        if source is not None:
            raise SourceError(
                f"{source} holds none of the training images of {index.path} that were drawn: give the "
                "training set from which the index was built"
            )
        return None
    shown = tqdm(total=count, desc="planting", unit="image", disable=None if progress else True)
    with shown:
        return plant(index, _counted(itertools.chain([first], found), shown))


def store_canaries(
    index: Index, planted: Planted, threshold: float, count: int = KEPT, *, seed: int = 0
) -> Canaries:
    """Keep some of the copies that are found at a threshold as canaries of an index.

    They are spread over edits and training images. Only copies are kept that are found with a margin
    (`margin`), so that rounding on another machine cannot lose one.

    Args:
        index: the index as it was opened to plant them.
        planted: what `plant` gave for it.
        threshold: score that they have to reach, in (-1, 1].
        count: most that are kept.
        seed: of the choice.

    Returns:
        What was stored.

    Raises:
        SettingsError: a threshold or a number outside its range.
        IndexUnavailable: the index changed since it was opened, or cannot be written.
        BuildError: the disk cannot be written.
    """
    canaries = choose(index, planted, threshold, count, seed)
    write_canaries(index, canaries)
    return canaries


def choose(index: Index, planted: Planted, threshold: float, count: int, seed: int) -> Canaries:
    """Choose what `store_canaries` stores."""
    if not -1 < threshold <= 1 or count < 1:
        raise SettingsError(
            f"{count} canaries at a threshold of {threshold}: give 1 or more, and a score above -1 and at "
            "most 1"
        )
    safe = planted.found(threshold + margin(index, threshold))
    order = np.random.default_rng(seed).permutation(len(planted))
    kept = [_canary(planted, place) for place in _spread(planted, order[safe[order]], count)]
    return Canaries(float(threshold), planted.recall(threshold), tuple(kept))


def margin(index: Index, threshold: float) -> float:
    """By how much a copy has to score above a threshold, to reach it on every machine."""
    return min(allowance(index), (1 - threshold) / 2)


def allowance(index: Index) -> float:
    """How far the score of one image may differ between machines and batches.

    An embedder declares 1 - cos of two embeddings of one image; |x y - x' y| <= |x - x'| =
    sqrt(2 (1 - cos)) for vectors of unit length.
    """
    return float(np.sqrt(2 * index.embedder.drift)) + _ROUNDING


def first_is_own(index: Index, found: Neighbours, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
    """(n,) bool: whether the nearest of each copy is its training image, or a duplicate of that."""
    own: NDArray[np.bool_] = own_rows(index, found, rows)[:, 0]
    return own


def best_own(index: Index, found: Neighbours, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """(n,) best score of each copy with its training image or a duplicate, -inf where none was found."""
    best: NDArray[np.float64] = np.where(own_rows(index, found, rows), found.scores, -np.inf).max(axis=1)
    return best


def own_rows(index: Index, found: Neighbours, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
    """(n, k) bool: which neighbours of each copy are its training image, or a duplicate by their vectors."""
    views, there = len(index.manifest.views), found.rows >= 0
    own = take(index, rows * views)
    near = np.full(found.rows.shape, -np.inf)
    near[there] = np.einsum("ij,ij->i", take(index, found.rows[there] * views), own[np.nonzero(there)[0]])
    own_or_like: NDArray[np.bool_] = (found.rows == rows[:, None]) | (near >= DUPLICATE)
    return own_or_like


def _own_scores(index: Index, vectors: NDArray[np.float32], rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """(n,) best score of each copy with its training image, over the views of both."""
    views = len(index.manifest.views)
    numbers = rows[:, None] * views + np.arange(views)
    stored = take(index, numbers.ravel()).reshape(len(rows), views, -1)
    lengths = np.linalg.norm(vectors.astype(np.float64), axis=2, keepdims=True)
    return tidy(np.einsum("nsd,nvd->nsv", vectors / lengths, stored).max(axis=(1, 2)))


def _copies(
    index: Index,
    images: Iterable[tuple[int, Image.Image]],
    edits: Mapping[str, Edit],
    originals: dict[int, bytes],
) -> Iterator[Image.Image]:
    """Make the copies of one original after the other, and take note of the originals."""
    removed = {int(row) for row in index.removed}
    for row, image in images:
        if not 0 <= row < index.manifest.stored or row in removed or row in originals:
            raise SettingsError(f"row {row} of {index.path} is not searched, or is given twice")
        originals[row] = png(shrunk(image))
        original = _open(originals[row])
        yield from (edit(original) for edit in edits.values())


def shrunk(image: Image.Image) -> Image.Image:
    """The image, or a smaller one whose long side is `LONGEST`."""
    scale = LONGEST / max(image.size)
    if scale >= 1:
        return image
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return image.resize(size, Image.Resampling.LANCZOS)


def _counted(images: Iterable[Original], shown: Any) -> Iterator[Original]:
    for image in images:
        yield image
        shown.update()


def _canary(planted: Planted, place: int) -> Canary:
    row, edit = int(planted.rows[place]), planted.edits[place]
    copy = planted.ways[edit](_open(planted.originals[row]))
    return Canary(row, edit, float(planted.scores[place]), png(copy))


def _open(data: bytes) -> Image.Image:
    with Image.open(io.BytesIO(data), formats=("PNG",)) as image:
        return image.convert("RGB")


def _spread(planted: Planted, places: NDArray[np.int64], count: int) -> list[int]:
    """Choose copies edit by edit, each time of the training image that was chosen least often."""
    left = {name: [int(p) for p in places if planted.edits[p] == name] for name in planted.ways}
    used: dict[int, int] = {}
    chosen: list[int] = []
    while len(chosen) < count and any(left.values()):
        for pool in left.values():
            if pool and len(chosen) < count:
                place = min(pool, key=lambda p: used.get(int(planted.rows[p]), 0))
                pool.remove(place)
                used[int(planted.rows[place])] = used.get(int(planted.rows[place]), 0) + 1
                chosen.append(place)
    return chosen
