"""What a calibration says of itself."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pytest_replication import Calibration, open_index
from pytest_replication.index.calibration import Copy, Found, HalvesControl
from pytest_replication.reports.calibration import _bounds as bounds_in_words
from pytest_replication.reports.calibration import (
    calibration_data,
    calibration_text,
    calibration_warnings,
)
from pytest_replication.reports.calibration_plot import _band as band_in_words


@pytest.fixture(scope="module")
def found(built_calibrated: Path) -> Calibration:
    calibration = open_index(built_calibrated).calibration
    assert calibration is not None
    return calibration


def test_the_data_are_plain(found: Calibration) -> None:
    data = calibration_data(found)
    assert json.loads(json.dumps(data)) == data
    assert data["images"] == 120
    assert data["resolution"] == 1 / 121


FEW = ("120 images make a rough threshold",)


@pytest.mark.parametrize(
    ("changes", "warned"),
    [
        ({}, ()),
        ({"origin": "training"}, ("the null is of training images",)),
        ({"copied": 6}, ()),
        ({"copied": 7}, ("5.51 % of the hold-out was left out as copies",)),
        ({"copied": 7, "origin": "training"}, ("the null is of training images",)),
        ({"planted": (Found("grey", 4, 10),)}, ("the threshold finds 40 % of planted copies",)),
        ({"planted": (Found("grey", 4, 10), Found("jpeg-20", 10, 10))}, ()),
        ({"control": HalvesControl(0.0, 9, 60, 0.0, False)}, ("the A/A control failed",)),
    ],
    ids=str,
)
def test_what_weakens_it_is_told(
    found: Calibration, changes: dict[str, Any], warned: tuple[str, ...]
) -> None:
    said = calibration_warnings(replace(found, **changes))
    blind = () if "planted" in changes else ("no copies were planted (--plant 0): nothing tells what",)
    assert len(said) == len(warned) + len(blind) + 1
    for start in (*warned, *blind, *FEW):
        assert any(line.startswith(start) for line in said)


def test_the_text_tells_what_was_left_out(found: Calibration) -> None:
    copies = tuple(Copy(f"/h/{i}\n", "t", "/t", 0.99) for i in range(12))
    text = calibration_text(
        "index", replace(found, copied=15, copies=copies, unreadable=1, repeated=2, samples=7)
    )
    assert text.startswith(
        f"index: threshold {found.threshold:g}, 5 % of 120 unseen images for a gate of 7 samples"
    )
    assert f"15 copies of training images (score >= {found.copies_from:g})" in text
    assert "and 5 more" in text
    assert "1 image that could not be read" in text
    assert "2 images that were there before" in text
    assert "/h/1\\n -> /t" in text
    assert "  planted      none\n" in text
    assert "  WARNING      no copies were planted (--plant 0): " in text


def test_groups_are_listed_with_their_thresholds(found: Calibration) -> None:
    numbers = found.group_of.copy()
    numbers[:60], numbers[60:] = 0, 1
    grouped = replace(found, by="label", names=("low", "high"), group_of=numbers)
    text = calibration_text("index", grouped)
    assert "  label        low: " in text
    assert "  label        high: " in text
    assert "  label        all others: " in text
    assert set(calibration_data(grouped)["groups"]) == {"low", "high"}


@pytest.mark.parametrize(
    ("bounds", "said"),
    [
        ((0.25, 0.5), "lies between 0.2500 and 0.5000"),
        ((0.25, 1.0), "lies above 0.2500 (too few images for an upper bound)"),
        ((-1.0, 0.5), "lies below 0.5000 (too few images for a lower bound)"),
        ((-1.0, 1.0), "has no bounds (too few images)"),
    ],
)
def test_a_percentile_without_a_bound_is_told(bounds: tuple[float, float], said: str) -> None:
    assert bounds_in_words(*bounds) == said


def test_few_images_bound_nothing_from_above(found: Calibration) -> None:
    few = replace(found, scores=found.scores[:40], group_of=found.group_of[:40])
    assert "percentile lies above 0." in calibration_text("index", few)


def test_how_often_a_gate_fails_an_innocent_model_is_told(found: Calibration) -> None:
    text = calibration_text("index", replace(found, rate=0.01, samples=1))
    assert "256 samples of a model that copies nothing fail with a probability of about 92.4 %" in text
    assert "give --samples N" in text
    text = calibration_text("index", replace(found, rate=0.02, samples=10))
    assert "10 samples of a model that copies nothing fail with a probability of about 18.3 %" in text
    assert "give --samples N" not in text


@pytest.mark.parametrize(
    ("bounds", "said"),
    [
        ((0.25, 0.5), "95 % bounds of the percentile"),
        ((0.25, 1.0), "95 % bounds of the percentile (none above: too few images)"),
        ((-1.0, 1.0), "95 % bounds of the percentile (none below or above: too few images)"),
    ],
)
def test_the_band_of_the_figure_is_named(bounds: tuple[float, float], said: str) -> None:
    assert band_in_words(*bounds) == said


def test_a_pair_below_the_line_of_copies_is_not_written_as_the_line(found: Calibration) -> None:
    kept, out = Copy("/h/1", "t", "/t", 0.969996), Copy("/h/2", "t", "/t", 0.97)
    told = replace(found, copies_from=0.97, copied=1, copies=(out,), closest=(kept,))
    text = calibration_text("index", told)
    assert "closest kept 0.969996  /h/1" in text
    assert "  0.9700  /h/2" in text
