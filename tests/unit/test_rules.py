"""Which rule decides, and where it comes from."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made_run import MadeRun
from PIL import Image

from pytest_replication import Index, check_replication, open_index, remove_images
from pytest_replication.calibrated import Calibrated
from pytest_replication.check import nearest
from pytest_replication.embedders.base import Threshold
from pytest_replication.errors import (
    CalibrationError,
    IndexCorrupt,
    ReplicationError,
    SettingsError,
    ThresholdMissing,
)
from pytest_replication.index.calibration_file import store_calibration
from pytest_replication.judging import judge
from pytest_replication.models.samples import Samples
from pytest_replication.policy import GroupThresholds, Policy
from pytest_replication.reports.text import render
from pytest_replication.rules import find_policy, settle, with_p_values
from pytest_replication.search import Match
from pytest_replication.stats.null import Null
from pytest_replication.surroundings import Surroundings
from pytest_replication.verdicts import Outcome

PHOTOS = Path(__file__).parents[2] / "fixtures" / "photos" / "unrelated"


@pytest.fixture(scope="module")
def index(built_calibrated: Path) -> Index:
    return open_index(built_calibrated)


def policy(
    index: Index, threshold: object = None, fdr: object = None, run: Surroundings | None = None
) -> Policy:
    return find_policy(threshold, fdr, None, 0.95, index, run)


def test_the_nearer_setting_decides(index: Index) -> None:
    run = MadeRun(None, (0.7, "marker"))
    assert policy(index, 0.9, run=run).threshold_source == "call"
    assert policy(index, run=run).threshold == 0.7
    found = policy(index, run=MadeRun())
    assert found.threshold == index.calibration.threshold  # type: ignore[union-attr]
    assert found.threshold_source == "calibration, 5 % of 120 unseen images"
    assert found.false_rate == 6 / 121


def test_a_calibration_comes_before_the_default_of_the_embedder(
    index: Index, pixels_index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    for opened in (index, pixels_index):
        monkeypatch.setattr(opened.embedder, "default_threshold", Threshold(0.5, "documented"))
    assert policy(index).threshold_source.startswith("calibration")
    assert policy(pixels_index).threshold_source == "documented"
    assert policy(pixels_index).false_rate is None


def test_without_any_the_message_names_calibrate(pixels_index: Index) -> None:
    with pytest.raises(ThresholdMissing, match="pytest-replication calibrate"):
        policy(pixels_index)


def test_the_false_rate_of_a_threshold_that_somebody_chose_is_told(index: Index) -> None:
    scores = index.calibration.scores  # type: ignore[union-attr]
    assert policy(index, float(scores[-10])).false_rate == 11 / 121
    assert policy(index, 1.0).false_rate == 1 / 121


@pytest.mark.parametrize(
    ("threshold", "fdr", "decides"),
    [
        ("marker", "command line", "threshold"),
        ("command line", "marker", "fdr"),
        ("command line", "ini file", "threshold"),
        ("ini file", "command line", "fdr"),
    ],
)
def test_of_threshold_and_fdr_the_nearer_decides(
    index: Index, threshold: str, fdr: str, decides: str
) -> None:
    found = policy(index, run=MadeRun(None, (0.7, threshold), (0.2, fdr)))
    assert (found.fdr is not None) == (decides == "fdr")
    assert policy(index, 0.8, run=MadeRun(None, None, (0.2, "marker"))).fdr is None
    assert policy(index, None, 0.2, run=MadeRun(None, (0.7, "marker"))).fdr == 0.2


@pytest.mark.parametrize("level", ["marker", "command line", "ini file"])
def test_both_at_one_level_are_refused(index: Index, level: str) -> None:
    with pytest.raises(SettingsError, match=f"both a threshold and a false discovery rate are set .{level}"):
        policy(index, run=MadeRun(None, (0.7, level), (0.2, level)))
    with pytest.raises(SettingsError, match="both"):
        policy(index, 0.7, 0.2)


@pytest.fixture
def changed(built_calibrated: Path, tmp_path: Path) -> Index:
    folder = Path(shutil.copytree(built_calibrated, tmp_path / "index"))
    remove_images(folder, ids=["cat.jpg"])
    return open_index(folder)


def test_a_stale_calibration_is_an_error_unless_a_threshold_is_given(
    changed: Index, unrelated: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(CalibrationError, match=r"has changed since it was calibrated.*--drop"):
        policy(changed)
    with pytest.raises(CalibrationError, match="has changed since it was calibrated"):
        policy(changed, fdr=0.1)
    given = check_replication(unrelated, 0.99, index=changed, canaries=0)
    assert (given.p_values, given.expected_false, given.matches.subject.stale) == ((), None, True)
    # The default of the embedder is no way out.
    monkeypatch.setattr(changed.embedder, "default_threshold", Threshold(0.5, "documented"))
    with pytest.raises(CalibrationError, match="has changed since it was calibrated"):
        policy(changed)


def test_an_index_without_a_calibration_has_no_p_values(pixels_index: Index, unrelated: Path) -> None:
    assert check_replication(unrelated, 0.99, index=pixels_index).p_values == ()
    with pytest.raises(CalibrationError, match="is not calibrated, which a false discovery rate takes"):
        check_replication(unrelated, index=pixels_index, fdr=0.1)


def test_p_values_are_those_of_the_scores(index: Index, unrelated: Path) -> None:
    verdict = check_replication(unrelated, index=index)
    scores = index.calibration.scores  # type: ignore[union-attr]
    wanted = [(1 + int((scores >= match.score).sum())) / 121 for match in verdict.matches.best]
    assert list(verdict.p_values) == wanted
    assert verdict.expected_false == pytest.approx(11 * 6 / 121)


def test_fdr_flags_copies_and_no_others(
    index: Index, training: Path, picture: Callable[..., Image.Image]
) -> None:
    few = [picture(9000 + seed, (16, 16)) for seed in range(6)]
    few += [Image.open(training / name).convert("RGB") for name in ("cat.jpg", "coins.jpg")]
    verdict = check_replication(few, index=index, fdr=0.1)
    assert verdict.outcome is Outcome.FAIL
    assert sorted(match.sample for match in verdict.replicated) == [6, 7]
    assert (verdict.policy.fdr, verdict.policy.fdr_source) == (0.1, "call")
    clean = check_replication(few[:6], index=index, fdr=0.1)
    assert clean.passed
    assert clean.expected_false is None


def test_too_small_a_null_for_one_sample_among_many_is_an_error(index: Index, unrelated: Path) -> None:
    with pytest.raises(CalibrationError, match=r"among 11 samples takes 1099 images .* which has 120"):
        check_replication(unrelated, index=index, fdr=0.01)
    check_replication(unrelated, index=index, fdr=0.1)  # 11 / 0.1 - 1 = 109


def test_a_single_copy_among_the_most_samples_is_found(index: Index, unrelated: Path, training: Path) -> None:
    """Where settle lets a check through, one copy is enough to fail it."""
    samples = [*sorted(unrelated.iterdir()), training / "cat.jpg"]
    assert settle(replace(policy(index, fdr=0.1)), index, 12).threshold < 1
    assert check_replication(samples, index=index, fdr=0.1).outcome is Outcome.FAIL


def test_fdr_without_p_values_never_passes(pixels_index: Index, unrelated: Path) -> None:
    matches = nearest(Samples.of(unrelated), pixels_index)
    with pytest.raises(CalibrationError, match="11 samples have 0 p-values"):
        judge(matches, Policy(0.5, fdr=0.1))
    for wrong in ((0.5,), (float("nan"),) * 11, (0.0,) * 11):
        with pytest.raises(CalibrationError, match="p-values"):
            judge(replace(matches, p_values=wrong), Policy(0.5, fdr=0.1))


def test_fdr_proves_no_rate(index: Index, unrelated: Path) -> None:
    message = r"a false discovery rate of 0.1 \(call\) decides .* a rate of 0.5 \(call\) takes a threshold"
    with pytest.raises(SettingsError, match=message):
        check_replication(unrelated, index=index, fdr=0.1, max_rate=0.5)
    with pytest.raises(SettingsError, match=r"of 0.1 \(ini file\).*a rate of 0.5 \(call\) takes"):
        find_policy(None, None, 0.5, 0.95, index, MadeRun(None, None, (0.1, "ini file")))
    assert find_policy(0.9, None, 0.5, 0.95, index, MadeRun(None, None, (0.1, "ini file"))).fdr is None
    verdict = check_replication(unrelated, index=index, fdr=0.1)
    assert (verdict.rate_lower, verdict.rate_upper) == (0, 1)
    assert "a false discovery rate proves nothing" in render(verdict)
    # What was measured once can be judged under any policy.
    with pytest.raises(SettingsError, match="proves no rate of the model"):
        judge(verdict.matches, replace(verdict.policy, max_rate=0.5))


@pytest.mark.parametrize("fdr", [0.0, 1.0, float("nan"), -0.1])
def test_fdr_outside_its_range_is_refused(index: Index, unrelated: Path, fdr: float) -> None:
    with pytest.raises(SettingsError, match="no false discovery rate"):
        check_replication(unrelated, index=index, fdr=fdr)


def test_fdr_that_is_no_number_is_refused(index: Index, unrelated: Path) -> None:
    with pytest.raises(SettingsError, match="fdr is '0.1'"):
        check_replication(unrelated, index=index, fdr="0.1")  # type: ignore[arg-type]


def test_a_sample_has_the_threshold_of_its_nearest_training_image(
    pixels_index: Index, unrelated: Path
) -> None:
    matches = nearest(Samples.of(unrelated), pixels_index)
    of = tuple(
        (replace(found[0], score=0.7, record=replace(found[0].record, label=label)),)
        for found, label in zip(matches.of, ["strict", "loose", "other", None] * 3, strict=False)
    )
    groups = GroupThresholds("label", {"strict": 0.6, "loose": 0.8}, rest=0.65)
    verdict = judge(replace(matches, of=of), Policy(0.9, groups=groups))
    assert sorted(match.sample for match in verdict.replicated) == [0, 2, 3, 4, 6, 7, 8, 10]


def test_the_gate_comes_from_the_calibration(index: Index, built_calibrated: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(built_calibrated, tmp_path / "index"))
    found = index.calibration
    assert found is not None
    store_calibration(open_index(folder), replace(found, samples=10))
    assert (policy(index).gate, policy(open_index(folder)).gate) == (1, 10)
    assert policy(open_index(folder), 0.9).gate == 1


def test_groups_come_from_the_calibration(
    index: Index, unrelated: Path, built_calibrated: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(built_calibrated, tmp_path / "index"))
    found = index.calibration
    assert found is not None
    first = np.where(np.arange(120) < 60, 0, -1)
    store_calibration(open_index(folder), replace(found, by="label", names=("low",), group_of=first))
    opened = open_index(folder)
    found_policy = policy(opened)
    ready = Calibrated.of_index(opened)
    assert ready is not None
    assert found_policy.groups == GroupThresholds(
        "label", {"low": ready.threshold_of("low")}, ready.threshold_of(None)
    )
    assert found_policy.threshold_source.endswith(
        f"by label from {ready.threshold_of('low'):g} to {ready.threshold_of('low'):g}"
    )
    assert ready.threshold_of("low") < found.threshold < ready.threshold_of(None)
    between = policy(opened, (ready.threshold_of("low") + found.threshold) / 2)
    assert between.overridden == ("the lowest of the calibration by label", ready.threshold_of("low"))
    assert between.laxer
    matches = nearest(Samples.of(unrelated), opened)
    low: tuple[tuple[Match, ...], ...] = tuple(
        (replace(several[0], record=replace(several[0].record, label="low")),) for several in matches.of
    )
    judged = with_p_values(replace(matches, of=low), opened)
    assert list(judged.p_values) == [
        (1 + int((found.scores[:60] >= several[0].score).sum())) / 61 for several in low
    ]
    with pytest.raises(CalibrationError, match="takes 109 images .* which has 60"):
        judge(judged, replace(found_policy, fdr=0.1))


def test_a_threshold_that_does_not_follow_from_the_scores_is_refused(
    built_calibrated: Path, unrelated: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(built_calibrated, tmp_path / "index"))
    found = open_index(folder).calibration
    assert found is not None
    store_calibration(open_index(folder), replace(found, threshold=0.999))
    with pytest.raises(IndexCorrupt, match=r"0.999 .* does not follow from its scores"):
        check_replication(unrelated, index=open_index(folder))


def test_every_error_here_is_one_of_the_gate() -> None:
    assert issubclass(CalibrationError, ReplicationError)


def test_matches_behind_the_best_have_p_values_too(index: Index, unrelated: Path) -> None:
    judged = with_p_values(nearest(Samples.of(unrelated), index), index)
    found = index.calibration
    assert found is not None
    for matches, behind in zip(judged.of, judged.p_behind, strict=True):
        above = [int((found.scores >= match.score).sum()) for match in matches[1:]]
        assert list(behind) == [(1 + count) / 121 for count in above]


def test_behind_the_best_a_group_that_is_too_small_to_tell_counts(
    index: Index, unrelated: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = index.calibration
    assert stored is not None
    big, small = Null.of(np.linspace(-0.9, 0.2, 999)), Null.of(np.linspace(-0.9, 0.2, 9))
    grouped = Calibrated(replace(stored, by="label"), big, {"big": big}, small)
    monkeypatch.setattr(Calibrated, "of_index", classmethod(lambda cls, index: grouped))
    first, second, third = nearest(Samples.of(unrelated), index).of[0][:3]
    best = replace(first, score=0.9, record=replace(first.record, label="big"))
    of = ((best, replace(second, score=0.8), replace(third, score=-0.5)),)
    judged = with_p_values(replace(nearest(Samples.of(unrelated), index), of=of), index)
    assert judged.p_least == judged.p_values[0] == 0.001
    assert judged.p_behind[0][0] == 0.001  # 0.1 is all that nine images can say
    assert judged.p_behind[0][1] > 0.5


def test_a_given_threshold_tells_what_it_took_the_place_of(index: Index, pixels_index: Index) -> None:
    calibration = index.calibration
    assert calibration is not None
    for threshold, laxer in ((0.9, True), (0.2, False)):
        found = check_replication([Image.new("RGB", (9, 9), "red")], threshold, index=index)
        assert found.policy.overridden == ("the calibration", calibration.threshold)
        assert f"(call; the calibration: {calibration.threshold:.9g}); max rate" in render(found)
        said = f"threshold {threshold} (call) is laxer than the calibration ({calibration.threshold:.9g}): copies"
        assert (said in render(found)) == laxer
    assert find_policy(0.9, None, None, 0.95, pixels_index, None).overridden is None
    same = find_policy(calibration.threshold, None, None, 0.95, index, None)
    assert not same.laxer
    assert find_policy(None, None, None, 0.95, index, None).overridden is None


def test_the_default_of_an_embedder_is_told(pixels_index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pixels_index.embedder, "default_threshold", Threshold(0.5, "default of pixels"))
    sample = [np.zeros((9, 9, 3), np.uint8) + np.arange(9, dtype=np.uint8)[:, None, None] * 20]
    found = check_replication(sample, 0.95, index=pixels_index)
    assert "score >= 0.95 (call; the default of pixels: 0.5)" in render(found)
    assert "threshold 0.95 (call) is laxer than the default of pixels (0.5)" in render(found)
    assert "laxer" not in render(check_replication(sample, 0.4, index=pixels_index))
    monkeypatch.setattr(pixels_index.embedder, "default_threshold", Threshold(-0.99, "default of pixels"))
    found = check_replication(Samples.of(PHOTOS), index=pixels_index)
    assert found.outcome is Outcome.FAIL
    assert "threshold -0.99 is the embedder's default and was not measured for images like these" in render(
        found
    )
    monkeypatch.setattr(pixels_index.embedder, "default_threshold", Threshold(1.0, "default of pixels"))
    found = check_replication(Samples.of(PHOTOS), index=pixels_index)
    assert found.passed
    assert found.policy.unmeasured
    assert "was not measured" not in render(found)


def test_what_is_judged_again_tells_the_threshold_of_then() -> None:
    assert Policy(0.5).at(0.6, "command line").overridden == ("the check of then", 0.5)
    assert Policy(0.5).at(0.6, "command line").laxer
    assert not Policy(0.5, unmeasured=True).at(0.4, "command line").unmeasured
    assert Policy(0.5, fdr=0.1).at(0.6, "command line").overridden is None
    calibrated = Policy(0.5, overridden=("the calibration", 0.4))
    assert calibrated.at(0.6, "command line").overridden == ("the calibration", 0.4)
