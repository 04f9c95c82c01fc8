from __future__ import annotations

import math
import re
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from pytest_replication import (
    Inconclusive,
    Index,
    Outcome,
    ReplicationDetected,
    Samples,
    append_index,
    assert_not_closer_than_holdout,
    open_index,
)
from pytest_replication.calibrate import CalibrateOptions, calibrate_index
from pytest_replication.controls import plant, store_canaries
from pytest_replication.errors import (
    CalibrationError,
    ControlFailed,
    IndexMismatch,
    ReplicationError,
    SampleError,
    SearchError,
    SettingsError,
)
from pytest_replication.search import Neighbours, Subject, search
from pytest_replication.set_checks import running
from pytest_replication.set_checks.holdout import HoldoutRule, HoldoutScores, judge_closeness, stored_scores
from pytest_replication.set_verdicts import Finding, HoldoutVerdict, overall

from .conftest import Many

RULE = HoldoutRule()


def judged(
    scores: np.ndarray,
    null: np.ndarray,
    rule: HoldoutRule = RULE,
    distinct: int = 0,
    prompts: tuple[str, ...] = (),
) -> HoldoutVerdict:
    subject = Subject(
        tuple(f"s{i}" for i in range(len(scores))),
        "out",
        "index",
        0,
        "f",
        "toy",
        "p",
        None,
        distinct=distinct,
        prompts=prompts,
    )
    return judge_closeness(scores, HoldoutScores(null, "holdout"), rule, subject, 10, ())


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_sets_of_one_distribution_pass(rng: np.random.Generator) -> None:
    verdict = judged(rng.normal(0.3, 0.05, 200), rng.normal(0.3, 0.05, 200))
    assert verdict.passed
    assert verdict.story.startswith("200 samples are not closer")
    assert [finding.outcome for finding in verdict.findings] == [Outcome.PASS, Outcome.PASS]


def test_a_shift_of_all_fails(rng: np.random.Generator) -> None:
    verdict = judged(rng.normal(0.33, 0.05, 200), rng.normal(0.3, 0.05, 200))
    assert verdict.outcome is Outcome.FAIL
    assert verdict.shift.superiority > 0.6


def test_a_few_copies_fail_by_the_tail_alone(rng: np.random.Generator) -> None:
    scores = rng.normal(0.29, 0.05, 300)
    scores[:40] = 0.9
    verdict = judged(scores, rng.normal(0.3, 0.05, 300))
    assert [finding.outcome for finding in verdict.findings] == [Outcome.PASS, Outcome.FAIL]
    assert verdict.outcome is Outcome.FAIL


def test_samples_that_are_farther_pass(rng: np.random.Generator) -> None:
    assert judged(rng.normal(0.2, 0.05, 200), rng.normal(0.3, 0.05, 200)).passed


@pytest.mark.parametrize(("n", "m"), [(1, 500), (500, 1), (60, 60), (130, 100)])
def test_sets_that_are_too_small_cannot_pass(rng: np.random.Generator, n: int, m: int) -> None:
    verdict = judged(rng.normal(0.3, 0.05, n), rng.normal(0.3, 0.05, m))
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert f"; {n} and {m} were given" in verdict.to_settle


def test_small_sets_can_fail(rng: np.random.Generator) -> None:
    assert (
        judged(np.full(30, 0.9) + rng.normal(0, 0.01, 30), rng.normal(0.3, 0.05, 60)).outcome is Outcome.FAIL
    )


def test_one_image_again_and_again_does_not_pass(rng: np.random.Generator) -> None:
    scores = np.full(1000, 0.25)
    assert judged(scores, rng.normal(0.3, 0.05, 300), distinct=1).outcome is Outcome.INCONCLUSIVE


def test_a_few_prompts_are_no_false_alarm_and_no_pass(rng: np.random.Generator) -> None:
    """Each prompt has a level of its own: taken as independent, samples of ten would fail nearly always."""
    prompts, failed = tuple(f"p{i // 30}" for i in range(300)), 0
    for _ in range(40):
        scores = np.repeat(rng.normal(0.3, 0.05, 10), 30) + rng.normal(0, 0.001, 300)
        verdict = judged(scores, rng.normal(0.3, 0.05, 300), prompts=prompts)
        assert not verdict.passed
        failed += verdict.outcome is Outcome.FAIL
        assert verdict.shift.samples == verdict.tail.samples == 10
    assert failed <= 5


def test_what_only_samples_of_shared_prompts_show_does_not_pass(rng: np.random.Generator) -> None:
    prompts = tuple(f"p{i // 2}" for i in range(600))
    scores, null = rng.normal(0.3, 0.05, 600), rng.normal(0.3, 0.05, 300)
    assert judged(scores, null, prompts=prompts).passed
    scores[:100] = 0.9
    assert judged(scores, null, prompts=prompts).outcome is Outcome.FAIL
    found = judged(scores, null, prompts=prompts).findings
    drawn, together = min(found[0].p or 0, found[1].p or 0), found[2].p or 0
    assert 0 < together < drawn / 100
    between = replace(RULE, alpha=float(np.sqrt(together * drawn)), detect=0.9)
    verdict = judged(scores, null, between, prompts=prompts)
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert verdict.findings[-1].outcome is Outcome.INCONCLUSIVE
    assert "600 samples share 300 prompts, of each of which one is tested" in verdict.findings[-1].said


def test_the_two_tests_share_alpha(rng: np.random.Generator) -> None:
    verdict = judged(rng.normal(0.309, 0.05, 200), rng.normal(0.3, 0.05, 200))
    lowest = min(verdict.shift.p, verdict.tail.p)
    assert min(finding.p or 0 for finding in verdict.findings) == pytest.approx(2 * lowest)
    just = replace(RULE, alpha=1.5 * lowest)
    assert judged(rng.normal(0.309, 0.05, 200), rng.normal(0.3, 0.05, 200), just).alpha == just.alpha


@pytest.mark.parametrize("bad", [[math.nan] * 200, [], [0.3] * 200])
def test_scores_that_tell_nothing_are_refused(bad: list[float]) -> None:
    with pytest.raises(SampleError, match="cannot be compared"):
        judged(np.array(bad), np.full(200, 0.3))


@pytest.mark.parametrize(
    "rule",
    [
        HoldoutRule(alpha=0.0),
        HoldoutRule(alpha=math.nan),
        HoldoutRule(level=1.0),
        HoldoutRule(detect=0.5),
        HoldoutRule(copies=math.nan),
        HoldoutRule(max_copied=math.nan),
        HoldoutRule(max_copied=1.1),
    ],
)
def test_rules_that_decide_nothing_are_refused(rule: HoldoutRule) -> None:
    with pytest.raises(SettingsError):
        rule.check()


def test_findings_that_are_no_numbers_are_refused() -> None:
    with pytest.raises(SearchError, match="came to nan"):
        Finding("x", "said", Outcome.PASS, math.nan)
    with pytest.raises(SearchError, match="nothing was tested"):
        overall([Finding("x", "said")])


def test_fresh_images_pass_and_blends_with_training_images_fail(made_up: Index, many: Many) -> None:
    holdout = many(1000, 150)
    verdict = assert_not_closer_than_holdout(many(2000, 150), holdout=holdout, index=made_up, name="fresh")
    assert (verdict.samples, verdict.holdout, verdict.searched) == (150, 150, 300)
    assert verdict.subject.check == "fresh"
    with pytest.raises(ReplicationDetected, match="closer to the training images than the hold-out"):
        assert_not_closer_than_holdout(many(2000, 150, 0.4), holdout=holdout, index=made_up)
    with pytest.raises(TypeError, match=r"ask verdict\.passed, or use assert_not_closer"):
        bool(verdict)


def test_copies_in_the_hold_out_are_told_and_left_out(made_up: Index, many: Many) -> None:
    holdout = Samples.of(many(1000, 150) + many(0, 8) + many(1000, 2))
    verdict = assert_not_closer_than_holdout(many(2000, 150), holdout=holdout, index=made_up)
    assert verdict.holdout == 150
    assert re.match(r"8 of 160 hold-out images score >= 0\.8\d+ with a training image", verdict.notes[0])
    assert "(the first: sample 150)" in verdict.notes[0]
    assert "2 of 160 hold-out images repeat another" in verdict.notes[1]


def test_samples_and_hold_out_that_are_swapped_are_refused(made_up: Index, many: Many) -> None:
    """Else the copies among the samples would be left out as copies in the hold-out, and nothing found."""
    copying, unseen = many(2000, 151) + many(0, 9), many(1000, 160)
    with pytest.raises(SampleError, match=r"9 of 160 images of the hold-out .*at most 5 % .* did you swap"):
        assert_not_closer_than_holdout(unseen, holdout=copying, index=made_up)
    assert (
        assert_not_closer_than_holdout(unseen, holdout=copying, max_copied=0.1, index=made_up).holdout == 151
    )
    with pytest.raises(SampleError, match="all 20 images of the hold-out .* are copies"):
        assert_not_closer_than_holdout(unseen, holdout=many(0, 20), max_copied=1, index=made_up)
    with pytest.raises(TypeError, match="positional"):
        assert_not_closer_than_holdout(unseen, copying, index=made_up)  # type: ignore[misc]


def test_a_calibration_from_copies_is_no_hold_out(made_up: Index) -> None:
    kept = SimpleNamespace(
        scores=np.full(151, 0.3), copied=9, copies_from=0.9, created="now", origin="holdout"
    )
    kept.described = "151 unseen images"
    index: Any = SimpleNamespace(path="index", calibration=kept, manifest=made_up.manifest)
    with pytest.raises(
        SampleError, match=r"9 of 160 images of the hold-out of the calibration of now.*did you swap"
    ):
        stored_scores(index, RULE)
    assert len(stored_scores(index, replace(RULE, max_copied=0.1)).scores) == 151
    kept.origin = "training"
    assert len(stored_scores(index, RULE).scores) == 151


def test_copies_do_not_hide_behind_copies_in_the_hold_out(made_up: Index, many: Many) -> None:
    with pytest.raises(ReplicationDetected):
        assert_not_closer_than_holdout(
            many(0, 100), holdout=many(1000, 100) + many(100, 100), max_copied=0.5, index=made_up
        )


def test_a_hold_out_of_samples_is_refused(made_up: Index, many: Many) -> None:
    with pytest.raises(SampleError, match="150 of 150 samples are images of the hold-out"):
        assert_not_closer_than_holdout(many(1000, 150), holdout=many(1000, 150), index=made_up)


def test_the_scores_of_a_calibration_stand_for_a_hold_out(made_up: Index, many: Many, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(made_up.path, tmp_path / "index"))
    calibrate_index(open_index(folder), CalibrateOptions(holdout=many(1000, 200), progress=False))
    index = open_index(folder)
    verdict = assert_not_closer_than_holdout(many(2000, 150), index=index)
    assert verdict.holdout == 200
    assert any("the hold-out is that of the calibration" in note for note in verdict.notes)
    with pytest.raises(ReplicationDetected):
        assert_not_closer_than_holdout(many(2000, 150, 0.4), index=index)
    append_index(folder, many(3000, 2))
    with pytest.raises(CalibrationError, match="has changed since it was calibrated"):
        assert_not_closer_than_holdout(many(2000, 150), index=open_index(folder), canaries=0)


def test_canaries_of_the_index_have_to_be_found(
    made_up: Index, many: Many, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path(shutil.copytree(made_up.path, tmp_path / "index"))
    planted = plant(open_index(folder), list(enumerate(many(0, 12))))
    store_canaries(open_index(folder), planted, 0.6)
    index, sets = open_index(folder), (many(2000, 150), many(1000, 150))
    verdict = assert_not_closer_than_holdout(sets[0], holdout=sets[1], index=index, canaries=8)
    assert verdict.samples == 150
    assert "8 of 8 canaries found at 0.6" in verdict.notes
    assert verdict.canaries
    assert (
        assert_not_closer_than_holdout(sets[0], holdout=sets[1], index=index, canaries=0)
        .notes[0]
        .startswith("alpha")
    )

    def blind(index: Index, samples: np.ndarray, k: int = 5) -> Neighbours:
        return search(index, samples[::-1].copy(), k)

    monkeypatch.setattr(running, "search", blind)
    with pytest.raises(ControlFailed, match="of 8 canaries were found"):
        assert_not_closer_than_holdout(sets[0], holdout=sets[1], index=index, canaries=8)


def test_few_samples_are_inconclusive_and_none_are_an_error(made_up: Index, many: Many) -> None:
    with pytest.raises(Inconclusive, match="too few") as caught:
        assert_not_closer_than_holdout(many(2000, 1), holdout=many(1000, 20), index=made_up)
    assert isinstance(caught.value.verdict, HoldoutVerdict)
    for sides in (([], many(1000, 20)), (many(2000, 20), [])):
        with pytest.raises(SampleError, match="holds no samples"):
            assert_not_closer_than_holdout(sides[0], holdout=sides[1], index=made_up)
    with pytest.raises(SettingsError, match="there is no hold-out"):
        assert_not_closer_than_holdout(many(2000, 20), index=made_up)


def test_another_embedder_than_that_of_the_index_is_refused(
    made_up: Index, many: Many, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = open_index(made_up.path, embedder="phash")
    with pytest.raises(ReplicationError):
        assert_not_closer_than_holdout(many(2000, 20), holdout=many(1000, 20), index=other)


def test_an_import_that_nothing_proves_does_not_pass(made_up: Index, many: Many, tmp_path: Path) -> None:
    from pytest_replication import ImportOptions, import_index

    np.save(tmp_path / "v.npy", made_up.shards[0].embeddings()[0][:, 0])
    import_index(f"npy:{tmp_path / 'v.npy'}", tmp_path / "unproved", ImportOptions(embedder="pixels"))
    unproved, sets = open_index(tmp_path / "unproved"), (many(2000, 150), many(1000, 150))
    with pytest.raises(IndexMismatch, match="nothing proves that pixels made them"):
        assert_not_closer_than_holdout(sets[0], holdout=sets[1], index=unproved)
    assert assert_not_closer_than_holdout(
        sets[0], holdout=sets[1], index=unproved, allow_unproved=True
    ).passed
