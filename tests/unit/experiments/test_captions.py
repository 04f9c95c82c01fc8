from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from pytest_replication import Index, Samples, open_index
from pytest_replication.errors import ExperimentError, SettingsError
from pytest_replication.experiments.captions import measure_captions
from pytest_replication.experiments.judged import Asked
from pytest_replication.index.writer import IndexWriter
from pytest_replication.models.prompted import Prompted

from .test_size import copies

ROWS = {0: (0, 20, 21), 1: (1, 22)}
"""Rows of the captions that several pictures have."""


def asked_for(index: Index, images: list[Image.Image], captions: list[int]) -> Samples:
    """Samples that were made from the caption of a picture each."""
    rows = tuple(ROWS.get(number, (number,)) for number in captions)
    samples = Samples.of(images, prompts=[f"picture {number}" for number in captions])
    return replace(samples, prompted=Prompted("captions", index.manifest.generation, rows))


def test_own_images_and_duplicates(captioned: Index, unlike: list[Image.Image]) -> None:
    made = list(copies(captioned, 6))
    # Captions 0 and 1 bring their own pictures back, which are duplicated; 2 brings that of 3; others bring none.
    images = [made[0], made[0], made[1], made[1], made[3], *unlike[:3]]
    captions = [0, 0, 1, 1, 2, 4, 5, 6]
    found = measure_captions(asked_for(captioned, images, captions), captioned, Asked(threshold=0.99))
    assert len(found.verdict.replicated) == 5
    assert len(found.own) == 8
    assert (found.own > 0.999).sum() == 4
    assert found.own_mean is not None
    assert found.best_mean is not None
    assert found.own_mean.value < found.best_mean.value
    assert found.elsewhere is not None
    assert found.elsewhere.value >= 1 / 8
    assert found.by_caption.samples_duplicated == 4
    assert found.by_caption.duplicated is not None
    assert found.by_caption.duplicated.value == 1
    assert found.by_caption.alone is not None
    assert found.by_caption.alone.value == 1 / 4
    assert found.random_copies is not None
    assert found.random_copies.value == pytest.approx((18 + 3 * 3 + 2 * 2) / 23)
    assert found.replicated_copies is not None
    assert found.replicated_copies.value == pytest.approx((3 + 3 + 2 + 2 + 1) / 5)
    # Two of the prompts have two samples each: intervals are over five prompts, not eight samples.
    assert found.by_caption.duplicated.lower == pytest.approx(0.025 ** (1 / 2))


def test_where_nothing_is_replicated_there_is_nothing_to_tell(
    captioned: Index, unlike: list[Image.Image]
) -> None:
    found = measure_captions(asked_for(captioned, unlike[:3], [4, 5, 6]), captioned, Asked(threshold=0.99))
    assert found.replicated_copies is None
    assert found.by_caption.duplicated is None
    assert found.by_caption.alone is not None
    assert found.by_caption.alone.value == 0


def test_samples_without_prompts(captioned: Index, unlike: list[Image.Image]) -> None:
    with pytest.raises(SettingsError, match="no prompts"):
        measure_captions(Samples.of(unlike), captioned, Asked(threshold=0.99))


def test_prompts_that_are_no_captions(captioned: Index, unlike: list[Image.Image]) -> None:
    samples = Samples.of(unlike[:2], prompts=["a hat", "a cap"])
    with pytest.raises(ExperimentError, match="is a caption of a training image"):
        measure_captions(samples, captioned, Asked(threshold=0.99))


def test_duplicates_that_were_not_counted(
    captioned: Index, unlike: list[Image.Image], tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(captioned.path, tmp_path / "index"))
    with IndexWriter(folder) as writer:
        writer.commit(replace(writer.edit(), duplicates=None))
    index = open_index(folder)
    with pytest.raises(ExperimentError, match="pytest-replication duplicates"):
        measure_captions(asked_for(index, unlike[:1], [4]), index, Asked(threshold=0.99))
