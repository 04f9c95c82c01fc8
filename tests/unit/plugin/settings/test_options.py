from __future__ import annotations

from typing import Any

import pytest

from pytest_replication._plugin.settings.options import add_options, refuse_unknown_options


@pytest.fixture
def parser() -> pytest.Parser:
    """Knows our options and some of another plugin."""
    parser = pytest.Parser(_ispytest=True)
    add_options(parser)
    for name in OF_OTHERS:
        parser.getgroup("another").addoption(name)
    return parser


OF_OTHERS = ("--replicate-samples", "--replications-count", "--replication-mode")


def test_an_option_of_another_plugin_is_its_own(parser: pytest.Parser) -> None:
    refuse_unknown_options([*OF_OTHERS, *(f"{name}=1" for name in OF_OTHERS)], parser)
    for name in OF_OTHERS:
        with pytest.raises(pytest.UsageError, match=f"there is no option {name}: "):
            refuse_unknown_options([name], pytest.Parser(_ispytest=True))


@pytest.mark.parametrize("name", ["_getparser", "optparser"])
def test_as_both_versions_of_pytest_keep_options(name: str) -> None:
    class Arguments:
        _option_string_actions = {"--replication-mode": None}  # noqa: RUF012

    class Kept:
        pass

    kept: Any = Kept()
    setattr(kept, name, Arguments if name == "_getparser" else Arguments())
    refuse_unknown_options(["--replication-mode"], kept)
    with pytest.raises(pytest.UsageError, match="no option --replicate-samples"):
        refuse_unknown_options(["--replicate-samples"], kept)


def test_where_pytest_does_not_say_what_options_there_are_it_refuses_them_itself() -> None:
    unknown: Any = object()
    refuse_unknown_options(["--replication-treshold=0.5"], unknown)


@pytest.mark.parametrize("arg", ["--replication-treshold=0.5", "--replication-treshold"])
def test_a_misspelled_option_is_told_with_the_one_that_was_meant(parser: pytest.Parser, arg: str) -> None:
    said = "there is no option --replication-treshold: did you mean --replication-threshold$"
    with pytest.raises(pytest.UsageError, match=said):
        refuse_unknown_options(["-q", arg, "tests"], parser)


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
def test_a_misspelled_prefix_is_told_too(parser: pytest.Parser, name: str, near: str) -> None:
    for arg in (name, f"{name}=1"):
        with pytest.raises(pytest.UsageError, match=f"there is no option {name}: did you mean {near}$"):
            refuse_unknown_options([arg], parser)


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
def test_what_is_no_misspelled_option_of_ours_is_left_to_pytest(
    parser: pytest.Parser, args: list[str]
) -> None:
    refuse_unknown_options(args, parser)
