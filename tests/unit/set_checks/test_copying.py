from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pytest_replication import (
    Inconclusive,
    Index,
    Outcome,
    ReplicationDetected,
    Samples,
    assert_no_data_copying,
    open_index,
    remove_images,
)
from pytest_replication.errors import ReplicationError, SampleError, SettingsError
from pytest_replication.search import Subject
from pytest_replication.set_checks.copying import CopyingRule, judge_copying, training_features
from pytest_replication.set_checks.copying import _prompts as of_prompts
from pytest_replication.set_verdicts import CopyingVerdict
from pytest_replication.stats.data_copying import Cell, DataCopying

from .conftest import Many

RULE = CopyingRule()
GOOD = Cell(100, 200, 200, 0.5, 0.0, 0.5)


def judged(*cells: Cell, alone: tuple[Cell, ...] = (), rule: CopyingRule = RULE) -> CopyingVerdict:
    subject = Subject(("a", "b"), "out", "index", 0, "f", "toy", "p", None)
    copying = DataCopying(cells, 0.0 if any(c.judged for c in cells) else None, 300, 300, 64)
    return judge_copying(copying, replace(copying, cells=alone or cells), (), rule, subject, "holdout", ())


def test_cells_that_are_large_enough_and_no_closer_pass() -> None:
    assert judged(GOOD, GOOD, GOOD).passed


def test_one_cell_that_is_closer_fails_whatever_the_others() -> None:
    closer = replace(GOOD, z=-4.0, p=3e-5, superiority=0.7)
    small = Cell(100, 3, 3, None, None, None)
    assert judged(GOOD, closer, small).outcome is Outcome.FAIL


def test_cells_share_alpha() -> None:
    assert judged(GOOD, GOOD, replace(GOOD, p=0.02)).passed
    assert judged(GOOD, GOOD, replace(GOOD, p=0.016)).outcome is Outcome.FAIL
    assert judged(replace(GOOD, p=0.02)).outcome is Outcome.FAIL


@pytest.mark.parametrize(
    "small",
    [
        Cell(100, 0, 50, None, None, None),
        Cell(0, 50, 50, None, None, None),
        Cell(100, 50, 1, None, None, None),
        replace(GOOD, holdout=20, samples=21),
    ],
)
def test_a_cell_that_lacks_points_does_not_pass(small: Cell) -> None:
    verdict = judged(GOOD, small, GOOD)
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert f"cell 2 has {small.holdout} hold-out images" in verdict.to_settle


def test_a_cell_without_samples_has_nothing_to_judge() -> None:
    assert judged(GOOD, Cell(100, 50, 0, None, None, None)).passed


def test_repeated_samples_do_not_make_a_cell_large() -> None:
    few = Cell(100, 200, 3, None, None, None)
    assert judged(GOOD, alone=(few,)).outcome is Outcome.INCONCLUSIVE


def test_a_cell_of_too_few_distinct_samples_passes_at_no_effect() -> None:
    few = Cell(100, 200, 3, None, None, None)
    assert judged(GOOD, alone=(few,), rule=replace(RULE, detect=1.0)).outcome is Outcome.INCONCLUSIVE


def test_samples_of_a_few_prompts_prove_nothing(made_up: Index, many: Many) -> None:
    holdout, images = many(1000, 160), many(2000, 160)
    for shared, passes in ((1, True), (20, False)):
        samples = Samples.of(images, prompts=[f"p{i // shared}" for i in range(160)])
        if passes:
            assert assert_no_data_copying(samples, holdout=holdout, index=made_up, cells=2).passed
            continue
        with pytest.raises(Inconclusive, match="160 samples share 8 prompts"):
            assert_no_data_copying(samples, holdout=holdout, index=made_up, cells=2)
        blends = Samples.of(many(2000, 160, 0.4), prompts=samples.prompts)
        with pytest.raises(Inconclusive, match="160 samples share 8 prompts"):
            assert_no_data_copying(blends, holdout=holdout, index=made_up, cells=2)


def test_all_samples_together_stop_a_pass() -> None:
    def copying(*cells: Cell) -> DataCopying:
        return DataCopying(cells, 0.0, 300, 300, 64)

    more, none = replace(GOOD, samples=400), Cell(100, 200, 0, None, None, None)
    closer = replace(more, z=-4.0, p=3e-5, superiority=0.7)
    assert of_prompts(copying(GOOD), copying(GOOD), RULE) == ()
    assert of_prompts(copying(more), copying(GOOD), RULE)[0].outcome is None
    for together, drawn in (((closer,), (GOOD,)), ((more, GOOD), (GOOD, none))):
        assert of_prompts(copying(*together), copying(*drawn), RULE)[0].outcome is Outcome.INCONCLUSIVE


def test_fresh_images_pass_and_blends_fail(made_up: Index, many: Many) -> None:
    holdout = many(1000, 160)
    verdict = assert_no_data_copying(many(2000, 160), holdout=holdout, index=made_up, cells=2)
    assert [finding.name for finding in verdict.findings] == [
        "cell 1",
        "cell 2",
        "C_T",
        "AuthPct",
        "FLD gap",
        "MiFID",
    ]
    assert "distances are to all 300 training images, in 64 dimensions" in verdict.notes
    with pytest.raises(ReplicationDetected, match="160 samples copy: in 2 of 2 cells") as caught:
        assert_no_data_copying(many(2000, 160, 0.6), holdout=holdout, index=made_up, cells=2)
    told = str(caught.value)
    for name in ("C_T", "AuthPct", "FLD gap", "MiFID"):
        assert f"  {name}" in told
    findings = {finding.name: finding.numbers for finding in caught.value.verdict.findings}
    assert findings["C_T"]["c_t"] < -3
    assert findings["AuthPct"]["samples"] < findings["AuthPct"]["holdout"]
    assert findings["FLD gap"]["gap"] < 0


def test_few_images_are_inconclusive(made_up: Index, many: Many) -> None:
    with pytest.raises(Inconclusive, match="cells are too small"):
        assert_no_data_copying(many(2000, 1), holdout=many(1000, 2), index=made_up)
    with pytest.raises(Inconclusive):
        assert_no_data_copying(many(2000, 1) * 60, holdout=many(1000, 60), index=made_up, cells=1)


def test_sets_that_cannot_be_compared_are_refused(made_up: Index, many: Many) -> None:
    with pytest.raises(SampleError, match="are images of the hold-out"):
        assert_no_data_copying(many(1000, 50), holdout=many(1000, 50), index=made_up)
    with pytest.raises(
        SampleError, match="20 of 60 images of the hold-out .*did you swap samples and hold-out"
    ):
        assert_no_data_copying(many(1000, 50), holdout=many(2000, 40) + many(0, 20), index=made_up)
    with pytest.raises(SampleError, match="holds no samples"):
        assert_no_data_copying([], holdout=many(1000, 50), index=made_up)
    with pytest.raises(SampleError, match="400 cells need as many distinct"):
        assert_no_data_copying(many(2000, 50), holdout=many(1000, 50), index=made_up, cells=400)
    with pytest.raises(SampleError, match="do not vary"):
        assert_no_data_copying(many(2000, 50), holdout=many(1000, 1), index=made_up)


@pytest.mark.parametrize(
    "rule",
    [CopyingRule(alpha=math.nan), CopyingRule(cells=0), CopyingRule(detect=0.5), CopyingRule(copies=2)],
)
def test_rules_that_decide_nothing_are_refused(rule: CopyingRule) -> None:
    with pytest.raises(SettingsError):
        rule.check()


def test_training_features_are_all_live_first_views(made_up: Index) -> None:
    features = np.concatenate(list(training_features(made_up)()))
    assert features.shape == (300, made_up.manifest.embedder.dim)
    assert np.linalg.norm(features, axis=1) == pytest.approx(np.ones(300), abs=1e-5)


def test_other_views_and_removed_images_are_left_out(
    made_up_index: Callable[..., Index], tmp_path: Path
) -> None:
    vectors = np.random.default_rng(0).normal(size=(9, 2, 5))
    vectors /= np.linalg.norm(vectors, axis=2, keepdims=True)
    made_up_index(tmp_path / "index", vectors[:5], vectors[5:], dtype="<f2", sha256=None)
    remove_images(tmp_path / "index", ids=["0-3", "1-0"])
    features = np.concatenate(list(training_features(open_index(tmp_path / "index"))()))
    kept = np.delete(vectors[:, 0], [3, 5], axis=0)
    assert features == pytest.approx(kept, abs=2e-3)
    assert np.linalg.norm(features, axis=1) == pytest.approx(np.ones(7), abs=1e-6)


def test_training_features_that_are_no_numbers_are_refused(
    made_up: Index, many: Many, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pytest_replication.set_checks import copying

    bad = np.full((300, made_up.manifest.embedder.dim), np.nan, np.float32)
    monkeypatch.setattr(copying, "training_features", lambda index: lambda: iter([bad]))
    with pytest.raises(ReplicationError, match="not all finite"):
        assert_no_data_copying(many(2000, 50), holdout=many(1000, 50), index=made_up)
