"""Order what the inner product found by a split score of stored tokens.

It only ranks what is there already: a training image that the inner product does not place among the
candidates is not found by it. Tokens of candidates are read, and checked to be finite; their checksums
are compared by `verify` alone, since they are much more than the vectors.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pytest_replication.embedders.base import Prepared
from pytest_replication.errors import SettingsError, UnknownName
from pytest_replication.images.views import cut
from pytest_replication.index.reader import Index
from pytest_replication.index.tokens import check_tokens_alike
from pytest_replication.models.samples import Samples
from pytest_replication.scoring.rerank import SPLIT_SCORES, Reranked, SplitScore, rerank
from pytest_replication.search.collect import tidy
from pytest_replication.search.neighbours import Neighbours


@dataclass(frozen=True, slots=True)
class Rescoring:
    """How candidates are scored again.

    Attributes:
        score: ``split`` compares corresponding chunks, ``cross`` any two; with ``-concat`` behind it all
            chunks of an image together are one unit vector, see `split_product`.
        candidates: best training images by inner product that are scored again.
    """

    score: SplitScore = "split"
    candidates: int = 100

    def __post_init__(self) -> None:
        if self.score not in SPLIT_SCORES:
            raise UnknownName(f"there is no split score {self.score!r}: give {' or '.join(SPLIT_SCORES)}")

    def check(self, index: Index, k: int) -> None:
        """Refuse what cannot be done, before anything is searched.

        Raises:
            SettingsError: the index stores no tokens, or fewer candidates than results are wanted.
            IndexMismatch: the embedder at hand gives tokens of another shape.
        """
        if index.token_shape is None:
            raise SettingsError(
                f"{index.path} stores no tokens, which a {self.score} score compares: build it with --tokens "
                "and an embedder that has some, or search by the inner product"
            )
        if self.candidates < k:
            raise SettingsError(
                f"the {k} best of {self.candidates} candidates are wanted: score {k} or more again"
            )
        check_tokens_alike(index.manifest, index.embedder, index.path)


def rescore(index: Index, samples: Samples, found: Neighbours, k: int, how: Rescoring) -> Neighbours:
    """Score neighbours again, and keep the best.

    Args:
        index: an open index that stores tokens.
        samples: the samples that were searched for.
        found: the candidates of each, by inner product.
        k: training images that are kept a sample.
        how: which score.

    Returns:
        Neighbours with the new scores, rounded to 6 decimals.

    Raises:
        SampleError: a sample cannot be read.
        EmbedderError: the embedder gives tokens that cannot be.
        SearchError: stored tokens are not finite.
    """
    ranked: list[Reranked] = []
    for number, tokens in enumerate(sample_tokens(index, samples)):
        candidates = found.rows[number : number + 1]
        ranked.append(
            rerank(
                candidates,
                tokens[None],
                lambda rows: take_tokens(index, rows),
                score=how.score,
            )
        )
    return Neighbours(
        scores=tidy(np.concatenate([one.scores[:, :k] for one in ranked])),
        rows=np.concatenate([one.rows[:, :k] for one in ranked]),
        views=np.concatenate([one.views[:, :k] for one in ranked]),
        sample_views=np.concatenate([one.sample_views[:, :k] for one in ranked]),
        searched=found.searched,
    )


def sample_tokens(index: Index, samples: Samples) -> Iterator[NDArray[np.float32]]:
    """Yield the (views, chunks, length) tokens of one sample after the other.

    Raises:
        SampleError: a sample cannot be read.
        EmbedderError: the embedder gives tokens that cannot be.
    """
    embedder, views = index.embedder, index.manifest.views
    images = iter(samples)
    while batch := list(itertools.islice(images, embedder.batch_size)):
        parts: list[Prepared] = [embedder.prepare(part) for image in batch for part in cut(image, views)]
        tokens = embedder.embed_with_tokens(parts)[1]
        yield from tokens.reshape(len(batch), len(views), *tokens.shape[1:])


def take_tokens(index: Index, rows: NDArray[np.int64]) -> NDArray[np.float16]:
    """Read stored tokens by row.

    Args:
        index: an open index that stores tokens.
        rows: (n,) stored rows, in any order.

    Returns:
        (n, views, chunks, length) float16.

    Raises:
        SettingsError: the index stores no tokens, or not all of these rows.
        IndexCorrupt: a file does not hold what the manifest says.
    """
    taken = np.empty((len(rows), len(index.manifest.views), *(index.token_shape or (0, 0))), np.float16)
    for shard, places, numbers in index.homes(rows):
        stored = shard.tokens()
        taken[places] = stored.reshape(*shard.shape[:2], *stored.shape[1:])[numbers]
    return taken
