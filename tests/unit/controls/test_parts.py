"""Copies of parts are planted with a calibration, and a check that does not find them gives no verdict."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pytest_replication import Index, Outcome, check_replication, cli, open_index, read_matches, save_matches
from pytest_replication._plugin.table import _controlled
from pytest_replication.choices import CanaryChoice
from pytest_replication.controls import parts as module
from pytest_replication.controls.judged_parts import PartControl, judge_part_control
from pytest_replication.controls.parts import PartGuard, draw_parts, paste, plant_parts, safe
from pytest_replication.errors import ControlFailed
from pytest_replication.index.canaries import Canaries, Canary, PartCanaries, PartCanary, png
from pytest_replication.index.canaries_file import write_canaries
from pytest_replication.index.originals import Originals
from pytest_replication.judging import judge
from pytest_replication.reports.calibration import calibration_data, calibration_text
from pytest_replication.reports.data import verdict_data
from pytest_replication.reports.text import render
from pytest_replication.scoring.geometry import Alignment
from pytest_replication.scoring.tones import Tones
from pytest_replication.search import objects as searching
from pytest_replication.search.match import Match, PartMatch
from pytest_replication.search.sightings import PartSighting, PartSightings
from pytest_replication.surroundings import surrounded_by
from pytest_replication.verdicts import Verdict

pytest.importorskip("cv2")
ABOVE = 0.99


@pytest.fixture(scope="module")
def guarded(parts_calibrated: Path) -> Path:
    return parts_calibrated


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of one small made-up sample."""
    folder = tmp_path_factory.mktemp("sample")
    noise = np.random.default_rng(999).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    Image.fromarray(noise).resize((48, 32), Image.Resampling.BICUBIC).save(folder / "0.png")
    return folder


@pytest.fixture(scope="module")
def verdict(guarded: Path, sample: Path) -> Verdict:
    with surrounded_by(None):
        return check_replication(str(sample), 0.9, index=str(guarded), objects=True, canaries=2)


def test_a_part_lies_on_the_other_image() -> None:
    source = Image.fromarray(np.arange(40 * 60 * 3, dtype=np.uint32).reshape(40, 60, 3).astype(np.uint8))
    host = Image.new("RGB", (10, 10), (7, 8, 9))
    for mirrored in (False, True):
        made = np.asarray(paste(source, host, np.random.default_rng(3), mirrored=mirrored))
        rows, columns = np.nonzero((made != (7, 8, 9)).any(axis=2))
        assert made.shape == (40, 60, 3)
        assert (np.ptp(rows) + 1, np.ptp(columns) + 1) == (20, 30)
        part = made[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
        part = part[:, ::-1] if mirrored else part
        windows = np.lib.stride_tricks.sliding_window_view(np.asarray(source), (20, 30, 3))[:, :, 0]
        assert (windows == part).all(axis=(2, 3, 4)).any()


def test_calibrating_plants_some(guarded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    index = open_index(guarded)
    assert index.canaries is not None
    assert index.calibration is not None
    parts, told = index.canaries.parts, index.calibration.objects
    assert told is not None
    assert (parts.tried, parts.found) == (3, 3) == (told.planted, told.planted_found)
    assert len(parts.kept) == 3
    assert all(canary.points >= safe(told.points) for canary in parts.kept)
    assert all(max(canary.picture().size) <= 512 for canary in parts.kept)
    text = calibration_text("index", index.calibration)
    assert "planted      3 of 3 copies of parts are found" in text
    assert calibration_data(index.calibration)["objects"]["planted"] == 3
    assert cli.main(["info", str(guarded)]) == 0
    assert ", and 3 of parts" in capsys.readouterr().out
    blind = replace(index.calibration, objects=replace(told, planted_found=1))
    assert "find 1 of 3 planted copies of parts: most would pass" in calibration_text("index", blind)


def test_every_check_of_parts_has_to_find_some(verdict: Verdict) -> None:
    assert verdict.outcome is Outcome.PASS
    assert verdict.samples == 1
    control, found = verdict.part_control, verdict.matches.objects
    assert control is not None
    assert found is not None
    assert (control.asked, control.stored, control.absent) == (2, 3, "")
    assert (len(found.of), found.candidates, found.checked) == (1, 6, 6)
    assert [one.points for one in found.canaries.of] == [one.planted for one in found.canaries.of]
    assert f"control    2 planted parts found (fewest points {control.fewest}, 6 are enough" in render(
        verdict
    )
    row = verdict_data(verdict) | {"test": "t", "asserted": True}
    assert _controlled(row)[1] == f"      control: 2 planted parts found (fewest points {control.fewest})"
    data = row["objects"]["control"]
    assert (data["asked"], data["planted"], data["planted_found"]) == (2, 3, 3)
    assert "no positive control of parts" not in render(verdict)


def test_a_check_that_finds_none_gives_no_verdict(
    guarded: Path, sample: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(searching, "align", lambda *_: None)
    with pytest.raises(ControlFailed, match="2 of 2 have too few points .*down to 0"):
        check_replication(str(sample), 0.9, index=str(guarded), objects=True, canaries=2)


def test_a_number_that_none_can_reach_gives_no_verdict(guarded: Path, sample: Path) -> None:
    with pytest.raises(ControlFailed, match="from 5000 points on, and none of the 3 canaries of parts"):
        check_replication(str(sample), 0.9, index=str(guarded), objects=5000)
    given = check_replication(str(sample), 0.9, index=str(guarded), objects=5000, canaries=0)
    assert given.part_control is not None
    assert given.part_control.absent == "canaries are 0 (call)"


def test_they_are_judged_again_from_a_file(
    verdict: Verdict, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "run.json"
    save_matches(path, verdict)
    saved = read_matches(path)
    assert saved.matches.objects is not None
    assert saved.matches.objects.canaries == verdict.matches.objects.canaries  # type: ignore[union-attr]
    assert judge(saved.matches, saved.policy).part_control == verdict.part_control
    assert cli.main(["check", "--matches", str(path), "--object-points", "5000"]) == 3
    assert "none of 2 had the 7500 points that this takes when planted" in capsys.readouterr().err
    assert cli.main(["check", "--matches", str(path), "--object-points", "5000", "--canaries", "0"]) == 0


SEEN = PartSightings((PartSighting(1, 40, 38), PartSighting(2, 20, 19)), 5, 12, 9, "")


@pytest.mark.parametrize(
    ("points", "asked", "failure"),
    [
        (8, 2, ""),
        (13, 2, ""),
        (14, 1, ""),  # the second cannot reach it
        (26, 1, ""),
        (28, 0, "none of 2 had the 42 points"),
    ],
)
def test_only_those_that_can_reach_the_number_count(points: int, asked: int, failure: str) -> None:
    control, said = judge_part_control(SEEN, points)
    assert control.asked == asked
    assert said.startswith(failure)
    assert bool(said) is bool(failure)


def test_one_that_lost_its_points_fails() -> None:
    lost = replace(SEEN, of=(PartSighting(1, 40, 7), SEEN.of[1]))
    control, said = judge_part_control(lost, 8)
    assert (control.asked, control.fewest) == (2, 7)
    assert said == "1 of 2 have too few points (down to 7; they had 40 or more when they were planted)"
    assert judge_part_control(PartSightings(), 8) == (PartControl(absent="none were planted"), "")


def test_a_margin_is_kept_above_the_number() -> None:
    assert [safe(points) for points in (4, 6, 8, 9, 20)] == [8, 10, 12, 13, 30]


def canaries_of(*points: int) -> Canaries:
    image = png(Image.new("RGB", (4, 3)))
    kept = tuple(PartCanary(row, count, image) for row, count in enumerate(points))
    return Canaries(
        0.5, {"grey": (1, 1)}, (Canary(0, "grey", 0.9, image),), PartCanaries(kept, 12, len(kept))
    )


def test_as_many_are_drawn_as_are_wanted(damaged: Path) -> None:
    assert draw_parts(open_index(damaged), 8, CanaryChoice()) == PartGuard((), PartSightings())
    stored = canaries_of(30, 12, 11, 50, 60, 70)
    write_canaries(open_index(damaged), stored)
    index = open_index(damaged)
    assert index.canaries == stored
    drawn = {n: [one.points for one in draw_parts(index, 8, CanaryChoice(n)).canaries] for n in (0, 1, 16)}
    assert drawn == {0: [], 1: [30], 16: [30, 12, 50, 60]}
    with pytest.raises(ControlFailed, match="none of the 6 canaries of parts"):
        draw_parts(index, 60, CanaryChoice())


def test_one_image_is_no_host_of_its_own_part(objects_index: Index) -> None:
    assert plant_parts(objects_index, Originals(objects_index, 1), 8) == PartCanaries()


def test_only_the_training_image_of_the_part_counts(guarded: Path, verdict: Verdict) -> None:
    index = open_index(guarded)
    like = verdict.matches.best[0]
    others = [replace(like, row=row) for row in (3, 4, 5)]
    assert module.own_points(index, 2, others) == 0
    assert module.own_points(index, 2, [*others, with_points(like, 2, 31)]) == 31


def with_points(match: Match, row: int, points: int) -> Match:
    alignment = Alignment(
        points, points, points, 0.9, Tones(0.5, 0.3), 0.1, False, 1.0, 0.0, ((0, 0),), ((0, 0),)
    )
    return replace(match, row=row, part=PartMatch(alignment, "index"))


def test_a_duplicate_stands_for_it(guarded: Path, verdict: Verdict, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "DUPLICATE", -1.0)
    found = with_points(verdict.matches.best[0], 4, 17)
    assert module.own_points(open_index(guarded), 2, [found]) == 17
