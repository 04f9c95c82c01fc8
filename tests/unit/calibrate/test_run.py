"""From real images to a stored threshold: `calibrate_index`."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pytest_replication import (
    BuildOptions,
    CalibrateOptions,
    Index,
    build_index,
    calibrate_index,
    open_index,
    remove_images,
)
from pytest_replication.calibrate import run as calibrating
from pytest_replication.calibrated import Calibrated
from pytest_replication.check import nearest
from pytest_replication.errors import CalibrationError, IndexCorrupt, IndexMismatch, TooManyRejected
from pytest_replication.models.samples import Samples
from pytest_replication.reports.calibration import calibration_warnings
from pytest_replication.search import holdout as searching


@pytest.fixture(autouse=True)
def nothing_is_planted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planting takes seconds; `controls/test_calibrating` is about it."""
    monkeypatch.setattr(calibrating, "plant_originals", lambda *_, **__: None)


@pytest.fixture
def index(damaged: Path) -> Index:
    return open_index(damaged)


def test_the_scores_are_those_that_a_check_would_give(built_calibrated: Path, holdout: Path) -> None:
    found = open_index(built_calibrated).calibration
    samples = Samples.of(holdout)
    wanted = sorted(match.score for match in nearest(samples, open_index(built_calibrated), 1).best)
    assert found is not None
    assert found.scores.tolist() == wanted
    assert (found.origin, found.listed, found.copied, found.repeated) == ("holdout", 120, 0, 0)
    assert found.threshold > wanted[-6]
    assert sum(score >= found.threshold for score in wanted) == 5  # k = 6 of 121 is the most below 5 %
    assert found.control.passed


def test_copies_and_repeated_files_are_left_out(
    index: Index, holdout: Path, training: Path, tmp_path: Path
) -> None:
    mixed = Path(shutil.copytree(holdout, tmp_path / "mixed"))
    shutil.copy(training / "cat.jpg", mixed / "leaked.jpg")
    with Image.open(training / "coins.jpg") as image:
        image.save(mixed / "leaked.png")
    shutil.copy(holdout / "000.png", mixed / "again.png")
    clean = calibrate_index(index, CalibrateOptions(holdout, fpr=0.05, plant=0))
    found = calibrate_index(index, CalibrateOptions(mixed, fpr=0.05, plant=0))
    assert found.scores.tolist() == clean.scores.tolist()
    assert (found.listed, found.copied, found.repeated) == (123, 2, 1)
    assert sorted(Path(copy.uri).name for copy in found.copies) == ["leaked.jpg", "leaked.png"]
    assert {Path(copy.training_uri).name for copy in found.copies} == {"cat.jpg", "coins.jpg"}
    assert all(copy.score >= 0.999 for copy in found.copies)
    assert found.closest[0].score == found.scores[-1]
    kept = calibrate_index(index, CalibrateOptions(mixed, fpr=0.05, plant=0, copies_from=1.1))
    assert (kept.copied, len(kept)) == (0, 122)


def test_a_holdout_that_may_be_something_else_is_refused(
    index: Index, holdout: Path, training: Path, tmp_path: Path
) -> None:
    """Samples in the place of the hold-out, say: 7 of 127 are copies, more than 5 %."""
    mixed = Path(shutil.copytree(holdout, tmp_path / "mixed"))
    for path in sorted(training.iterdir())[:7]:
        shutil.copy(path, mixed)
    asked = CalibrateOptions(mixed, fpr=0.05, plant=0)
    with pytest.raises(
        CalibrationError, match=r"7 of 127 images .* at most 5 % may be: did you swap samples"
    ):
        calibrate_index(index, asked)
    assert open_index(index.path).manifest.calibration is None
    assert calibrate_index(index, replace(asked, max_copied=0.06)).copied == 7
    (mixed / sorted(training.iterdir())[0].name).unlink()
    assert calibrate_index(index, asked).copied == 6


def test_without_a_holdout_training_images_are_compared_with_the_rest(
    index: Index, training: Path, tmp_path: Path
) -> None:
    found = calibrate_index(index, CalibrateOptions(fpr=0.2, plant=0))
    rows = nearest(Samples.of(training), index, 2).of
    assert found.scores.tolist() == sorted(matches[1].score for matches in rows)
    assert (found.origin, found.source, found.described) == ("training", "", "20 training images")
    few = calibrate_index(index, CalibrateOptions(fpr=0.2, count=9, seed=1, plant=0))
    assert len(few) == 9
    assert set(few.scores) <= set(found.scores)


def test_duplicates_do_not_inflate_the_null_of_training_images(training: Path, tmp_path: Path) -> None:
    doubled = Path(shutil.copytree(training, tmp_path / "doubled"))
    for name in ("cat.jpg", "coins.jpg"):
        shutil.copy(training / name, doubled / f"again-{name}")
    build_index(doubled, tmp_path / "index", BuildOptions(embedder="pixels"))
    found = calibrate_index(open_index(tmp_path / "index"), CalibrateOptions(fpr=0.2, plant=0))
    assert len(found) == 22
    assert found.scores[-1] < 0.999


def test_training_images_that_were_removed_are_no_null(index: Index) -> None:
    whole = calibrate_index(index, CalibrateOptions(fpr=0.2, plant=0))
    remove_images(index.path, ids=["cat.jpg"])
    found = calibrate_index(open_index(index.path), CalibrateOptions(fpr=0.2, plant=0))
    assert len(found) == len(whole) - 1


def test_an_image_with_duplicates_only_is_left_out(tmp_path: Path, training: Path) -> None:
    same = tmp_path / "same"
    same.mkdir()
    for number in range(20):
        shutil.copy(training / "cat.jpg", same / f"{number}.jpg")
    shutil.copy(training / "coins.jpg", same / "other.jpg")
    build_index(same, tmp_path / "index", BuildOptions(embedder="pixels"))
    with pytest.raises(CalibrationError, match=r"1 of the training images are left \(20 are copies"):
        calibrate_index(open_index(tmp_path / "index"), CalibrateOptions(fpr=0.2, plant=0))


def test_a_holdout_that_is_the_training_set_is_refused(index: Index, training: Path) -> None:
    with pytest.raises(CalibrationError, match="all 20 of the images of .* are copies of training images"):
        calibrate_index(index, CalibrateOptions(training, fpr=0.5))
    assert open_index(index.path).manifest.calibration is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (CalibrateOptions(fpr=0.01), "takes 99 or more"),
        (CalibrateOptions(fpr=0.2, samples=10), r"20 % for a gate of 10 samples takes 49 or more"),
    ],
)
def test_a_null_that_is_too_small_is_refused(index: Index, options: CalibrateOptions, message: str) -> None:
    with pytest.raises(CalibrationError, match=message):
        calibrate_index(index, options)


def test_a_gate_of_several_samples_has_a_higher_threshold(index: Index, holdout: Path) -> None:
    one = calibrate_index(index, CalibrateOptions(holdout, fpr=0.2, plant=0))
    gate = calibrate_index(index, CalibrateOptions(holdout, fpr=0.2, samples=20, plant=0))
    assert gate.rate == pytest.approx(0.01)
    assert gate.threshold == calibrate_index(index, CalibrateOptions(holdout, fpr=0.01, plant=0)).threshold
    assert gate.threshold > one.threshold


@pytest.mark.parametrize("given", ["nowhere", []])
def test_a_holdout_that_is_none_is_refused(index: Index, given: object, tmp_path: Path) -> None:
    with pytest.raises(CalibrationError, match="the hold-out cannot be used"):
        calibrate_index(index, CalibrateOptions(str(tmp_path / given) if given == "nowhere" else tmp_path))


def test_an_unreadable_image_is_refused_or_counted(index: Index, holdout: Path, tmp_path: Path) -> None:
    mixed = Path(shutil.copytree(holdout, tmp_path / "mixed"))
    (mixed / "torn.png").write_bytes(b"\x89PNG\r\n")
    with pytest.raises(TooManyRejected, match="1 of 121 images .* accept that with --max-rejected 1"):
        calibrate_index(index, CalibrateOptions(mixed, fpr=0.05, plant=0))
    found = calibrate_index(index, CalibrateOptions(mixed, fpr=0.05, plant=0, max_rejected=1))
    assert (found.unreadable, len(found), found.listed) == (1, 120, 121)


def test_a_holdout_of_two_kinds_in_order_fails_the_control(labelled: Path) -> None:
    """First 60 images near training images, then 200 that are far: sorted so, the halves differ."""
    asked = CalibrateOptions(fpr=0.05, copies_from=1.1, plant=0)
    images = np.load(labelled / "unseen.npy")
    mixed = np.random.default_rng(0).permutation(images)
    passed = {}
    for name, of in (("sorted", images), ("mixed", mixed)):
        np.save(labelled / f"{name}.npy", of)
        index = open_index(labelled / "index")
        found = calibrate_index(index, replace(asked, holdout=f"npy:{labelled / name}.npy"))
        passed[name] = found.control.passed
        assert any("A/A control failed" in said for said in calibration_warnings(found)) != passed[name]
        assert open_index(labelled / "index").calibration is not None
    assert passed == {"sorted": False, "mixed": True}


def test_an_index_that_changed_meanwhile_keeps_what_it_has(index: Index, holdout: Path) -> None:
    remove_images(index.path, ids=["cat.jpg"])
    with pytest.raises(IndexCorrupt, match="has changed while it was calibrated"):
        calibrate_index(index, CalibrateOptions(holdout, fpr=0.05, plant=0))
    assert open_index(index.path).manifest.calibration is None


class Killed(Exception):
    pass


def test_an_interrupted_calibration_goes_on(
    index: Index, holdout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(searching, "BATCH", 50)
    wanted = calibrate_index(index, CalibrateOptions(holdout, fpr=0.05, plant=0))
    calls: list[int] = []

    def dying(index: Index, vectors: np.ndarray, k: int) -> object:
        calls.append(len(vectors))
        if len(calls) == 3:
            raise Killed
        return search(index, vectors, k)

    search = searching.search
    monkeypatch.setattr(searching, "search", dying)
    with pytest.raises(Killed):
        calibrate_index(index, CalibrateOptions(holdout, fpr=0.05, plant=0))
    (part,) = index.path.glob("calibration-*.part")
    part.write_bytes(part.read_bytes()[:-7])  # and its last line is torn
    found = calibrate_index(index, CalibrateOptions(holdout, fpr=0.05, plant=0))
    assert calls == [50, 50, 20, 50, 20]
    assert found.scores.tolist() == wanted.scores.tolist()
    assert not list(index.path.glob("*.part"))


def test_a_holdout_that_changed_since_is_told(
    index: Index, holdout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(searching, "BATCH", 50)
    changing = Path(shutil.copytree(holdout, tmp_path / "changing"))
    (changing / "zz.png").write_bytes(b"torn")
    with pytest.raises(TooManyRejected):
        calibrate_index(index, CalibrateOptions(changing, fpr=0.05))
    (changing / "000.png").unlink()
    with pytest.raises(
        CalibrationError, match="has changed since its calibration was interrupted .* --restart"
    ):
        calibrate_index(index, CalibrateOptions(changing, fpr=0.05, max_rejected=1, plant=0))
    found = calibrate_index(
        index, CalibrateOptions(changing, fpr=0.05, max_rejected=1, plant=0, restart=True)
    )
    assert len(found) == 119


def test_a_journal_that_another_writer_cleared_away_is_written_again(
    index: Index, holdout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(searching, "BATCH", 50)
    search = searching.search

    def clearing(index: Index, vectors: np.ndarray, k: int) -> object:
        for part in index.path.glob("*.part"):
            part.unlink()
        return search(index, vectors, k)

    monkeypatch.setattr(searching, "search", clearing)
    assert len(calibrate_index(index, CalibrateOptions(holdout, fpr=0.05, plant=0))) == 120


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory, picture: Callable[..., Image.Image]) -> Path:
    """Index of 12 images of two classes and one of a third; hold-outs near the first class beside it."""
    folder = tmp_path_factory.mktemp("labelled")
    images = np.stack([np.asarray(picture(seed, (16, 16))) for seed in range(13)])
    np.savez(folder / "train.npz", images=images, labels=np.array(["plain"] * 6 + ["wild"] * 6 + ["rare"]))
    build_index(f"npy:{folder / 'train.npz'}", folder / "index", BuildOptions(embedder="pixels"))
    rng = np.random.default_rng(0)
    near = images[rng.integers(0, 6, 60)].astype(int) + rng.integers(-60, 60, (60, 16, 16, 3))
    far = np.stack([np.asarray(picture(5000 + seed, (16, 16))) for seed in range(200)])
    np.save(folder / "unseen.npy", np.concatenate([near.clip(0, 255).astype(np.uint8), far]))
    return folder


def test_groups_have_thresholds_of_their_own(labelled: Path) -> None:
    index = open_index(labelled / "index")
    found = calibrate_index(
        index,
        CalibrateOptions(f"npy:{labelled / 'unseen.npy'}", fpr=0.05, copies_from=1.1, by="label", plant=0),
    )
    assert found.names == ("plain", "wild")
    ready = Calibrated.of(found)
    assert ready.threshold_of("plain") > ready.threshold_of("wild") + 0.1
    for name in found.names:
        null = ready.null_of(name)
        assert null.p_values(ready.threshold_of(name)) <= 0.05
    assert sum(map(len, ready.groups.values())) + int((found.group_of == -1).sum()) == len(found) == 260
    assert ready.null_of("never seen") is ready.rest


def test_groups_that_nobody_has_are_refused(index: Index, holdout: Path) -> None:
    with pytest.raises(CalibrationError, match="has no captions, which its source did not give"):
        calibrate_index(index, CalibrateOptions(holdout, fpr=0.05, by="caption"))


def test_groups_that_are_all_too_small_are_refused(labelled: Path) -> None:
    options = CalibrateOptions(
        f"npy:{labelled / 'unseen.npy'}", fpr=0.004, copies_from=1.1, by="label", plant=0
    )
    with pytest.raises(CalibrationError, match="no label of the training images of .* has the 249 images"):
        calibrate_index(open_index(labelled / "index"), options)


def test_scores_that_leave_no_room_for_a_threshold_are_refused(
    index: Index, training: Path, tmp_path: Path
) -> None:
    with pytest.raises(CalibrationError, match="no threshold keeps false positives at 50 %"):
        calibrate_index(index, CalibrateOptions(training, fpr=0.5, copies_from=1.1))


def test_another_embedder_measures_nothing(index: Index, holdout: Path) -> None:
    spec = replace(index.manifest.embedder, preprocessing="another")
    other = Index(index.path, replace(index.manifest, embedder=spec), None, "auto")
    with pytest.raises(IndexMismatch, match="was made with another embedder"):
        calibrate_index(other, CalibrateOptions(holdout, fpr=0.05, plant=0))
    assert open_index(index.path).manifest.calibration is None
