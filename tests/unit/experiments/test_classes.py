from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from PIL import Image

from pytest_replication import Index, Samples
from pytest_replication.errors import ExperimentError
from pytest_replication.experiments.classes import labels_of, measure_classes, similarity_of
from pytest_replication.experiments.judged import Asked
from pytest_replication.search.vectors import take

from .test_size import copies


def test_how_alike_a_class_is_without_pairs(captioned: Index) -> None:
    rows = [0, 3, 5, 11, 20]
    vectors = take(captioned, np.array(rows))
    pairs = [float(a @ b) for a, b in combinations(vectors, 2)]
    assert similarity_of(captioned, rows, 100) == pytest.approx(np.mean(pairs))
    assert similarity_of(captioned, [0, 20], 100) == pytest.approx(1)


def test_classes_of_samples_that_carry_none_are_those_of_their_nearest_images(captioned: Index) -> None:
    found = measure_classes(copies(captioned, 19), captioned, Asked(threshold=0.99))
    assert found.by == "match"
    assert {one.name: one.samples for one in found.classes} == {"bag": 5, "boot": 5, "coat": 5, "dress": 4}
    assert all(one.rate.value == 1 and one.highest == pytest.approx(1) for one in found.classes)
    assert [one.similarity for one in found.classes] == sorted(one.similarity for one in found.classes)
    assert found.correlations["rate"] == (None, None)  # it never varies


def test_labels_of_samples_go_first(captioned: Index, unlike: list[Image.Image]) -> None:
    labels = ["bag", "bag", "boot", "boot", "coat", "coat", "dress", "dress"]
    images = [copies(captioned, 1).image(0), *unlike[1:]]
    found = measure_classes(Samples.of(images, labels=labels), captioned, Asked(threshold=0.99))
    assert found.by == "label"
    bag = next(one for one in found.classes if one.name == "bag")
    assert (bag.samples, bag.replicated, bag.images) == (2, 1, 7)
    pearson, spearman = found.correlations["highest"]
    assert pearson is not None
    assert spearman is not None
    assert pearson.n == 4
    assert pearson.lower <= pearson.value <= pearson.upper


def test_one_image_again_and_again_is_one_observation(captioned: Index, unlike: list[Image.Image]) -> None:
    images, labels = [unlike[0]] * 20 + [unlike[1]] * 20, ["bag"] * 20 + ["boot"] * 20
    found = measure_classes(Samples.of(images, labels=labels), captioned, Asked(threshold=0.99))
    assert [(one.rate.lower, one.rate.upper) for one in found.classes] == [(0, pytest.approx(0.975))] * 2


def test_a_class_of_one_training_image_is_left_out_and_told(
    captioned: Index, unlike: list[Image.Image]
) -> None:
    found = measure_classes(
        Samples.of(unlike[:4], labels=["bag", "boot", "shirt", "shirt"]), captioned, Asked(threshold=0.99)
    )
    assert found.left_out == ("shirt",)
    assert [one.name for one in found.classes if one.name == "shirt"] == []
    with pytest.raises(ExperimentError, match="two training images"):
        measure_classes(Samples.of(unlike[:1], labels=["shirt"]), captioned, Asked(threshold=0.99))


def test_a_class_that_no_training_image_has(captioned: Index, unlike: list[Image.Image]) -> None:
    with pytest.raises(ExperimentError, match=r"1 samples .*'hat'.*bag, boot, coat, dress, shirt"):
        measure_classes(Samples.of(unlike[:2], labels=["bag", "hat"]), captioned, Asked(threshold=0.99))


def test_training_images_without_labels(pixels_index: Index) -> None:
    with pytest.raises(ExperimentError, match="no labels"):
        labels_of(pixels_index)
