"""What the command line makes of its arguments before any verb sees them."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_replication import cli

NO_PATHS = {
    "by",
    "device",
    "embedder",
    "embedders",
    "engine",
    "expires",
    "id",
    "index_fingerprint",
    "model_option",
    "preset",
    "prompt",
    "reason",
    "sample",
    "scores",
    "screen",
    "sha256",
}
"""Arguments that are text and no path."""


def texts(parser: argparse.ArgumentParser) -> Iterator[str]:
    """Arguments, of all verbs, whose values are text."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for verb in action.choices.values():
                yield from texts(verb)
        elif action.nargs != 0 and not action.choices and action.type in (None, str):
            yield action.dest


def test_of_every_text_it_is_known_whether_it_may_be_a_path() -> None:
    found = set(texts(cli._parser()))
    assert found == (cli.PATHS & found) | NO_PATHS
    assert not cli.PATHS & NO_PATHS
    assert found >= cli.PATHS


def test_only_paths_lose_folders_that_they_leave_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "repo").mkdir()
    monkeypatch.chdir(tmp_path)
    seen: dict[str, Any] = {}
    monkeypatch.setattr(cli.sample, "run", lambda args: seen.update(vars(args)) or 0)
    text = "repo/../cat"
    words = (
        "sample",
        text,
        f"--prompt={text}",
        f"--out={text}",
        f"--cache={text}",
        f"--model-option=a={text}",
    )
    assert cli.main(words) == 0
    assert (seen["model"], str(seen["out"]), seen["cache"]) == ("cat", "cat", "cat")
    assert (seen["prompt"], seen["model_option"]) == (text, [f"a={text}"])


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("build", "x", "--ot=x"), "; --ot is unknown (did you mean --out?)"),
        (("--versoin",), "; --versoin is unknown (did you mean --version?)"),
        (("build", "x", "--out=x", "--embedder=pixels", "--shard-row=7"), " (did you mean --shard-rows?)"),
        (("build", "x", "--out=x", "--shard-rows=x"), ""),
    ],
)
def test_a_misspelt_option_is_told_whatever_language_argparse_speaks(
    words: tuple[str, ...], told: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = "the following arguments are required: %s"
    monkeypatch.setattr(argparse, "_", lambda text: "es fehlt: %s" if text == missing else text)
    with pytest.raises(SystemExit, match="2"):
        cli.main(words)
    said = capsys.readouterr().err.rstrip()
    assert said.endswith(told)
    assert ("did you mean" in said) == bool(told)
