from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pytest_replication import Index, Samples, check_replication
from pytest_replication.errors import SettingsError
from pytest_replication.reports.pictures import SIDE, draw_pictures

from .test_size import copies


def test_the_highest_scores_come_first_each_image_once(
    captioned: Index, unlike: list[Image.Image], tmp_path: Path
) -> None:
    copy = copies(captioned, 3).image(2)
    samples = Samples.of([unlike[0], copy, copy, unlike[1]])
    verdict = check_replication(samples, 0.99, index=captioned)
    assert draw_pictures(verdict, samples, captioned, tmp_path / "worst.png", across=2) == 3
    with Image.open(tmp_path / "worst.png") as sheet:
        pixels = np.asarray(sheet)
    first = np.asarray(copy.resize((SIDE, SIDE), Image.Resampling.BILINEAR))
    assert (pixels[:SIDE, :SIDE] == first).all()  # the sample
    assert (pixels[:SIDE, SIDE : 2 * SIDE] == first).all()  # its training image
    assert pixels.shape[0] > 2 * SIDE  # a second row


def test_no_pictures_without_training_images(
    captioned: Index, unlike: list[Image.Image], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    verdict = check_replication(unlike, 0.99, index=captioned)
    monkeypatch.setattr("pytest_replication.search.evidence._training_image", lambda index, match: None)
    assert draw_pictures(verdict, Samples.of(unlike), captioned, tmp_path / "worst.png") == 0
    assert not (tmp_path / "worst.png").exists()


def test_a_place_that_cannot_be_written(captioned: Index, unlike: list[Image.Image], tmp_path: Path) -> None:
    verdict = check_replication(unlike, 0.99, index=captioned)
    with pytest.raises(SettingsError, match="name another file"):
        draw_pictures(verdict, Samples.of(unlike), captioned, tmp_path / "none" / "worst.png")
