from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from pytest_replication import CalibrateOptions, Index, Samples, calibrate_index, open_index
from pytest_replication.errors import SettingsError
from pytest_replication.experiments.judged import Asked
from pytest_replication.experiments.size import Summary, in_order, measure_size
from pytest_replication.search.pixels import take_pixels


def copies(index: Index, rows: int) -> Samples:
    return Samples.of([Image.fromarray(pixels) for pixels in take_pixels(index, np.arange(rows))])


def test_the_statistics_of_the_paper() -> None:
    found = Summary.of(np.array([0.0, 0.5, 0.5, 1.0]))
    assert found == Summary(
        0.5, pytest.approx(np.sqrt(0.125)), 0.625, pytest.approx(0.85), pytest.approx(0.925), 0.25
    )


def test_a_model_that_copies(captioned: Index) -> None:
    found = measure_size(copies(captioned, 10), captioned, Asked(threshold=0.99))
    assert found.images == 23
    assert found.rate.value == 1
    assert found.rate.lower == pytest.approx(0.025**0.1)  # Clopper-Pearson, both sides together 95 %
    assert found.median.value == pytest.approx(1)
    assert found.extracted is not None
    assert found.extracted.value == 1
    assert found.superiority is not None
    assert found.superiority.value > 0.8
    assert found.unseen_median is None
    assert len(found.unseen) == 0


def test_a_model_that_does_not(captioned: Index, unlike: list[Image.Image]) -> None:
    found = measure_size(Samples.of(unlike), captioned, Asked(threshold=0.99))
    assert found.rate.value == 0
    assert found.rate.upper == pytest.approx(1 - 0.025 ** (1 / 8))
    assert found.extracted is not None
    assert found.extracted.value == 0
    assert found.median.value < 0.9


def test_training_images_are_held_against_the_others_their_duplicates_among_them(captioned: Index) -> None:
    found = measure_size(copies(captioned, 2), captioned, Asked(threshold=0.99))
    assert len(found.training) == 23
    assert (found.training > 0.999).sum() == 5  # three of one picture, two of another
    assert len(measure_size(copies(captioned, 2), captioned, Asked(0.99, training=7)).training) == 7


def test_a_calibrated_index_brings_threshold_and_unseen_images(
    built_calibrated: object, training: object, unlike: list[Image.Image]
) -> None:
    index = open_index(str(built_calibrated))
    found = measure_size(Samples.of(unlike), index, Asked())
    assert found.verdict.policy.threshold_source.startswith("calibration")
    assert len(found.unseen) == 120
    assert found.unseen_median is not None
    assert found.unseen_median.value == pytest.approx(np.median(found.unseen))
    assert found.extracted is None  # no pixels are stored


def test_training_images_are_no_unseen_ones(
    captioned: Index, unlike: list[Image.Image], tmp_path: object
) -> None:
    import shutil

    index = open_index(shutil.copytree(captioned.path, f"{tmp_path}/index"))
    calibrate_index(index, CalibrateOptions(fpr=0.1, plant=0))
    assert len(measure_size(Samples.of(unlike), open_index(index.path), Asked()).unseen) == 0


def test_results_are_in_order_of_their_training_images(captioned: Index, pixels_index: Index) -> None:
    large = measure_size(copies(captioned, 3), captioned, Asked(threshold=0.9))
    small = measure_size(copies(captioned, 3), pixels_index, Asked(threshold=0.9))
    assert in_order([large, small]) == [small, large]


def test_scores_of_different_embedders_are_not_compared(captioned: Index) -> None:
    one = measure_size(copies(captioned, 3), captioned, Asked(threshold=0.9))
    matches = one.verdict.matches
    other = replace(
        one,
        verdict=replace(
            one.verdict, matches=replace(matches, subject=replace(matches.subject, embedder="sscd"))
        ),
    )
    with pytest.raises(SettingsError, match=r"different embedders \(pixels .*, sscd .*build all with one"):
        in_order([one, other])
