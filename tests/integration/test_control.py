"""The positive control as users see it: in the table, in JSON, on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pytest_replication import check_replication, cli, open_index, remove_images
from pytest_replication.errors import ControlFailed, MatchesFileError
from pytest_replication.index.canaries import Canaries
from pytest_replication.index.canaries_file import write_canaries
from pytest_replication.reports.matches_file import read_matches, save_matches
from pytest_replication.sealed import digest

from .conftest import PASSING, RunSuite

CLI_NOTE = "no positive control: canaries are 0 (command line)"


def test_the_control_of_a_check_stands_below_its_row(run_suite: RunSuite, built_guarded: Path) -> None:
    result = run_suite(PASSING, index=built_guarded)
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(
        ["PASS*0 of 11 replicated*", "      control: 16 of 16 planted copies found (lowest score *"]
    )
    assert "no positive control" not in result.stdout.str()


def test_an_index_without_canaries_says_so(run_suite: RunSuite) -> None:
    result = run_suite(PASSING)
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(
        ["WARNING: no positive control: 'pytest-replication info * shows the command that plants *"]
    )


@pytest.mark.parametrize("value", ["-1", "many", "1.5"])
def test_a_number_of_canaries_has_to_be_one(run_suite: RunSuite, value: str) -> None:
    result = run_suite(PASSING, f"--replication-canaries={value}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR


def test_the_setting_may_stand_in_the_ini_file(
    run_suite: RunSuite, pytester: pytest.Pytester, built_guarded: Path
) -> None:
    pytester.makeini("[pytest]\nreplication_canaries = 3\n")
    result = run_suite(PASSING, index=built_guarded)
    result.stdout.fnmatch_lines(["      control: 3 of 3 planted copies found *"])
    result = run_suite(PASSING, "--replication-canaries=0", index=built_guarded)
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines([f"      WARNING: {CLI_NOTE}"])


def test_a_gate_that_finds_no_canary_is_an_error_in_workers_too(run_suite: RunSuite, damaged: Path) -> None:
    write_canaries(open_index(damaged), Canaries(0.9, {"grey": (0, 20)}, ()))
    result = run_suite(PASSING, "-n1", index=damaged)
    result.assert_outcomes(errors=1)
    assert result.ret == 1
    assert "ControlFailed" in result.stdout.str()


def test_the_command_line_has_the_control(
    built_guarded: Path, unrelated: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gate = ["check", str(built_guarded), str(unrelated), "--json", "--threshold"]
    assert cli.main([*gate, "0.9", "--canaries", "5"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["control"] == data["control"] | {"asked": 5, "found": 5, "stored": 64, "absent": ""}
    assert data["index"]["canaries"] == 64
    assert cli.main([*gate, "0.9", "--canaries", "0"]) == 0
    assert json.loads(capsys.readouterr().out)["control"]["absent"] == "canaries are 0 (command line)"
    assert cli.main([*gate, "0.99999"]) == 3
    assert "canaries" in capsys.readouterr().err


def test_matches_are_judged_again_with_their_canaries(
    built_guarded: Path, unrelated: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    saved = str(tmp_path / "run.json")
    assert cli.main(["check", str(built_guarded), str(unrelated), "--threshold", "0.9", "--save", saved]) == 0
    again = ["check", "--matches", saved, "--threshold"]
    assert cli.main([*again, "0.85"]) == 0
    assert "control    16 of 16 planted copies found" in capsys.readouterr().out
    assert cli.main([*again, "0.99999"]) == 3
    assert "none of them can reach this threshold: they control one of up to 0.9" in capsys.readouterr().err
    assert cli.main([*again, "0.99999", "--canaries", "0"]) == 0
    assert CLI_NOTE in capsys.readouterr().out
    assert cli.main([*again, "0.85", "--canaries", "4"]) == 2
    assert "--canaries 4 cannot be given with --matches" in capsys.readouterr().err


TAMPERED = {
    "gone": {"of": []},
    "not there": {"stored": None},
    "more than there are": {"reachable": 3},
    "found more than tried": {"found": 1000},
    "any score will do": {"allowance": 2.0},
    "absent": {"absent": "none were planted"},
}


@pytest.mark.parametrize("what", TAMPERED)
def test_canaries_in_a_file_of_matches_that_cannot_be_are_refused(
    built_guarded: Path, unrelated: Path, tmp_path: Path, what: str
) -> None:
    verdict = check_replication(unrelated, 0.9, index=built_guarded)
    save_matches(tmp_path / "run.json", verdict)
    body = json.loads((tmp_path / "run.json").read_text())
    del body["sha256"]
    body["more"]["canaries"] |= TAMPERED[what]
    (tmp_path / "run.json").write_text(json.dumps(body | {"sha256": digest(body)}))
    with pytest.raises(MatchesFileError, match="no sound file of matches"):
        read_matches(tmp_path / "run.json")


def test_info_tells_of_canaries(
    built_guarded: Path, built_pixels: Path, damaged: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["info", str(built_guarded)]) == 0
    assert "  canaries     64, planted at 0.9\n" in capsys.readouterr().out
    assert cli.main(["info", str(built_pixels)]) == 0
    assert "  canaries     none ('pytest-replication calibrate" in capsys.readouterr().out
    write_canaries(open_index(damaged), Canaries(0.9, {"grey": (0, 20)}, ()))
    remove_images(damaged, ids=["cat.jpg"])
    assert cli.main(["info", str(damaged)]) == 0
    assert "  canaries     NOT in use: planted before the index changed" in capsys.readouterr().out
    assert cli.main(["info", str(damaged), "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["canaries"] == {"threshold": 0.9, "kept": 0, "stale": True, "damaged": False}


def test_canaries_of_an_index_that_changed_are_an_error(damaged: Path, unrelated: Path) -> None:
    write_canaries(open_index(damaged), Canaries(0.9, {"grey": (0, 20)}, ()))
    remove_images(damaged, ids=["cat.jpg"])
    with pytest.raises(ControlFailed, match="before its training images changed"):
        check_replication(unrelated, 0.9, index=damaged)
    assert check_replication(unrelated, 0.9, index=damaged, canaries=0).passed
