"""The training images that have a part like a part of a sample: candidates, which geometry then looks at.

Every view of a sample, the whole and its parts, is scored against every stored vector of a training image,
those of its views and those of its parts; the best of these pairs is the score of the two images. A float32
product over blocks of the index finds the candidates, in bounded memory; their pairs are scored again in
float64. The checksums of both files are compared on the way.

An index without parts is searched all the same: parts of a sample against whole training images.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pytest_replication.errors import IndexCorrupt, SampleError, SearchError, SettingsError
from pytest_replication.images.parts import BARE, grid
from pytest_replication.images.views import View
from pytest_replication.index.mapped_shard import Shard
from pytest_replication.index.reader import Index
from pytest_replication.search.blocks import checked_blocks, rows_of_block
from pytest_replication.search.candidates import SPARE, Candidates, Vectors, require_equal_scores
from pytest_replication.search.collect import tidy
from pytest_replication.search.embed import embed_images
from pytest_replication.search.neighbours import Neighbours

_SCORES = 8 << 20
"""Scores that are in memory at once."""
_FILES = 2
"""A row may be a candidate for a view and for a part: number row * 2, and row * 2 + 1."""


def grid_of(index: Index) -> str:
    """Name of the grid of parts by which samples are searched: that of the index, else `BARE`."""
    return index.objects.grid if index.objects else BARE


def sample_views(index: Index) -> tuple[View, ...]:
    """Views by which samples are searched for parts: those of the index, then parts."""
    return (*index.manifest.views, *(index.objects.parts if index.objects else grid(BARE)))


def training_views(index: Index) -> tuple[View, ...]:
    """Views of a training image whose vectors are stored: those of the index, then parts, if it has some."""
    return (*index.manifest.views, *(index.objects.parts if index.objects else ()))


def with_parts(
    index: Index, images: Iterable[Image.Image], vectors: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Embed the parts of samples, and lay them behind the vectors of their views.

    Args:
        index: an open index.
        images: the samples, upright RGB images.
        vectors: (n, views, dim) of the same samples, as `search.embed` makes them.

    Returns:
        (n, views + parts, dim) in the order of `sample_views`.

    Raises:
        SampleError: a sample cannot be read, or there are more or fewer than vectors.
        IndexMismatch: the embedder at hand is not that of the index.
    """
    wanted = sample_views(index)[len(index.manifest.views) :]
    if not wanted:
        return vectors  # `search.objects` finds out whether there are as many samples
    parts = embed_images(index, images, wanted)
    if len(parts) != len(vectors):
        raise SampleError(f"there are {len(parts)} samples and vectors of {len(vectors)}")
    return np.concatenate([vectors, parts], axis=1)


def nearest_parts(index: Index, samples: NDArray[np.float32], k: int = 10) -> Neighbours:
    """Find the k training images of which a view or part is nearest to a view or part of each sample.

    Args:
        index: an open index, with parts or without.
        samples: (n, views + parts, dim) unit vectors, see `with_parts`.
        k: training images a sample.

    Returns:
        Neighbours, each training image once a sample. `views` counts in `training_views`, `sample_views` in
        the function of that name.

    Raises:
        SettingsError: no neighbours are wanted.
        SampleError: there are no samples, or vectors of another shape or not finite.
        IndexCorrupt: a shard is damaged.
        SearchError: not every row was searched, or the two computations of a score differ.
    """
    if k < 1:
        raise SettingsError(f"{k} nearest training images are wanted: give 1 or more")
    _check(index, samples)
    best = Candidates.empty(len(samples), _FILES * (k + SPARE))
    for file in range(_FILES if index.objects and index.objects.parts else 1):
        scanned = sum(_scan(index, shard, samples, best, file) for shard in index.shards)
        if (searched := scanned - len(index.removed)) != index.rows:
            what = "parts" if file else "vectors"
            raise SearchError(
                f"the {what} of {searched} of {index.rows} rows of {index.path} were searched: no verdict "
                "from a part"
            )
    return _score_again(index, samples, best, k)


def _check(index: Index, samples: NDArray[np.float32]) -> None:
    expected = (len(sample_views(index)), index.manifest.embedder.dim)
    if samples.ndim != 3 or samples.shape[1:] != expected or not len(samples):
        raise SampleError(
            f"vectors of parts of samples have shape {samples.shape}, expected (1 or more, {expected[0]}, "
            f"{expected[1]})"
        )
    lengths = np.linalg.norm(samples.astype(np.float64), axis=2)
    if not (np.abs(lengths - 1) < 1e-3).all():
        raise SampleError("a vector of a part of a sample is not finite or not of unit length")


def _blocks(shard: Shard, file: int) -> Iterator[tuple[int, Vectors]]:
    """Yield (rows, views, dim) float32 blocks of whole rows, with their first row within the shard."""
    path = shard.parts_path if file else shard.embeddings_path
    mapped, start = shard.parts() if file else shard.embeddings()
    step = max(1, rows_of_block(mapped.shape[2]) // mapped.shape[1])
    for first, stored in checked_blocks(shard, path, mapped, start, step):
        yield first, np.asarray(stored, dtype=np.float32)


def _scan(index: Index, shard: Shard, samples: Vectors, best: Candidates, file: int) -> int:
    """Take in the rows of a shard by one of its files; returns how many."""
    scanned = 0
    for first, block in _blocks(shard, file):
        row = shard.first + first
        low, high = np.searchsorted(index.removed, [row, row + len(block)])
        _take_in(samples, block, row, index.removed[low:high] - row, best, file)
        scanned += len(block)
    return scanned


def _take_in(
    samples: Vectors, block: Vectors, row: int, hidden: NDArray[np.int64], best: Candidates, file: int
) -> None:
    """Bring the candidates of all samples up to date with a block of rows."""
    flat = block.reshape(-1, block.shape[2])
    step = max(1, _SCORES // (samples.shape[1] * len(flat)))
    for start in range(0, len(samples), step):
        part = samples[start : start + step]
        products = part.reshape(-1, part.shape[2]) @ flat.T
        # The best view of the sample first: that leaves little for the best of the training image.
        pairs = products.reshape(*part.shape[:2], len(flat)).max(axis=1)
        scores = pairs.reshape(len(part), *block.shape[:2]).max(axis=2)
        top = scores.max(axis=1)
        if np.isnan(top).any() or top.max() == np.inf:  # NaN passes through max
            raise IndexCorrupt(
                f"a vector of rows {row} to {row + len(block) - 1} of the index is not finite: "
                "run 'pytest-replication verify'"
            )
        scores[:, hidden] = -np.inf
        floor = best.part(start, start + len(part)).floor
        for place in map(int, np.flatnonzero(top > floor)):
            better = np.flatnonzero(scores[place] > floor[place])
            best.insert(start + place, scores[place, better], (row + better) * _FILES + file)


def _score_again(index: Index, samples: NDArray[np.float32], best: Candidates, k: int) -> Neighbours:
    """Cosines of all pairs of vectors of the candidates in float64, and the best k of these."""
    found = _none(index, len(samples), k)
    for sample in range(len(samples)):
        rows = np.unique(best.vectors[sample][best.vectors[sample] >= 0] // _FILES)
        _compare(index, _fill(index, found, sample, samples[sample], rows), rows, best, sample)
    return found


def paired(index: Index, samples: NDArray[np.float32], rows: Sequence[NDArray[np.int64]]) -> Neighbours:
    """The best pair of views of each sample and each of some training images, best first.

    Args:
        index: an open index, with parts or without.
        samples: (n, views + parts, dim) unit vectors, see `with_parts`.
        rows: of each sample, the training images.

    Returns:
        Neighbours, as `nearest_parts` gives them; as many columns as the most rows of a sample.

    Raises:
        SampleError: there are no samples, or vectors of another shape or not finite.
        IndexCorrupt: a shard is damaged.
    """
    _check(index, samples)
    found = _none(index, len(samples), max(map(len, rows), default=0))
    for sample, wanted in enumerate(rows):
        _fill(index, found, sample, samples[sample], np.unique(wanted))
    return found


def _none(index: Index, count: int, k: int) -> Neighbours:
    return Neighbours(
        scores=np.full((count, k), -np.inf),
        rows=np.full((count, k), -1, np.int64),
        views=np.zeros((count, k), np.int64),
        sample_views=np.zeros((count, k), np.int64),
        searched=index.rows,
    )


def _fill(
    index: Index, found: Neighbours, sample: int, views: NDArray[np.float32], rows: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Write the best pair of each row into the line of a sample; returns the products of all pairs."""
    wanted, stored = views.astype(np.float64), _stored(index, rows)
    products: NDArray[np.float64] = np.einsum("sd,rtd->rst", wanted, stored, optimize=True)
    lengths = np.linalg.norm(wanted, axis=1)[:, None] * np.linalg.norm(stored, axis=2)[:, None, :]
    scores = tidy((products / lengths).reshape(len(rows), products.shape[1] * products.shape[2]))
    pairs = scores.argmax(axis=1)
    top = scores[np.arange(len(rows)), pairs]
    kept = np.lexsort((rows, -top))[: found.rows.shape[1]]
    line = sample, slice(len(kept))
    found.scores[line], found.rows[line] = top[kept], rows[kept]
    found.sample_views[line], found.views[line] = np.divmod(pairs[kept], stored.shape[1])
    return products


def _stored(index: Index, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """Vectors of views and parts of rows: (n, views + parts, dim)."""
    views = len(index.manifest.views)
    vectors = np.empty((len(rows), len(training_views(index)), index.manifest.embedder.dim))
    for shard, places, numbers in index.homes(rows):
        vectors[places, :views] = shard.embeddings()[0][numbers]
    if index.objects is not None:
        vectors[:, views:] = index.parts_of(rows)
    return vectors


def _compare(
    index: Index, products: NDArray[np.float64], rows: NDArray[np.int64], best: Candidates, sample: int
) -> None:
    """Refuse candidates whose float32 score is not that of their stored vectors."""
    numbers = best.vectors[sample]
    views = len(index.manifest.views)
    by_file = np.stack(
        [products[:, :, :views].max(axis=(1, 2)), products[:, :, views:].max(axis=(1, 2), initial=-np.inf)],
        axis=1,
    )
    there = numbers >= 0
    exact = by_file[np.searchsorted(rows, numbers[there] // _FILES), numbers[there] % _FILES]
    require_equal_scores(exact, best.scores[sample][there])
