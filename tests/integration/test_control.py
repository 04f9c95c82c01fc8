"""The positive control as users see it: in the table, in JSON, on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pytest_replication import cli, open_index
from pytest_replication.index.canaries import Canaries, write_canaries

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
    result.stdout.fnmatch_lines(["WARNING: no positive control: 'pytest-replication calibrate' plants *"])


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
    result = run_suite(PASSING, "-n2", index=damaged)
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
