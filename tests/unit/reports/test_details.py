"""What a file of results tells of a check beside its verdict."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from pytest_replication import Acceptance, Accepted, Index, Samples, check_replication, judge, open_index
from pytest_replication.reports.data import verdict_data
from pytest_replication.reports.details import BINS, NEAR, add_pictures, details, near, rounded
from pytest_replication.results.pictures import Pictures
from pytest_replication.results.sound import pairs_of
from pytest_replication.search import evidence

Make = Callable[..., Image.Image]


@pytest.fixture(scope="module")
def samples(training: Path, picture: Make) -> Samples:
    """Two photographs of the index, and 30 made-up images."""
    copies = []
    for name in ("cat.jpg", "coins.jpg"):
        with Image.open(training / name) as image:
            copies.append(image.convert("RGB").resize((96, 64)))
    return Samples.of([*copies, *(picture(seed) for seed in range(30))])


def test_all_scores_and_the_closest_pairs_are_told(samples: Samples, pixels_index: Index) -> None:
    verdict = check_replication(samples, 0.9, index=pixels_index)
    told = details(verdict, pixels_index)
    best = [match.score for match in verdict.matches.best]
    assert told["scores"] == [round(score, 4) for score in best]
    assert told["message"].startswith("2 of 32 samples replicate")
    assert told["null"] is None
    scores = [pair["score"] for pair in told["near_pairs"]]
    assert scores == sorted(best[2:], reverse=True)[:NEAR]
    passed = check_replication(samples, 1.0, index=pixels_index)
    assert details(passed, pixels_index)["message"] == ""


@given(st.floats(-1, 1), st.floats(-1, 1), st.integers(-9, 9))
def test_scores_in_few_decimals_stay_on_their_side_of_the_threshold(
    score: float, threshold: float, step: int
) -> None:
    for close in (score, threshold, threshold + step * 1e-5):
        told = rounded(close, threshold)
        assert (told >= threshold) == (close >= threshold)
        assert abs(told - close) <= 1.01e-4
        assert told == round(told, 4)
    assert rounded(score, None) == round(score, 4)


def test_the_null_is_told_as_a_histogram_that_reaches_over_the_samples(
    samples: Samples, built_calibrated: Path
) -> None:
    index = open_index(built_calibrated)
    calibration = index.calibration
    assert calibration is not None
    verdict = check_replication(samples, 0.9, index=index)
    told = details(verdict, index)
    null, scores = told["null"], told["scores"]
    edges = np.array(null["edges"])
    assert (len(edges), sum(null["counts"])) == (BINS + 1, len(calibration))
    assert (np.diff(edges) > 0).all()
    assert edges[0] <= min(*scores, *calibration.scores)
    assert edges[-1] >= max(*scores, *calibration.scores)
    assert null["threshold"] == calibration.threshold


def pictured(tmp_path: Path, index: Index, samples: Samples, verdict: Any, room: int = 1_000_000) -> Any:
    row = verdict_data(verdict, neighbours=0) | details(verdict, index)
    add_pictures(row, verdict, samples, index, Pictures(tmp_path, room))
    return row


def test_each_pair_has_its_pictures_also_one_that_is_accepted(
    samples: Samples, pixels_index: Index, tmp_path: Path
) -> None:
    verdict = check_replication(samples, 0.9, index=pixels_index)
    first = verdict.replicated[0]
    digest = verdict.matches.subject.sample_sha256[first.sample]
    day = date(2026, 1, 1)
    entry = Acceptance(digest, first.record.sha256, "public domain", "me", day, date(2027, 1, 1))
    book = replace(verdict.policy.accepted, entries=(entry,), day=day)
    assert isinstance(book, Accepted)
    judged = judge(verdict.matches, replace(verdict.policy, accepted=book))
    row = pictured(tmp_path, pixels_index, samples, judged)
    assert (len(row["pairs"]), len(row["accepted"]["matches"]), row["pictures_left_out"]) == (1, 1, 0)
    for pair in pairs_of(row):
        for path in pair["pictures"].values():
            assert (tmp_path / path).is_file()


def test_without_room_the_worst_pairs_have_pictures(
    samples: Samples, pixels_index: Index, tmp_path: Path
) -> None:
    verdict = check_replication(samples, 0.9, index=pixels_index)
    everything = pictured(tmp_path / "all", pixels_index, samples, verdict, 90_000)  # of that size, too
    first = [tmp_path / "all" / path for path in everything["pairs"][0]["pictures"].values()]
    room = sum(path.stat().st_size for path in first) + 10
    row = pictured(tmp_path / "some", pixels_index, samples, verdict, room)
    assert ["pictures" in pair for pair in pairs_of(row)] == [True] + [False] * (1 + NEAR)
    assert row["pictures_left_out"] == 1 + NEAR


def test_images_that_have_gone_leave_the_verdict_without_their_pictures(
    samples: Samples, pixels_index: Index, tmp_path: Path, picture: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    verdict = check_replication(samples, 0.9, index=pixels_index)
    monkeypatch.setattr(evidence, "original", lambda record: None)
    row = pictured(tmp_path, pixels_index, samples, verdict)
    assert row["pairs"][0]["pictures"]["training"] is None
    assert row["pictures_left_out"] == 0
    (tmp_path / "gone").mkdir()
    picture(3).save(tmp_path / "gone" / "a.png")
    given = Samples.of(tmp_path / "gone")
    passed = check_replication(given, 0.9, index=pixels_index)
    (tmp_path / "gone" / "a.png").unlink()
    row = pictured(tmp_path, pixels_index, given, passed)
    assert (row["pictures_left_out"], "pictures" in row["near_pairs"][0]) == (1, False)
    assert len(near(passed)) == 1
