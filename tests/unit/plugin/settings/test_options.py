from __future__ import annotations

import pytest

from pytest_replication._plugin.settings.options import refuse_unknown_options


@pytest.mark.parametrize("arg", ["--replication-treshold=0.5", "--replication-treshold"])
def test_a_misspelled_option_is_told_with_the_one_that_was_meant(arg: str) -> None:
    said = "there is no option --replication-treshold: did you mean --replication-threshold$"
    with pytest.raises(pytest.UsageError, match=said):
        refuse_unknown_options(["-q", arg, "tests"])


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("--replicaton-index", "--replication-index"),
        ("--repliction-report-budget", "--replication-report-budget"),
        ("--relication-gate", "--replication-gate"),
        ("--replication_threshold", "--replication-threshold"),
        ("--replicationindex", "--replication-index"),
        ("--rpelication-seed", "--replication-seed"),
    ],
)
def test_a_misspelled_prefix_is_told_too(name: str, near: str) -> None:
    for arg in (name, f"{name}=1"):
        with pytest.raises(pytest.UsageError, match=f"there is no option {name}: did you mean {near}$"):
            refuse_unknown_options([arg])


@pytest.mark.parametrize(
    "args",
    [
        [
            "--report-log=x",
            "--replay-record-dir=x",
            "--reruns-delay=1",
            "--replace-index",
            "--replicate-index=1",
        ],
        ["--replication-threshold=0.5", "--replication-gate", "threshold", "treshold"],
        ["--treshold=0.5"],
        ["--replication-of-somebody-elses-conftest"],
        ["--", "--replication-treshold"],
    ],
)
def test_what_is_no_misspelled_option_of_ours_is_left_to_pytest(args: list[str]) -> None:
    refuse_unknown_options(args)
