"""Images on their way to a search: embedded exactly as the training images of an index were."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pytest_replication.embedders.base import threads
from pytest_replication.errors import SampleError
from pytest_replication.images.views import View, cut
from pytest_replication.index.reader import Index
from pytest_replication.models.samples import Samples


def embed_images(
    index: Index, images: Iterable[Image.Image], views: tuple[View, ...] | None = None
) -> NDArray[np.float32]:
    """Embed upright RGB images: (n, views, dim), unit vectors; one batch of images in memory at a time.

    Args:
        index: an open index.
        images: what is embedded.
        views: parts of each; None for those of the index.

    Raises:
        SampleError: there are none, or one cannot be read.
        IndexMismatch: the embedder at hand is not that of the index.
    """
    embedder, size = index.embedder, index.embedder.batch_size
    if views is None:
        views = index.manifest.views
    else:  # a batch of views
        size = max(1, size // len(views))
    blocks = []
    with ThreadPoolExecutor(threads(), "prepare") as pool:
        stream = iter(images)
        while batch := list(itertools.islice(stream, size)):
            parts = [part for image in batch for part in cut(image, views)]
            rows = embedder.embed(list(pool.map(embedder.prepare, parts)))
            blocks.append(rows.reshape(len(batch), len(views), -1))
    if not blocks:
        raise SampleError("there are no images: nothing was embedded, so nothing can pass")
    return np.concatenate(blocks)


def embed_samples(index: Index, samples: Samples) -> NDArray[np.float32]:
    """Embed samples exactly as the training images of an index were: (n, views, dim).

    Args:
        index: an open index.
        samples: what is embedded.

    Raises:
        SampleError: a sample cannot be read, or all of them are black.
        IndexMismatch: the embedder at hand is not that of the index.
    """
    light = Light(samples)
    vectors = embed_images(index, light.watch(samples))
    light.require()
    return vectors


class Light:
    """Whether any of the samples is not black; canaries among them would hide that none is.

    Args:
        samples: what is watched, for the message.
    """

    def __init__(self, samples: Samples) -> None:
        self._samples, self._brightest = samples, 0

    def watch(self, images: Iterable[Image.Image]) -> Iterable[Image.Image]:
        """Pass images on and take note of their brightest value."""
        for image in images:
            self._brightest = max(self._brightest, int(np.asarray(image).max()))
            yield image

    def require(self) -> None:
        """Refuse samples that are all black.

        Raises:
            SampleError: they are.
        """
        if self._brightest <= 1:
            raise SampleError(
                f"all {len(self._samples)} samples of {self._samples.source} are black: pixels scaled twice, "
                "a safety checker, or a model that broke; nothing can pass"
            )
