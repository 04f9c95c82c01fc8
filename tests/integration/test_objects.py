"""Copies of parts fail a check that asks for them: in a call, on the command line and in pytest."""

from __future__ import annotations

import json
import shutil
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from pytest_replication import (
    BuildOptions,
    Index,
    ObjectRule,
    Outcome,
    ReplicationDetected,
    Verdict,
    assert_no_replication,
    assert_replication_rate_below,
    build_index,
    check,
    check_replication,
    open_index,
    read_matches,
)
from pytest_replication.accepted import file
from pytest_replication.accepted.entries import today
from pytest_replication.calibrate.objects import wanted_images
from pytest_replication.errors import IndexMismatch, SettingsError
from pytest_replication.judging import judge
from pytest_replication.models import Samples
from pytest_replication.objects import POINTS
from pytest_replication.reports.matches_file import save_matches
from pytest_replication.search.objects import CANDIDATES

from .conftest import RunSuite
from .test_cli import call

pytest.importorskip("cv2")
ABOVE = 0.99
"""A threshold that none of the samples reaches."""


@pytest.fixture(scope="module")
def folder(pasted: Samples, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders ``copied`` and ``other`` of a sample each."""
    made = tmp_path_factory.mktemp("samples")
    for name, number in (("copied", 0), ("other", 1)):
        (made / name).mkdir()
        pasted.image(number).save(made / name / "0.png")
    return made


@pytest.fixture(scope="module")
def lost(part_photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index without local features, one of whose training images is gone."""
    made = tmp_path_factory.mktemp("lost")
    images = Path(shutil.copytree(part_photos, made / "images"))
    index = build_index(images, made / "index", BuildOptions(embedder="pixels", progress=False)).index
    (images / "coins.jpg").unlink()
    return index


def test_a_copy_of_a_part_fails_where_it_is_asked_for(
    objects_index: Index, pasted: Samples, objects_verdict: Verdict
) -> None:
    assert check_replication(pasted, ABOVE, index=objects_index).outcome is Outcome.PASS
    verdict = objects_verdict
    assert verdict.outcome is Outcome.FAIL
    assert [(m.sample, m.record.id, m.kind) for m in verdict.replicated] == [(0, "motorcycle.jpg", "object")]
    assert verdict.matches.objects is not None
    assert verdict.matches.objects.checked == 18


def test_assertions_take_it(objects_index: Index, pasted: Samples) -> None:
    copied = [pasted.image(0)]
    with pytest.raises(ReplicationDetected, match="1 by a part alone"):
        assert_no_replication(copied, ABOVE, index=objects_index, objects=True)
    with pytest.raises(ReplicationDetected, match="1 by a part alone"):
        assert_replication_rate_below(copied, 0.01, ABOVE, index=objects_index, objects=True)
    with pytest.raises(SettingsError, match=r"objects is 'yes'; expected True, False, from how many"):
        assert_no_replication(copied, ABOVE, index=objects_index, objects="yes")  # type: ignore[arg-type]
    with pytest.raises(SettingsError, match=r"1 points \(call\) tell no copy of a part"):
        assert_no_replication(copied, ABOVE, index=objects_index, objects=1)
    verdict = assert_no_replication(copied, ABOVE, index=objects_index, objects=1000)
    assert verdict.policy.objects == ObjectRule(1000, "call", overridden=("the default", POINTS))


def test_what_was_found_is_judged_again_from_a_file(objects_verdict: Verdict, tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    verdict = objects_verdict
    save_matches(path, verdict)
    saved = read_matches(path)
    assert saved.policy.objects == verdict.policy.objects
    again = judge(saved.matches, saved.policy)
    assert [(m.sample, m.row, m.points) for m in again.replicated] == [
        (m.sample, m.row, m.points) for m in verdict.replicated
    ]
    assert call("check", "--matches", path, "--threshold", 0.999).returncode == 1
    laxer = call("check", "--matches", path, "--object-points", 1000)
    assert laxer.returncode == 0
    assert f"a part with 1000 points alike (command line; the check of then: {POINTS})" in laxer.stdout
    assert (
        f"WARNING    1000 points of a part (command line) are laxer than the check of then ({POINTS})"
        in laxer.stdout
    )
    refused = call("check", "--matches", path, "--objects")
    assert refused.returncode == 2
    assert "--objects cannot be given with --matches" in refused.stderr


def test_a_part_is_accepted_until_that_expires(
    objects_verdict: Verdict,
    objects_index: Index,
    pasted: Samples,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run, book = tmp_path / "run.json", tmp_path / "accepted.toml"
    save_matches(run, objects_verdict)
    points = objects_verdict.replicated[0].points
    later = today() + timedelta(30)
    decided = ("--reason", "ours", "--by", "me", "--expires", later)
    done = call("accept", "--accepted", book, "--from", run, "--all-replicated", *decided)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"1 match added, 1 in it\n  {points} points  sample 0 -> " in done.stdout
    assert f"points = {points}\n" in book.read_text()
    assert "score" not in book.read_text()
    again = ("check", "--matches", run, "--accepted", book)
    done = call(*again)
    assert (done.returncode, f"{points} points  sample 0 -> " in done.stdout) == (0, True)
    assert call("accept", "--accepted", book, "--prune", "--from", run, "--json").returncode == 0
    assert "[[accepted]]" in book.read_text()  # it is needed
    looked_at = []
    found = objects_verdict.matches.objects
    monkeypatch.setattr(check, "find_objects", lambda index, samples, own, k: looked_at.append(k) or found)
    assert check_replication(pasted, ABOVE, index=objects_index, objects=True, accepted=book).passed
    assert looked_at == [CANDIDATES + 1]
    monkeypatch.setattr(file, "today", lambda: later + timedelta(1))
    done = call(*again)
    assert done.returncode == 1
    assert f"EXPIRED    accepted until {later} and counted again: {points} points" in done.stdout
    assert "matched nothing" not in done.stdout


def test_the_command_line_asks_for_it(objects_index: Index, folder: Path) -> None:
    given = ("check", objects_index.path, folder / "copied", "--threshold", ABOVE)
    assert call(*given).returncode == 0
    done = call(*given, "--objects", "--json")
    assert done.returncode == 1
    data = json.loads(done.stdout)
    assert [(pair["kind"], pair["part"]["mirrored"]) for pair in data["pairs"]] == [("object", True)]
    assert (data["objects"]["replicated"], data["objects"]["unchecked"]) == (1, 0)
    laxer = call(*given, "--object-points", 1000, "--json")
    assert laxer.returncode == 0
    told = json.loads(laxer.stdout)["objects"]
    assert (told["points"], told["points_source"]) == (1000, "command line")
    assert call(*given, "--object-points", 2).returncode == 2
    for option in ("--objects", "--object-points=9"):
        assert call(*given, option, "--pixels", "ratio").returncode == 2


def test_what_cannot_be_looked_at_lets_nothing_pass(lost: Path, folder: Path) -> None:
    given = ("check", lost, folder / "other", "--threshold", ABOVE)
    assert call(*given).returncode == 0
    done = call(*given, "--objects")
    assert done.returncode == 3
    assert "parts of 1 sample were not checked" in done.stdout
    assert "build it again with --objects" in done.stdout


def test_an_index_of_which_no_image_can_be_looked_at_is_refused_before_samples_are_drawn(
    lost: Path, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = Path(shutil.copytree(lost, tmp_path / "index"))
    monkeypatch.setattr("pytest_replication.search.objects.original", lambda record: None)
    with pytest.raises(
        IndexMismatch, match=r"no local features, and of \d training images that were tried none"
    ):
        check_replication(str(folder / "other"), ABOVE, index=gone, objects=True)
    with pytest.raises(IndexMismatch, match="calibrate without parts: --objects 0"):
        wanted_images(open_index(gone), 20)


def test_a_run_asks_for_it(run_suite: RunSuite, objects_index: Index, folder: Path) -> None:
    suite = f"""
        def test_copied(assert_no_replication):
            assert_no_replication({str(folder / "copied")!r}, threshold={ABOVE})

        def test_tolerated(check_replication):
            check_replication({str(folder / "copied")!r}, threshold={ABOVE})

        def test_not_asked(assert_no_replication):
            assert_no_replication({str(folder / "copied")!r}, threshold={ABOVE}, objects=False)
    """
    result = run_suite(suite, "--replication-objects", index=objects_index.path)
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(
        [f"*1 by a part alone: * points, {POINTS} are enough*", "* points  *0.png -> *motorcycle.jpg"]
    )


def test_without_opencv_nothing_is_judged(
    objects_index: Index, pasted: Samples, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(SettingsError, match="OpenCV, which is not installed"):
        check_replication(pasted, ABOVE, index=objects_index, objects=True)


def test_a_run_says_from_how_many_points_on(
    run_suite: RunSuite, objects_index: Index, folder: Path, pytester: pytest.Pytester
) -> None:
    suite = f"""
        import pytest

        def test_of_the_run(check_replication):
            verdict = check_replication({str(folder / "copied")!r}, threshold={ABOVE})
            assert verdict.policy.objects.points == 1000
            assert verdict.policy.objects.source == "ini file"

        @pytest.mark.replication(objects=9)
        def test_marked(check_replication):
            verdict = check_replication({str(folder / "copied")!r}, threshold={ABOVE})
            assert not verdict.passed
            assert (verdict.policy.objects.points, verdict.policy.objects.source) == (9, "marker")

        @pytest.mark.replication(objects=False)
        def test_marked_off(check_replication):
            assert check_replication({str(folder / "copied")!r}, threshold={ABOVE}).policy.objects is None

        @pytest.mark.replication(objects=3)
        def test_too_few(check_replication):
            pass
    """
    pytester.makeini("[pytest]\nreplication_object_points = 1000\n")
    result = run_suite(suite, index=objects_index.path)
    result.assert_outcomes(passed=3, errors=1)
    result.stdout.fnmatch_lines(["*has objects=3, which is below 4*"])


def test_calibrated_points_decide_and_both_rates_are_told(
    objects_index: Index, holdout: Path, folder: Path, tmp_path: Path
) -> None:
    index = shutil.copytree(objects_index.path, tmp_path / "index")
    given = ("--holdout", holdout, "--fpr", 0.4, "--plant", 0, "--objects", 6)
    done = call("calibrate", index, *given)
    assert done.returncode == 0, done.stderr
    assert "parts        a copy from 6 points on: 0 of 6 images have as many" in done.stdout
    assert ", parts from 6 points on" in call("info", index).stdout
    copied = call("check", index, folder / "copied", "--threshold", ABOVE, "--objects", "--json")
    assert copied.returncode == 1
    told = json.loads(copied.stdout)
    assert (told["objects"]["points"], told["objects"]["points_source"]) == (
        6,
        "calibration, 40 % of 6 unseen images",
    )
    assert told["objects"]["false_rate"] == pytest.approx(0.393, abs=0.001)
    assert told["false_rate"] == pytest.approx(1 / 121)
    json_again = json.loads(call("info", index, "--json").stdout)["calibration"]["objects"]
    assert (json_again["points"], sum(json_again["counts"])) == (6, 6)
