from __future__ import annotations

import math

import numpy as np
import pytest

from pytest_replication import (
    Inconclusive,
    Index,
    ReplicationDetected,
    assert_no_duplicates_within,
)
from pytest_replication.embedders.base import Threshold
from pytest_replication.errors import SampleError, SettingsError, ThresholdMissing
from pytest_replication.search import Subject
from pytest_replication.set_checks import repeats
from pytest_replication.set_checks.repeats import group, judge_within
from pytest_replication.set_verdicts import WithinVerdict
from pytest_replication.verdicts import Outcome

from .conftest import Many


def test_different_images_pass_and_one_given_again_fails(made_up: Index, many: Many) -> None:
    verdict = assert_no_duplicates_within(many(2000, 60), 0.95, index=made_up)
    assert (verdict.repeated, verdict.groups, verdict.searched) == (0, (), 0)
    images = many(2000, 60)
    images[7] = images[50] = images[3].resize((40, 40))
    with pytest.raises(ReplicationDetected, match="2 of 60 samples repeat another") as caught:
        assert_no_duplicates_within(images, 0.95, index=made_up)
    found = caught.value.verdict
    assert isinstance(found, WithinVerdict)
    assert found.groups == ((3, 7, 50),)
    assert "3 times: sample 3, sample 7, sample 50" in str(caught.value)


def test_a_share_may_be_tolerated(made_up: Index, many: Many) -> None:
    images = many(2000, 19) + many(2000, 1)
    assert assert_no_duplicates_within(images, 0.95, max_share=0.05, index=made_up).repeated == 1
    with pytest.raises(ReplicationDetected):
        assert_no_duplicates_within(images, 0.95, max_share=0.049, index=made_up)


@pytest.mark.parametrize(("share", "outcome"), [(0.29, Outcome.PASS), (0.28, Outcome.FAIL)])
def test_a_share_is_tolerated_as_it_is_written(share: float, outcome: Outcome) -> None:
    vectors = np.eye(71, dtype=np.float32)[[*range(71), *[0] * 29]][:, None]
    subject = Subject(tuple(map(str, range(100))), "100 images", (), "index", 0, "", "pixels", "", None)
    found = judge_within(vectors, 0.9, "call", share, subject)
    assert (found.outcome, found.repeated) == (outcome, 29)


def test_training_images_play_no_part(made_up: Index, many: Many) -> None:
    assert assert_no_duplicates_within(many(0, 30), 0.95, index=made_up).passed


def test_one_sample_cannot_repeat(made_up: Index, many: Many) -> None:
    with pytest.raises(Inconclusive, match="one sample alone repeats nothing"):
        assert_no_duplicates_within(many(2000, 1), 0.95, index=made_up)
    with pytest.raises(SampleError, match="holds no samples"):
        assert_no_duplicates_within([], 0.95, index=made_up)


def test_an_embedder_without_a_documented_threshold_asks_for_one(
    made_up: Index, many: Many, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ThresholdMissing, match="not documented for the embedder pixels"):
        assert_no_duplicates_within(many(2000, 3), index=made_up)
    monkeypatch.setattr(type(made_up.embedder), "default_threshold", Threshold(0.5, "documented"))
    verdict = assert_no_duplicates_within(many(2000, 3), index=made_up)
    assert (verdict.threshold, verdict.threshold_source) == (0.95, "duplicates of Somepalli et al. 2023")


@pytest.mark.parametrize(
    ("threshold", "share"), [(math.nan, 0.0), (-1.0, 0.0), (1.1, 0.0), (0.9, 1.0), (0.9, math.nan)]
)
def test_settings_that_decide_nothing_are_refused(
    made_up: Index, many: Many, threshold: float, share: float
) -> None:
    with pytest.raises(SettingsError):
        assert_no_duplicates_within(many(2000, 3), threshold, max_share=share, index=made_up)


def test_groups_do_not_depend_on_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(90, 2, 12)).astype(np.float32)
    vectors[20:40] = vectors[:20, ::-1]  # the other view of the same image
    vectors[60:70] = vectors[25:35]
    whole = group(vectors, 0.999)
    assert sorted(len(g) for g in whole) == [1] * 40 + [2] * 10 + [3] * 10
    monkeypatch.setattr(repeats, "_ROWS", 7)
    assert group(vectors, 0.999) == whole
