from __future__ import annotations

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
    SampleError,
    SettingsError,
)
from pytest_replication.search import Neighbours, search
from pytest_replication.set_checks import running
from pytest_replication.set_checks.holdout import HoldoutRule, stored_scores
from pytest_replication.set_verdicts import HoldoutVerdict

from .conftest import Many

RULE = HoldoutRule()


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
    index: Any = SimpleNamespace(path="index", calibration=kept, manifest=made_up.manifest, pinned=None)
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


def test_another_embedder_than_that_of_the_index_is_refused(made_up: Index, many: Many) -> None:
    other = open_index(made_up.path, embedder="sscd-distilled")
    with pytest.raises(
        IndexMismatch, match="another embedder than the one at hand: name 'sscd-distilled' ag"
    ):
        assert_not_closer_than_holdout(many(2000, 150), holdout=many(1000, 150), index=other)


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
