"""``calibrate`` on the command line, and what a gate makes of it."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest

from pytest_replication import cli, open_index, remove_images

from .conftest import RunSuite

Captured = pytest.CaptureFixture[str]

CHECK = """
    def test_samples(assert_no_replication):
        assert_no_replication({samples!r})
"""


@pytest.fixture
def calibrated(built_calibrated: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(built_calibrated, tmp_path / "index"))


def run(capsys: Captured, *arguments: object) -> tuple[int, str, str]:
    status = cli.main(list(map(str, arguments)))
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def test_calibrate_info_check_and_drop(
    damaged: Path, holdout: Path, training: Path, capsys: Captured
) -> None:
    status, out, _ = run(capsys, "calibrate", damaged, "--holdout", holdout, "--fpr", "0.05", "--plant", "2")
    assert status == 0
    index = open_index(damaged)
    assert index.calibration is not None
    threshold = index.calibration.threshold
    first = out.splitlines()[0]
    assert first == f"{damaged}: threshold {threshold:g}, 5 % of 120 unseen images"
    assert "A/A control  passed" in out
    assert "of 16 copies are found" in out
    assert "jpeg-20 2/2" in out
    assert "WARNING      120 images make a rough threshold" in out

    status, out, _ = run(capsys, "info", damaged)
    assert f"calibration  threshold {threshold:g}, 5 % of 120 unseen images, today" in out
    status, out, _ = run(capsys, "info", damaged, "--json")
    told = json.loads(out)["calibration"]
    assert (told["stale"], told["threshold"], told["images"]) == (False, threshold, 120)
    assert told["rate_bounds"][0] < 0.05 < told["rate_bounds"][1]
    assert told["threshold_bounds"][0] <= threshold

    status, out, _ = run(capsys, "check", damaged, training)
    assert status == 1
    assert f"score >= {threshold:g} (calibration, 5 % of 120 unseen images)" in out
    assert "of a model that copies nothing, 0.99 are expected" in out
    assert ", p 0.0083)" in out

    status, out, _ = run(capsys, "calibrate", damaged, "--drop")
    assert (status, out) == (0, f"{damaged}: the calibration is dropped\n")
    assert (
        run(capsys, "calibrate", damaged, "--drop", "--json")[1]
        == json.dumps({"index": str(damaged), "dropped": False}, indent=1) + "\n"
    )
    assert run(capsys, "check", damaged, training)[0] == 2


def test_a_plot_that_cannot_be_written_is_refused(
    damaged: Path, holdout: Path, capsys: Captured, tmp_path: Path
) -> None:
    pytest.importorskip("matplotlib")
    given = ("calibrate", damaged, "--holdout", holdout, "--plot")
    for wrong in (tmp_path / "null.txt", tmp_path / "nowhere" / "null.png"):
        status, _, err = run(capsys, *given, wrong)
        assert status == 3
        assert "cannot be drawn to" in err


def test_a_plot_without_matplotlib_is_refused_before_anything_is_measured(
    damaged: Path, holdout: Path, capsys: Captured, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    status, _, err = run(capsys, "calibrate", damaged, "--holdout", holdout, "--plot", tmp_path / "null.png")
    assert status == 3
    assert "pip install 'pytest-replication[bench]'" in err
    assert open_index(damaged).manifest.calibration is None


def test_copies_that_were_asked_for_and_not_planted_are_no_success(
    damaged: Path, holdout: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pytest_replication.calibrate.run.plant_originals", lambda *_, **__: None)
    asked = ("calibrate", damaged, "--holdout", holdout, "--fpr", "0.05")
    status, _, err = run(capsys, *asked, "--plant", "2")
    assert status == 3
    assert "--plant 2 was asked for and no copies were planted (their files cannot be read here" in err
    assert open_index(damaged).calibration is not None
    assert run(capsys, *asked)[0] == 0  # nobody asked for them


def test_the_json_of_calibrate_and_of_a_verdict(
    damaged: Path, holdout: Path, training: Path, capsys: Captured
) -> None:
    status, out, _ = run(
        capsys, "calibrate", damaged, "--holdout", holdout, "--fpr", "0.1", "--json", "--plant", "0"
    )
    told = json.loads(out)
    assert (status, told["images"], told["control"]["passed"], told["by"]) == (0, 120, True, "")
    verdict = json.loads(run(capsys, "check", damaged, training, "--json")[1])
    assert verdict["threshold_source"] == "calibration, 10 % of 120 unseen images"
    assert verdict["expected_false"] == pytest.approx(20 * 12 / 121)
    assert {pair["p_value"] for pair in verdict["pairs"]} == {1 / 121}
    assert all(pair["threshold"] == told["threshold"] for pair in verdict["pairs"])
    by_fdr = json.loads(run(capsys, "check", damaged, training, "--fdr", "0.2", "--json")[1])
    assert (by_fdr["fdr"], by_fdr["fdr_source"], by_fdr["replicated"]) == (0.2, "command line", 20)
    assert by_fdr["expected_false"] is None


def test_wrong_usage(calibrated: Path, holdout: Path, capsys: Captured) -> None:
    assert run(capsys, "calibrate", calibrated, "--holdout", holdout, "--drop")[0] == 2
    assert run(capsys, "calibrate", calibrated, "--fpr", "2")[0] == 2
    status, _, err = run(capsys, "calibrate", calibrated, "--holdout", holdout, "--fpr", "0.001")
    assert status == 3
    assert "takes 999 or more; give more images, or a larger --fpr" in err
    asked = ("calibrate", calibrated, "--holdout", holdout, "--fpr", "0.05", "--samples", "500")
    status, _, err = run(capsys, *asked)
    assert status == 3
    assert (
        "takes 9999 or more; give more images, a larger --fpr or fewer --samples, or leave --samples out"
        in err
    )


def test_a_stale_calibration_is_an_error_with_its_remedy(
    calibrated: Path, unrelated: Path, capsys: Captured
) -> None:
    remove_images(calibrated, ids=["cat.jpg"])
    status, _, err = run(capsys, "check", calibrated, unrelated)
    assert status == 3
    assert "has changed since it was calibrated" in err
    status, out, _ = run(capsys, "check", calibrated, unrelated, "--threshold", "0.99", "--canaries", "0")
    assert status == 0
    assert "WARNING    the index has changed since it was calibrated: there are no p-values" in out
    assert "NOT in use: made before the index changed" in run(capsys, "info", calibrated)[1]
    assert json.loads(run(capsys, "info", calibrated, "--json")[1])["calibration"] == {"stale": True}


def test_a_damaged_calibration_passes_nothing(calibrated: Path, unrelated: Path, capsys: Captured) -> None:
    (path,) = calibrated.glob("calibration-*")
    path.write_bytes(path.read_bytes().replace(b"0", b"1", 1))
    assert run(capsys, "check", calibrated, unrelated)[0] == 3
    free = ("--threshold", "0.99", "--canaries", "0")
    assert run(capsys, "check", calibrated, unrelated, *free)[0] == 3
    path.unlink()
    status, _, err = run(capsys, "check", calibrated, unrelated)
    assert status == 3
    assert f"drop it with 'pytest-replication calibrate {calibrated} --drop'" in err
    assert run(capsys, "calibrate", calibrated, "--drop")[0] == 0
    assert run(capsys, "check", calibrated, unrelated, "--threshold", "0.99")[0] == 0


def test_the_gate_takes_its_threshold_from_the_calibration(
    run_suite: RunSuite, built_calibrated: Path
) -> None:
    result = run_suite(CHECK.format(samples="photos/training"), index=built_calibrated)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["FAIL *threshold * (calibration, 5 % of 120 unseen images), 0.99 expected by chance, *"]
    )


def test_the_gate_with_a_false_discovery_rate(run_suite: RunSuite, built_calibrated: Path) -> None:
    code = """
        import pytest

        def test_setting(assert_no_replication):
            assert_no_replication("photos/training")

        @pytest.mark.replication(fdr=0.19)
        def test_marker(assert_no_replication):
            assert_no_replication("photos/training")

        @pytest.mark.replication(threshold=1.0)
        def test_nearer(check_replication):
            assert check_replication("photos/unrelated", canaries=0).passed

        def test_call(assert_no_replication):
            assert_no_replication("photos/training", fdr=0.18)

        def test_rate(assert_replication_rate_below):
            assert_replication_rate_below("photos/unrelated", 0.99)
    """
    result = run_suite(code, "--replication-fdr=0.2", index=built_calibrated)
    result.assert_outcomes(failed=3, passed=1, errors=1)
    result.stdout.fnmatch_lines(["*false discovery rate of 0.2 (command line) decides * takes a threshold*"])
    for line in ("FDR 0.2 (command line)", "FDR 0.19 (marker)", "FDR 0.18 (call)", "threshold 1 (marker)"):
        result.stdout.fnmatch_lines([f"* {line}*"])
    result.stdout.fnmatch_lines(["*FDR 0.18 (call), no rate proved*"])


def test_a_stale_calibration_is_an_error_of_the_gate(run_suite: RunSuite, calibrated: Path) -> None:
    remove_images(calibrated, ids=["cat.jpg"])
    result = run_suite(CHECK.format(samples="photos/unrelated"), index=calibrated)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*CalibrationError: * has changed since it was calibrated*"])


@pytest.mark.parametrize("damage", ["cut", "gone"])
@pytest.mark.parametrize("kind", ["calibration", "canaries"])
def test_a_damaged_calibration_is_shown_and_replaced(
    kind: str,
    damage: str,
    built_guarded: Path,
    calibrated: Path,
    holdout: Path,
    tmp_path: Path,
    capsys: Captured,
) -> None:
    if kind == "canaries":
        calibrated = Path(shutil.copytree(built_guarded, tmp_path / "guarded"))
    (path,) = calibrated.glob(f"{kind}-*")
    content = path.read_bytes()
    path.unlink()
    if damage == "cut":
        path.write_bytes(content[:-9])
    status, out, _ = run(capsys, "info", calibrated)
    assert status == 0
    (line,) = (line for line in out.splitlines() if line.startswith(f"  {kind:<12} "))
    assert line.startswith(f"  {kind:<12} DAMAGED: {path} is ")
    assert json.loads(run(capsys, "info", calibrated, "--json")[1])[kind]["damaged"]
    status, _, err = run(capsys, "check", calibrated, holdout, "--threshold", "0.999")
    assert status == 3
    assert f"pytest-replication calibrate {calibrated}" in err
    again = ("calibrate", calibrated, "--holdout", holdout, "--fpr", "0.05", "--plant", "0")
    assert run(capsys, *again)[0] == 0
    assert "DAMAGED" not in run(capsys, "info", calibrated)[1]
    assert open_index(calibrated).calibration is not None
