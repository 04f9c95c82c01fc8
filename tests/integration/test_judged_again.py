"""Matches that were saved are judged again: on the command line and in pytest."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_replication import cli, open_index, read_matches
from pytest_replication.controls import Planted, store_canaries
from pytest_replication.policy import GroupThresholds
from pytest_replication.rules import settle
from pytest_replication.rules_again import policy_again

from .conftest import FAILING, PASSING, RunSuite
from .test_cli import call


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory, built_pixels: Path, training: Path) -> Path:
    """Matches of copies, saved by a check that fails at 0.9."""
    path = tmp_path_factory.mktemp("saved") / "run.json"
    done = call("check", built_pixels, training, "--threshold", "0.9", "--count", "3", "--save", path)
    assert done.returncode == 1, done.stderr
    return path


@pytest.mark.parametrize(
    ("options", "status"),
    [
        ((), 1),
        (("--threshold", "0.5"), 1),
        (("--max-rate", "0.2"), 1),
        (("--max-rate", "0.9"), 3),
        (("--threshold", "5"), 2),
        (("--max-rate", "5"), 2),
    ],
    ids=str,
)
def test_the_exit_status_is_that_of_a_check(saved: Path, options: tuple[str, ...], status: int) -> None:
    assert call("check", "--matches", saved, *options).returncode == status


def test_the_verdict_is_that_of_a_check(
    saved: Path, built_pixels: Path, training: Path, tmp_path: Path
) -> None:
    fresh = call("check", built_pixels, training, "--threshold", "0.95", "--count", "3", "--json")
    again = call("check", "--matches", saved, "--threshold", "0.95", "--json")
    data = json.loads(again.stdout)
    stored = data["matches_file"]
    assert json.loads(fresh.stdout) == data | {
        "matches_file": None,
        "max_rate_source": "default",
        "threshold_overridden": None,
    }
    assert stored["path"] == str(saved)
    assert len(stored["sha256"]) == 64
    shutil.copy(saved, tmp_path / "moved.json")
    text = call("check", "--matches", tmp_path / "moved.json").stdout
    assert text.startswith("FAIL: 3 of 3 samples replicate training images")
    assert f"judged again from {tmp_path / 'moved.json'}, measured {stored['written']}" in text
    assert "score >= 0.9 (command line, as in " in text


def test_unrelated_samples_pass_until_the_threshold_is_low(
    built_pixels: Path, unrelated: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run.json"
    assert call("check", built_pixels, unrelated, "--threshold", "0.95", "--save", run).returncode == 0
    assert call("check", "--matches", run).returncode == 0
    assert call("check", "--matches", run, "--threshold", "0").returncode == 1
    assert call("check", "--matches", run, "--max-rate", "0.01").returncode == 3


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (("index",), "INDEX"),
        (("index", "samples"), "INDEX, SAMPLES"),
        (("--count", "3"), "--count"),
        (("--seed", "3", "--engine", "annoy"), "--seed, --engine"),
        (("--allow-approximate",), "--allow-approximate"),
        (("--save", "other.json"), "--save"),
        (("--cache", "samples", "--model-option", "steps=2"), "--model-option, --cache"),
    ],
    ids=str,
)
def test_what_says_how_to_measure_is_refused_beside_matches(
    saved: Path, options: tuple[str, ...], named: str
) -> None:
    done = call("check", "--matches", saved, *options)
    assert done.returncode == 2
    assert f"error: {named} cannot be given with --matches" in done.stderr


def test_without_samples_or_matches_nothing_is_checked(built_pixels: Path) -> None:
    for arguments in ((), (built_pixels,)):
        done = call("check", *arguments)
        assert done.returncode == 2
        assert "check needs an index and samples" in done.stderr


def test_a_damaged_file_cannot_tell(saved: Path, tmp_path: Path) -> None:
    broken = tmp_path / "run.json"
    broken.write_text(saved.read_text().replace('"score"', '"scope"'))
    for path in (broken, tmp_path / "none.json"):
        done = call("check", "--matches", path, "--json")
        assert done.returncode == 3
        assert json.loads(done.stdout)["error"]["type"] == "MatchesFileError"


def test_a_place_that_is_none_is_refused_before_anything_is_measured(
    built_pixels: Path, training: Path, tmp_path: Path
) -> None:
    done = call("check", built_pixels, training, "--threshold", "0.9", "--save", tmp_path / "no" / "run.json")
    assert done.returncode == 2
    assert "there is no folder for --save" in done.stderr


TWICE = """
    import pytest

    @pytest.mark.parametrize("name", ["a/b", "a b"])
    def test_twice(check_replication, name):
        check_replication("photos/unrelated", threshold=0.95, name="first")
        check_replication("photos/training", threshold=0.95, name="second")
"""


def test_pytest_keeps_the_matches_of_every_check(pytester: pytest.Pytester, run_suite: RunSuite) -> None:
    run_suite(TWICE, "--replication-save=runs/all").assert_outcomes(passed=2)
    found = [read_matches(path) for path in sorted((pytester.path / "runs" / "all").iterdir())]
    assert [saved.matches.subject.check for saved in found] == ["first", "second"] * 2
    assert {saved.policy.threshold for saved in found} == {0.95}
    path = next((pytester.path / "runs" / "all").glob("*-2.json"))
    assert call("check", "--matches", path).returncode == 1


def test_a_failure_is_kept_too(pytester: pytest.Pytester, run_suite: RunSuite) -> None:
    run_suite(FAILING, "--replication-save=runs").assert_outcomes(failed=1)
    (path,) = (pytester.path / "runs").iterdir()
    assert path.name.startswith("test-a-failure-is-kept-too-py-test-copies-")
    assert call("check", "--matches", path).returncode == 1


def test_matches_that_cannot_be_kept_are_an_error(pytester: pytest.Pytester, run_suite: RunSuite) -> None:
    (pytester.path / "runs").write_text("a file")
    result = run_suite(PASSING, "--replication-save=runs")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*MatchesFileError: the folder *runs of --replication-save cannot be made*"])


def test_what_follows_from_a_calibration_does_not_outlive_its_threshold(
    built_calibrated: Path, training: Path, tmp_path: Path
) -> None:
    """Thresholds of groups and a false discovery rate would hide a threshold that is given now."""
    run = tmp_path / "run.json"
    assert main("check", built_calibrated, training, "--count", 3, "--fdr", 0.1, "--save", run) == 1
    saved = read_matches(run)
    assert saved.policy.fdr == 0.1
    assert saved.matches.p_values == (1 / 121,) * 3
    groups, index = GroupThresholds("label", {}, rest=1.0), open_index(built_calibrated)
    policy = replace(saved.policy, groups=groups, false_rate=0.05)
    options: dict[str, float]
    for options, wanted in (
        ({"threshold": 0.5}, (0.5, None, None, None)),
        ({"fdr": 0.2}, (settle(replace(policy, fdr=0.2), index, 3).threshold, 0.2, None, None)),
        ({}, (policy.threshold, 0.1, groups, 0.05)),
    ):
        found = policy_again(policy, saved.matches, file="run.json", **options)
        assert (found.threshold, found.fdr, found.groups, found.false_rate) == wanted
    assert main("check", "--matches", run, "--fdr", 0.2) == 1
    assert main("check", "--matches", run, "--fdr", 0.01) == 3  # 3 samples take 299 images of 120
    assert main("check", "--matches", run, "--fdr", 0.1, "--threshold", 0.5) == 2


def test_a_false_discovery_rate_given_later_is_judged_as_in_a_check(
    built_calibrated: Path,
    planted: Planted,
    training: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Canaries have to reach its line and not that of the calibration, and it is this line that is told."""
    folder, run = Path(shutil.copytree(built_calibrated, tmp_path / "index")), tmp_path / "run.json"
    store_canaries(open_index(folder), planted, 0.3)
    fresh = ("check", folder, training, "--count", 3, "--json")
    assert main(*fresh, "--save", run) == 1
    calibrated = json.loads(capsys.readouterr().out)
    assert main(*fresh, "--fdr", 0.05) == 1
    wanted = json.loads(capsys.readouterr().out)
    assert wanted["threshold"] > calibrated["threshold"] + 0.01
    assert main("check", "--matches", run, "--json", "--fdr", 0.05) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["threshold"] == wanted["threshold"]
    assert found["threshold_source"] == wanted["threshold_source"]
    assert found["control"]["found"] == wanted["control"]["found"] == 16
    assert main("check", "--matches", run, "--json") == 1
    assert json.loads(capsys.readouterr().out)["threshold"] == calibrated["threshold"]


def main(*arguments: object) -> int:
    return cli.main(list(map(str, arguments)))
