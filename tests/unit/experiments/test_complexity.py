from __future__ import annotations

import pytest
from PIL import Image

from pytest_replication import Index, Samples
from pytest_replication.errors import ExperimentError
from pytest_replication.experiments.complexity import measure_complexities
from pytest_replication.experiments.judged import Asked
from pytest_replication.stats.correlation import pearson

from .test_size import copies


def test_scores_beside_the_figures_of_matched_training_images(
    captioned: Index, unlike: list[Image.Image]
) -> None:
    samples = Samples.of([*unlike, *(copies(captioned, 4))])
    found = measure_complexities(samples, captioned, Asked(threshold=0.99, confidence=0.8))
    assert len(found.scores) == 12
    told = found.correlations["training_images"]["figures"]["jpeg_kib"]["pearson"]
    again = pearson(found.figures["jpeg_kib"], found.scores, 0.8)
    assert again is not None
    assert (told["value"], told["lower"], told["confidence"]) == (again.value, again.lower, 0.8)


def test_training_images_that_cannot_be_looked_at(
    captioned: Index, unlike: list[Image.Image], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pytest_replication.search.evidence.training_image", lambda index, match: None)
    with pytest.raises(ExperimentError, match="--pixels or --thumbnails"):
        measure_complexities(Samples.of(unlike), captioned, Asked(threshold=0.99))
