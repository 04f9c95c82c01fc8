from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from pytest_replication.embedders import load_embedder
from pytest_replication.images.sources import ImageRef, open_source
from pytest_replication.images.views import WHOLE
from pytest_replication.index import pipeline as pipeline_module
from pytest_replication.index.pipeline import Pipeline, PipelineOptions, Stopwatch


def test_images_that_wait_are_bounded_by_their_bytes(
    picture: Callable[..., Image.Image], monkeypatch: pytest.MonkeyPatch
) -> None:
    refs = list(open_source([picture(seed) for seed in range(20)]))
    refs[7] = replace(refs[7], content=b"x" * 20_000)  # alone more than is held
    size = len(refs[0].read())
    listed = done = most = 0

    def listing() -> Iterator[ImageRef]:
        nonlocal listed, most
        for ref in refs:
            listed += 1
            most = max(most, listed - done)
            yield ref

    def progress(count: int) -> None:
        nonlocal done
        done += count

    options = PipelineOptions(WHOLE, batch_size=4, decoders=2)
    with Pipeline(load_embedder("pixels"), options, Stopwatch()) as pipeline:
        whole = pipeline.embed(listing(), progress)
        assert most > 12
        monkeypatch.setattr(pipeline_module, "_HELD", 3 * size)
        listed = done = most = 0
        bounded = pipeline.embed(listing(), progress)
    assert done == 20
    assert most <= 3 + 4  # three wait to be decoded, and a batch to be embedded
    assert (bounded.records, bounded.rejected) == (whole.records, whole.rejected)
    assert [row.id for row in bounded.rejected] == ["000007"]
    assert np.array_equal(bounded.embeddings, whole.embeddings)
