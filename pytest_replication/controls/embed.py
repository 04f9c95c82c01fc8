"""Samples on their way to a search, with canaries among them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pytest_replication.controls import Guard
from pytest_replication.errors import SettingsError
from pytest_replication.images.content import Digests
from pytest_replication.index.calibration import is_stale
from pytest_replication.index.reader import Index
from pytest_replication.models.samples import Samples
from pytest_replication.search import Subject
from pytest_replication.search.embed import Light, embed_images
from pytest_replication.search.evidence import Information


def embed_guarded(
    samples: Samples,
    index: Index,
    k: int,
    name: str,
    guard: Guard,
    information: Information | None = None,
) -> tuple[NDArray[np.float32], Subject]:
    """Embed samples and canaries as one stream.

    Args:
        samples: the samples.
        index: an open index, whose embedder embeds.
        k: training images that will be looked for, 1 or more.
        name: what reports call the check.
        guard: the canaries; one of none for none.
        information: takes note of how much there is in each sample.

    Returns:
        (n + canaries, views, dim) unit vectors, of which `Guard.mask` tells the canaries, and what it is that
        is compared.

    Raises:
        SettingsError: k is 0 or less.
        SampleError: a sample cannot be read, there are none, or all are black.
        IndexMismatch: the embedder at hand is not that of the index.
    """
    if k < 1:
        raise SettingsError(f"{k} nearest training images are wanted: give 1 or more")
    light, digests = Light(samples), Digests()
    stream = light.watch(digests.watch((information or Information()).watch(samples)))
    vectors = embed_images(index, guard.among(stream, len(samples)))
    light.require()
    own = vectors[~guard.mask(len(samples))]
    distinct = len(np.unique(own.reshape(len(samples), -1).round(4), axis=0))
    return vectors, _subject(index, samples, distinct, name, digests)


def _subject(index: Index, samples: Samples, distinct: int, name: str, digests: Digests) -> Subject:
    pinned = index.manifest.embedder
    return Subject(
        samples=samples.names,
        source=samples.source,
        seeds=samples.seeds,
        prompts=samples.prompts,
        index=index.label or str(index.path),
        rejected=index.manifest.rejected,
        removed=index.manifest.opted_out,
        unproved=index.manifest.unproved,
        fingerprint=index.manifest.fingerprint,
        embedder=pinned.name,
        preprocessing=pinned.preprocessing,
        weights_sha256=pinned.weights_sha256,
        distinct=distinct,
        check=name,
        stale=is_stale(index.manifest),
        sample_sha256=tuple(digests.taken),
        labels=samples.labels,
        model=samples.model,
        prompted=samples.prompted.source if samples.prompted is not None else "",
    )
