"""What `check` finds out before samples are drawn, and whether the index is the one that is expected."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pytest_replication import (
    check_replication,
    cli,
    open_index,
    remove_images,
)
from pytest_replication.calibrated import Calibrated
from pytest_replication.judging import judge
from pytest_replication.reports.text import render
from pytest_replication.rules import with_p_values

from .conftest import RunSuite

MODEL = """
def never(seeds):
    open("drawn", "w").close()
    raise RuntimeError("samples were drawn")
"""


@pytest.fixture
def never(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model that must not be asked, and the file that it leaves when it is."""
    pytester.makepyfile(never_asked=MODEL)
    monkeypatch.syspath_prepend(pytester.path)
    return pytester.path / "drawn"


def test_a_missing_threshold_is_found_before_samples_are_drawn(
    never: Path, built_pixels: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["check", str(built_pixels), "never_asked:never"]) == 2
    assert "no threshold" in capsys.readouterr().err
    assert not never.exists()
    assert cli.main(["check", str(built_pixels), "never_asked:never", "--threshold", "0.9"]) == 3
    assert never.exists()


def test_a_calibration_that_is_not_in_use_is_found_too(
    never: Path, built_calibrated: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    index = Path(shutil.copytree(built_calibrated, tmp_path / "index"))
    remove_images(index, ids=["cat.jpg"])
    assert cli.main(["check", str(index), "never_asked:never"]) == 3
    assert "has changed since it was calibrated" in capsys.readouterr().err
    assert not never.exists()


def test_a_run_finds_a_missing_threshold_when_it_judges(run_suite: RunSuite) -> None:
    code = """
        def test_release(replication_samples, assert_no_replication):
            assert_no_replication(replication_samples)
    """
    result = run_suite(code, "--replication-samples=photos/unrelated")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(
        ["*ThresholdMissing: no threshold: *calibrate * --holdout IMAGES --fpr 0.05 --samples 256'*"]
    )


def test_another_index_than_the_expected_one_is_an_error(
    run_suite: RunSuite,
    pytester: pytest.Pytester,
    built_pixels: Path,
    built_captioned: Path,
    unrelated: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    fingerprint = open_index(built_pixels).manifest.fingerprint
    code = """
        def test_unrelated(assert_no_replication):
            assert_no_replication("photos/unrelated", threshold=0.9)
    """
    pytester.makeini(f"[pytest]\nreplication_index_fingerprint = {fingerprint[:32].upper()}")
    run_suite(code).assert_outcomes(passed=1)
    result = run_suite(code, index=built_captioned)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        [f"*IndexMismatch: {built_captioned} has the fingerprint *, and * (ini file)*"]
    )
    given = ["check", str(built_pixels), str(unrelated), "--threshold", "0.9", "--index-fingerprint"]
    assert cli.main([*given, fingerprint]) == 0
    assert cli.main([*given, fingerprint[:-1] + "gg"]) == 2
    assert cli.main([*given, fingerprint[:31]]) == 2
    assert "no fewer than its first 32" in capsys.readouterr().err
    assert cli.main([*given, fingerprint[::-1]]) == 3


def test_samples_far_below_the_holdout_are_a_warning(
    built_calibrated: Path, holdout: Path, unrelated: Path
) -> None:
    index = open_index(built_calibrated)
    found = check_replication(holdout, index=index)
    assert found.matches.lower is None
    ready = Calibrated.of_index(index)
    assert ready is not None
    least = ready.null.scores.min()

    def lower(scores: list[float], ready: Calibrated = ready) -> object:
        best = [replace(found.matches.of[0][0], score=score) for score in scores]
        return ready.lower(best)

    assert lower([least - 0.1] * 8) is None
    told = lower([least - 0.1] * 20)
    assert told is not None
    assert (told.p < 1e-6, told.median) == (True, pytest.approx(least - 0.1))
    assert told.quantile == pytest.approx(float(np.quantile(ready.null.scores, 0.1)))
    middle = float(np.quantile(ready.null.scores, 0.2))
    assert lower([middle] * 2000) is None  # sure, and small
    assert lower([least - 0.1] * 6 + [0.9] * 5) is None  # large, and not sure
    training = replace(ready, calibration=replace(ready.calibration, origin="training"))
    assert lower([least - 0.1] * 20, training) is None
    far = replace(found.matches, of=((replace(found.matches.of[0][0], score=least - 0.1),),) * 20)
    verdict = judge(with_p_values(far, index), found.policy)
    assert "score clearly lower than images of the hold-out did (median" in render(verdict)
    assert "may not be the index of the model's training images" in render(verdict)
