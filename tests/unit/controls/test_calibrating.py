"""Planting as a part of calibration: what is stored, and what is said where nothing can be planted."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pytest_replication import (
    BuildOptions,
    CalibrateOptions,
    append_index,
    assert_no_replication,
    build_index,
    calibrate_index,
    cli,
    open_index,
)
from pytest_replication.errors import CalibrationError, ControlFailed, SettingsError, SourceError
from pytest_replication.images.edits import EDITS
from pytest_replication.index.manifest import Manifest
from pytest_replication.index.recalibrate import calibrate_again
from pytest_replication.index.writer import IndexWriter


@pytest.fixture
def array(tmp_path: Path, picture: Callable[..., Image.Image]) -> Path:
    """An index of twelve pictures in an array; beside it ``train.npy``."""
    np.save(tmp_path / "more.npy", np.stack([np.asarray(picture(seed)) for seed in range(12, 14)]))
    np.save(tmp_path / "train.npy", np.stack([np.asarray(picture(seed)) for seed in range(12)]))
    build_index(tmp_path / "train.npy", tmp_path / "index", BuildOptions(embedder="pixels"))
    return tmp_path / "index"


def test_a_calibration_plants_and_a_check_finds(pictures: Path, tmp_path: Path, holdout: Path) -> None:
    build_index(pictures, tmp_path / "index", BuildOptions(embedder="pixels"))
    found = calibrate_index(open_index(tmp_path / "index"), CalibrateOptions(holdout, fpr=0.05, plant=8))
    assert {kind.edit: kind.planted for kind in found.planted} == dict.fromkeys(EDITS, 8)
    assert found.note == ""
    index = open_index(tmp_path / "index")
    assert index.canaries is not None
    assert index.canaries.threshold == found.threshold
    assert {k.edit: (k.found, k.planted) for k in found.planted} == index.canaries.recall
    verdict = assert_no_replication([holdout / "000.png"], index=index)
    assert verdict.control.found == 16
    again = calibrate_index(index, CalibrateOptions(holdout, fpr=0.05, plant=0))
    assert again.note == "no copies were planted (--plant 0)"
    assert open_index(tmp_path / "index").canaries is None


def test_images_of_an_array_take_the_training_set(array: Path, holdout: Path, unrelated: Path) -> None:
    none = calibrate_index(open_index(array), CalibrateOptions(holdout, fpr=0.05))
    train = array.parent / "train.npy"
    assert none.note == (
        f"no copies were planted (training images lie inside an array: give --images {train})"
    )
    assert open_index(array).canaries is None
    with pytest.raises(SourceError, match="holds none of the training images of"):
        calibrate_index(open_index(array), CalibrateOptions(holdout, fpr=0.05, images=unrelated))
    images = array.parent / "train.npy"
    some = calibrate_index(open_index(array), CalibrateOptions(holdout, fpr=0.05, images=images))
    assert sum(kind.planted for kind in some.planted) == 12 * len(EDITS)
    assert open_index(array).canaries is not None


def test_a_threshold_that_finds_no_copy_leaves_a_gate_that_passes_nothing(
    array: Path, holdout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pytest_replication.controls.planting.Planted.found", lambda p, t: p.scores > 2)
    images = array.parent / "train.npy"
    calibrate_index(open_index(array), CalibrateOptions(holdout, fpr=0.05, images=images, plant=2))
    monkeypatch.undo()
    with pytest.raises(ControlFailed, match=r"found 0 at 0\.\d+, so that this gate would overlook copies"):
        assert_no_replication([holdout / "000.png"], 0.9, index=array)


def test_canaries_and_a_null_of_a_holdout_go_only_when_asked(array: Path, holdout: Path) -> None:
    images = array.parent / "train.npy"
    calibrate_index(open_index(array), CalibrateOptions(holdout, fpr=0.05, images=images, plant=4))
    before = open_index(array).manifest
    lost = rf"canaries of .* would be lost: .*--holdout .* --images {images} --plant 4'\), or .* --plant 0"
    for asked in (CalibrateOptions(holdout, fpr=0.05), CalibrateOptions(fpr=0.5, from_training=True)):
        with pytest.raises(CalibrationError, match=lost):
            calibrate_index(open_index(array), asked)
    for asked in (CalibrateOptions(fpr=0.5, plant=0), CalibrateOptions(fpr=0.5, images=images)):
        with pytest.raises(
            CalibrationError, match=r"with a hold-out \(folder .* --images .* or --from-training"
        ):
            calibrate_index(open_index(array), asked)
    assert open_index(array).manifest == before
    append_index(array, images.parent / "more.npy")
    with pytest.raises(CalibrationError, match="would be lost"):  # those of before the index changed too
        calibrate_index(open_index(array), CalibrateOptions(holdout, fpr=0.05))
    with pytest.raises(CalibrationError, match="--from-training"):
        calibrate_index(open_index(array), CalibrateOptions(fpr=0.5, plant=0))
    words = shlex.split(calibrate_again(array, open_index(array).manifest)[1:-1])
    assert cli.main(words[1:]) == 0
    assert open_index(array).canaries is not None
    named = calibrate_index(open_index(array), CalibrateOptions(fpr=0.5, plant=0, from_training=True))
    assert named.origin == "training"
    assert open_index(array).canaries is None
    assert calibrate_index(open_index(array), CalibrateOptions(fpr=0.5, plant=0)).origin == "training"


def test_a_calibration_that_cannot_be_read_may_have_been_of_a_holdout(array: Path, holdout: Path) -> None:
    calibrate_index(open_index(array), CalibrateOptions(holdout, fpr=0.05, plant=0))
    (path,) = array.glob("calibration-*")
    path.write_text("{")
    with pytest.raises(CalibrationError, match="what may be a hold-out"):
        calibrate_index(open_index(array), CalibrateOptions(fpr=0.5, plant=0))


def test_files_that_vanish_meanwhile_lose_no_canaries(
    pictures: Path, tmp_path: Path, holdout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build_index(pictures, tmp_path / "index", BuildOptions(embedder="pixels"))
    calibrate_index(open_index(tmp_path / "index"), CalibrateOptions(holdout, fpr=0.05, plant=2))
    monkeypatch.setattr("pytest_replication.calibrate.run.plant_originals", lambda *_, **__: None)
    with pytest.raises(CalibrationError, match="would be lost"):
        calibrate_index(open_index(tmp_path / "index"), CalibrateOptions(holdout, fpr=0.05, plant=2))
    assert open_index(tmp_path / "index").canaries is not None


def test_the_command_for_an_array_names_it(array: Path, holdout: Path) -> None:
    """Where nothing was planted yet, and where that was not wanted then."""
    wanted = f"--images {array.parent / 'train.npy'}'"
    assert calibrate_again(array, open_index(array).manifest).endswith(f"--samples 256 {wanted}")
    calibrate_index(open_index(array), CalibrateOptions(holdout, fpr=0.05, plant=0))
    assert calibrate_again(array, open_index(array).manifest).endswith(f"--fpr 0.05 {wanted}")


class Killed(BaseException):
    pass


def test_a_kill_leaves_no_calibration_without_its_canaries(
    array: Path, holdout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is the last commit before a kill, a calibrated gate has a control, or says that it lost it."""
    asked = CalibrateOptions(holdout, fpr=0.05, images=array.parent / "train.npy", plant=4)
    commit, commits = IndexWriter.commit, []

    def dying(self: IndexWriter, manifest: Manifest) -> None:
        commits.append(manifest)
        commit(self, manifest)
        raise Killed

    monkeypatch.setattr(IndexWriter, "commit", dying)
    with pytest.raises(Killed):
        calibrate_index(open_index(array), asked)
    monkeypatch.undo()
    assert len(commits) == 1
    index = open_index(array)
    assert index.calibration is not None
    assert index.canaries is not None
    assert index.calibration.canaries == len(index.canaries.kept) > 0
    verdict = assert_no_replication([holdout / "000.png"], index=index)
    assert verdict.control.asked > 0


def test_canaries_that_were_lost_are_no_gate_without_a_control(array: Path, holdout: Path) -> None:
    asked = CalibrateOptions(holdout, fpr=0.05, images=array.parent / "train.npy", plant=4)
    calibrate_index(open_index(array), asked)
    with IndexWriter(array) as writer:
        writer.commit(replace(writer.edit(), canaries=None))
    sample = [holdout / "000.png"]
    with pytest.raises(ControlFailed, match=r"was stored with \d+ canaries, and its manifest names none"):
        assert_no_replication(sample, index=array)
    with pytest.raises(ControlFailed, match="its manifest names none"):
        assert_no_replication(sample, 0.99, index=array, canaries=2)
    assert assert_no_replication(sample, index=array, canaries=0).passed


def test_fewer_than_none_makes_no_sense() -> None:
    with pytest.raises(SettingsError, match="-1 training images to plant copies of"):
        CalibrateOptions(plant=-1)
