from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pytest_replication import Index, Samples, check_replication, cli
from pytest_replication.errors import SettingsError
from pytest_replication.reports.pictures import SIDE, check_pictures, draw_pictures

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
    monkeypatch.setattr("pytest_replication.search.evidence.training_image", lambda index, match: None)
    assert draw_pictures(verdict, Samples.of(unlike), captioned, tmp_path / "worst.png") == 0
    assert not (tmp_path / "worst.png").exists()


def test_a_place_that_cannot_be_written(captioned: Index, unlike: list[Image.Image], tmp_path: Path) -> None:
    verdict = check_replication(unlike, 0.99, index=captioned)
    with pytest.raises(SettingsError, match="name another file"):
        draw_pictures(verdict, Samples.of(unlike), captioned, tmp_path / "none" / "worst.png")


@pytest.mark.parametrize("name", ["none/worst.png", "worst.txt"])
def test_a_file_that_cannot_be_drawn_to_shows_early(tmp_path: Path, name: str) -> None:
    with pytest.raises(SettingsError, match="ending in .png or .jpg"):
        check_pictures(tmp_path / name)


def test_check_draws_its_worst_pairs(
    captioned: Index, unlike: list[Image.Image], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number, image in enumerate([copies(captioned, 1).image(0), unlike[0]]):
        image.save(tmp_path / f"{number}.png")
    out = tmp_path / "drawn" / "worst.png"
    out.parent.mkdir()
    arguments = ["check", str(captioned.path), str(tmp_path), "--threshold", "0.99", "--pictures", str(out)]
    assert cli.main(arguments) == 1
    assert str(out) in capsys.readouterr().err
    assert out.stat().st_size > 0
    assert cli.main([*arguments, "--pixels", "ratio"]) == 2
    assert "--pictures draws" in capsys.readouterr().err
