"""The rule for parts, measured on innocent images, stored with the calibration, and taken by checks."""

from __future__ import annotations

import itertools
import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pytest_replication import (
    BuildOptions,
    CalibrateOptions,
    Index,
    ObjectRule,
    build_index,
    calibrate_index,
    open_index,
    remove_images,
)
from pytest_replication.calibrate import objects as module
from pytest_replication.calibrate.options import _told
from pytest_replication.errors import CalibrationError, IndexCorrupt, SettingsError
from pytest_replication.images.sources import open_source
from pytest_replication.index import calibration_file as storing
from pytest_replication.index.calibration import Calibration
from pytest_replication.index.object_calibration import ObjectCalibration, parse_objects
from pytest_replication.models.samples import Samples
from pytest_replication.object_rules import find_object_rule
from pytest_replication.objects import POINTS
from pytest_replication.reports.calibration import calibration_data, calibration_text
from pytest_replication.search.embed import embed_images
from pytest_replication.search.objects import find_objects
from pytest_replication.stats.points import share_bound

pytest.importorskip("cv2")


@pytest.fixture(scope="module")
def options(unseen: Path) -> CalibrateOptions:
    return CalibrateOptions(unseen, fpr=0.4, plant=0, copies_from=0.99, objects=8, progress=False)


@pytest.fixture(scope="module")
def calibrated(parts_calibrated: Path) -> Path:
    return parts_calibrated


@pytest.fixture
def own(calibrated: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(calibrated, tmp_path / "index"))


def parts_of(folder: Path) -> ObjectCalibration:
    found = open_index(folder).calibration
    assert found is not None
    assert found.objects is not None
    return found.objects


def test_points_are_those_that_a_check_would_find(calibrated: Path, unseen: Path) -> None:
    index, parts = open_index(calibrated), parts_of(calibrated)
    drawn = module.of_holdout(
        open_source(unseen), np.array(keys(unseen), np.uint64), 8, CalibrateOptions().seed
    )
    samples = Samples.of([one.image for one in itertools.islice(drawn, 2)])
    found = find_objects(index, samples, embed_images(index, samples), progress=False)
    wanted = Counter(max((match.points for match in alike), default=0) for alike in found.of)
    assert wanted <= Counter(parts.null)
    assert len(parts) == 8
    assert (parts.points, parts.proved, parts.rate) == (6, True, 0.4)  # unrelated photographs
    assert parts.bound == share_bound(parts.null, 6)
    assert (parts.grid, parts.candidates) == ("quarters", 10)
    assert [one.points for one in parts.closest] == parts.null[::-1][: len(parts.closest)]
    assert all(Path(one.uri).parent == unseen for one in parts.closest)


def keys(folder: Path) -> list[int]:
    import hashlib

    return [int(hashlib.sha256(path.read_bytes()).hexdigest()[:16], 16) for path in folder.iterdir()]


def test_a_check_takes_them(calibrated: Path, objects_index: Index) -> None:
    index, parts = open_index(calibrated), parts_of(calibrated)
    source = "calibration, 40 % of 8 unseen images"
    assert find_object_rule(True, index, None) == ObjectRule(parts.points, source, parts.bound)
    given = find_object_rule(parts.points + 5, index, None)
    assert given is not None
    assert given.overridden == ("the calibration", parts.points)
    assert given.laxer
    assert given.false_rate == share_bound(parts.null, parts.points + 5)
    uncalibrated = find_object_rule(True, objects_index, None)
    assert uncalibrated == ObjectRule()


def test_reports_tell_of_it(calibrated: Path) -> None:
    found = open_index(calibrated).calibration
    assert found is not None
    text = calibration_text("index", found)
    assert "parts        a copy from 6 points on: " in text
    assert " of 8 images have as many, at most " in text
    assert found.objects is not None
    assert ("closest part " in text) == bool(found.objects.closest)
    data = calibration_data(found)["objects"]
    assert (data["points"], data["images"], data["proved"]) == (6, 8, True)
    assert json.dumps(data)
    weak = replace(found, objects=replace(found.objects, rate=0.01, points=30))
    text = calibration_text("index", weak)
    assert "8 images do not prove that at most 1 % of innocent samples" in text
    assert "it takes 299 or more (--objects N)" in text
    assert "a part counts as a copy from 30 points on, so that small ones pass" in text
    assert calibration_data(replace(found, objects=None))["objects"] is None


def test_too_few_images_are_told_in_the_source(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    change(own, lambda parts: replace(parts, rate=0.01))
    rule = find_object_rule(True, open_index(own), None)
    assert rule is not None
    assert rule.source == "calibration, 1 % of 8 unseen images, which are too few to prove it"
    assert rule.false_rate is not None
    assert rule.false_rate > 0.1


def change(folder: Path, edit: Callable[[ObjectCalibration], ObjectCalibration | None]) -> None:
    """Store a calibration of which the side of parts is another."""
    index = open_index(folder)
    assert index.calibration is not None
    assert index.calibration.objects is not None
    storing.store_calibration(index, replace(index.calibration, objects=edit(index.calibration.objects)))


@pytest.mark.parametrize(
    "way", [{"grid": "ninths"}, {"candidates": 9}, {"detector": "orb"}, {"evidence": "matches"}], ids=str
)
def test_points_that_were_found_otherwise_are_refused(own: Path, way: dict[str, str | int]) -> None:
    change(own, lambda parts: replace(parts, **way))  # type: ignore[arg-type]
    index = open_index(own)
    with pytest.raises(CalibrationError, match=r"were calibrated by .* calibrate it again"):
        find_object_rule(True, index, None)
    assert find_object_rule(12, index, None) == ObjectRule(12, "call", overridden=("the default", POINTS))


def test_an_index_that_changed_has_no_calibrated_parts(own: Path) -> None:
    remove_images(own, ids=["cat.jpg"])
    index = open_index(own)
    with pytest.raises(CalibrationError, match="has changed since it was calibrated, and parts with it"):
        find_object_rule(True, index, None)
    assert find_object_rule(12, index, None) == ObjectRule(12, "call", overridden=("the default", POINTS))
    (own / index.manifest.calibration.name).unlink()  # type: ignore[union-attr]
    with pytest.raises(CalibrationError, match="has changed"):
        find_object_rule(True, open_index(own), None)


def test_without_parts_a_changed_index_has_the_default(own: Path) -> None:
    change(own, lambda _: None)
    remove_images(own, ids=["cat.jpg"])
    assert find_object_rule(True, open_index(own), None) == ObjectRule()


@pytest.mark.parametrize(
    "wrong",
    [
        {"counts": []},
        {"counts": [3, -1, 2]},
        {"counts": [3, 0]},
        {"counts": [1.5]},
        {"points": 0},
        {"points": 6.0},
        {"points": True},
        {"rate": 1.0},
        {"bound": 0.0},
        {"confidence": 2},
    ],
    ids=str,
)
def test_a_file_that_says_what_no_calibration_does_is_refused(
    own: Path, wrong: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    to_json = storing._to_json

    def damaged(found: Calibration) -> bytes:
        body = json.loads(to_json(found))
        body["objects"] |= wrong
        return json.dumps(body).encode()

    monkeypatch.setattr(storing, "_to_json", damaged)
    change(own, lambda parts: parts)
    with pytest.raises(IndexCorrupt, match="is damaged"):
        _ = open_index(own).calibration


def test_nothing_is_read_of_nothing() -> None:
    assert parse_objects(None) is None


def test_parts_are_calibrated_where_the_index_has_some(
    objects_index: Index, pixels_index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert module.wanted_images(objects_index, None) == module.IMAGES
    assert module.wanted_images(objects_index, 0) == 0
    assert module.wanted_images(pixels_index, None) == 0
    assert module.wanted_images(pixels_index, 7) == 7
    monkeypatch.setattr(module, "last_calibration", lambda *_: {"objects": {"points": 9}})
    assert module.wanted_images(pixels_index, None) == module.IMAGES
    assert module.wanted_images(pixels_index, 0) == 0
    with pytest.raises(SettingsError, match="-1 images to look for parts of"):
        CalibrateOptions(objects=-1)


def test_without_opencv_nothing_is_measured(
    objects_index: Index, options: CalibrateOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(SettingsError, match="OpenCV, which is not installed.*--objects 0"):
        calibrate_index(objects_index, options)


def test_training_images_are_compared_with_others(part_photos: Path, tmp_path: Path) -> None:
    """Each of them is in the index itself, and one of them twice."""
    images = tmp_path / "images"
    images.mkdir()
    for name in ("cat", "coins"):
        with Image.open(part_photos / f"{name}.jpg") as image:
            image.resize((160, 120)).save(images / f"{name}.png")
    with Image.open(images / "cat.png") as image:
        image.save(images / "cat-again.bmp")
    index = build_index(images, tmp_path / "twice", BuildOptions(embedder="pixels", progress=False)).index
    found = module.calibrate_objects(
        open_index(index),
        module.of_training(open_index(index), 3, None, 0),
        0.99,
        0.5,
        3,
        journal=module.journal_of(open_index(index), "", 0.99),
        progress=False,
    )
    assert len(found) == 3
    assert len(found.counts) <= 8  # itself and its duplicate have hundreds of points
    for one in found.closest:
        assert {Path(one.uri).stem, Path(one.training_uri).stem} != {"cat", "cat-again"}
        assert one.uri != one.training_uri


def test_what_cannot_be_compared_is_no_null(
    part_photos: Path, unseen: Path, options: CalibrateOptions, tmp_path: Path
) -> None:
    images = Path(shutil.copytree(part_photos, tmp_path / "images"))
    plain = build_index(images, tmp_path / "index", BuildOptions(embedder="pixels", progress=False)).index
    (images / "cat.jpg").unlink()
    with pytest.raises(CalibrationError, match="pairs of parts could not be compared"):
        calibrate_index(open_index(plain), replace(options, objects=1))
    assert open_index(plain).calibration is None
    for path in images.iterdir():
        path.unlink()
    nothing: Iterator[module.Innocent] = module.of_training(open_index(plain), 3, None, 0)
    with pytest.raises(CalibrationError, match="no image to calibrate parts"):
        module.calibrate_objects(
            open_index(plain),
            nothing,
            0.99,
            0.5,
            3,
            journal=module.journal_of(open_index(plain), "", 0.99),
            progress=False,
        )


def test_a_hold_out_that_changed_meanwhile_is_refused(unseen: Path, tmp_path: Path) -> None:
    changed = Path(shutil.copytree(unseen, tmp_path / "unseen"))
    wanted = np.array(keys(changed), np.uint64)
    (changed / "made-03.png").write_bytes(b"nothing")
    with pytest.raises(CalibrationError, match="1 images of .* are not there any more, or have changed"):
        list(module.of_holdout(open_source(changed), wanted, 100, 0))


def test_batches_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    images = [module.Innocent(str(n), str(n), Image.new("RGB", (10, 10))) for n in range(7)]
    monkeypatch.setattr(module, "_BATCH_IMAGES", 3)
    assert [len(batch) for batch in module._batches(images)] == [3, 3, 1]
    monkeypatch.setattr(module, "_BATCH_PIXELS", 200)
    assert [len(batch) for batch in module._batches(images)] == [2, 2, 2, 1]


def test_the_command_that_makes_it_again_names_the_number(calibrated: Path) -> None:
    from pytest_replication.index.recalibrate import calibrate_again

    assert "--objects 8" in calibrate_again(calibrated, open_index(calibrated).manifest)
    assert _told("objects", 8) == "8"


@pytest.mark.parametrize(
    "wrong",
    [
        lambda parts: replace(parts, bound=parts.bound / 2),
        lambda parts: replace(parts, counts=(*[0] * 9, 8)),
        lambda parts: replace(parts, counts=(*[0] * 9, 8), bound=1.0),  # all images have as many
    ],
    ids=["another bound", "other counts", "none proved"],
)
def test_points_that_do_not_follow_from_what_was_measured_are_refused(
    own: Path, wrong: Callable[[ObjectCalibration], ObjectCalibration]
) -> None:
    change(own, wrong)
    with pytest.raises(IndexCorrupt, match="do not follow from what was measured"):
        find_object_rule(True, open_index(own), None)


def test_an_interrupted_calibration_goes_on_where_it_was(
    own: Path, unseen: Path, options: CalibrateOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_BATCH_IMAGES", 2)
    measured: list[int] = []
    points = module._points

    def broken(index: Index, batch: list[module.Innocent], line: float) -> list[module.MeasuredPart]:
        if len(measured) == 1:
            raise KeyboardInterrupt
        measured.append(len(batch))
        return points(index, batch, line)

    def counted(index: Index, batch: list[module.Innocent], line: float) -> list[module.MeasuredPart]:
        measured.append(len(batch))
        return points(index, batch, line)

    few = replace(options, objects=4, fpr=0.6)
    monkeypatch.setattr(module, "_points", broken)
    with pytest.raises(KeyboardInterrupt):
        calibrate_index(open_index(own), few)
    monkeypatch.setattr(module, "_points", counted)
    again = calibrate_index(open_index(own), few)
    assert measured == [2, 2]
    assert again.objects is not None
    assert len(again.objects) == 4
    assert not list(own.glob("*.part"))


def test_without_a_holdout_training_images_are_the_null_of_parts_too(own: Path) -> None:
    change(own, lambda _: None)
    asked = CalibrateOptions(
        fpr=0.8, plant=0, objects=2, from_training=True, copies_from=0.99, progress=False
    )
    found = calibrate_index(open_index(own), asked)
    assert found.objects is not None
    assert len(found.objects) == 2
    rule = find_object_rule(True, open_index(own), None)
    assert rule is not None
    assert rule.source == "calibration, 80 % of 2 training images"
    assert rule.points < 20  # no image is compared with itself
