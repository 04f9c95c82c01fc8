"""What the command line makes of its arguments before any verb sees them."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
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
    monkeypatch.setattr("pytest_replication._cli.sample.run", lambda args: seen.update(vars(args)) or 0)
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


@pytest.mark.parametrize("error", [ImportError("no luck"), ValueError("dtype size changed"), SystemExit(0)])
@pytest.mark.parametrize("words", [("check", "index", "samples"), ("--help",)])
def test_a_package_that_cannot_be_loaded_is_no_verdict(
    words: tuple[str, ...],
    error: BaseException,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def broken(name: str) -> None:
        raise error

    monkeypatch.setattr("importlib.import_module", broken)
    assert cli.main(words) == 3
    said = capsys.readouterr().err
    assert f"cannot be loaded ({type(error).__name__}: {error})" in said
    assert "Traceback" not in said
    assert cli.main([*words, "--json"]) == 3
    assert json.loads(capsys.readouterr().out)["error"]["type"] == "PackageUnavailable"


def test_a_start_without_numpy_is_no_verdict(tmp_path: Path) -> None:
    (tmp_path / "numpy.py").write_text("raise ImportError('no luck')")
    places = os.pathsep.join((str(tmp_path), *sys.path))
    command = [sys.executable, "-m", "pytest_replication.cli", "check", "index", "samples"]
    done = subprocess.run(command, env={"PYTHONPATH": places}, capture_output=True, text=True)
    assert done.returncode == cli.CANNOT_TELL
    assert done.stderr.startswith("error: numpy cannot be loaded (ImportError: no luck), and nothing can be")


def test_a_verb_loads_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[str] = []
    load = cli.load_module
    monkeypatch.setattr(cli, "load_module", lambda module: loaded.append(module) or load(module))
    with pytest.raises(SystemExit, match="0"):
        cli.main(["plan", "--help"])
    assert loaded == ["_cli.plan"]
    with pytest.raises(SystemExit, match="0"):
        cli.main(["--help"])
    assert loaded[1:] == list(cli.VERBS.values())


def test_every_verb_is_known_by_its_name() -> None:
    (verbs,) = (a for a in cli._parser()._actions if isinstance(a, argparse._SubParsersAction))
    assert list(verbs.choices) == list(cli.VERBS)


def test_a_folder_that_is_gone_keeps_no_verb_from_working(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert cli.main(["info", str(tmp_path / "index")]) == 3
    assert "there is no index at" in capsys.readouterr().err
    assert cli.main(["sample", "nowhere:make", "--count=1", f"--out={tmp_path / 'out'}"]) == 3
    assert "nowhere:make cannot be imported (ModuleNotFoundError" in capsys.readouterr().err


def test_the_working_folder_is_searched_for_functions_alone_and_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    before = list(sys.path)
    monkeypatch.setattr(sys, "path", list(before))
    (tmp_path / "mine.py").write_text("import json\n\ndef make(seeds): raise RuntimeError(json.__file__)\n")
    (tmp_path / "datasets.py").write_text("raise RuntimeError('this is not the library')")
    (tmp_path / "json.py").write_text("raise RuntimeError('this is not the library')")
    seen: list[list[str]] = []
    monkeypatch.setattr("pytest_replication._cli.info.run", lambda args: seen.append(list(sys.path)) or 0)
    assert cli.main(["info", "index"]) == 0
    assert seen == [before]
    assert cli.main(["sample", "mine:make", f"--out={tmp_path / 'out'}", "--count=1"]) == 3
    assert sys.path == [*before, str(tmp_path)]


@pytest.mark.parametrize(
    "words",
    [
        ("check", "", "samples"),
        ("check", "index", ""),
        ("build", "images", "--out", ""),
        ("check", "index", "samples", "--report="),
        ("report", "results.json", "--junit", ""),
    ],
)
def test_an_empty_value_is_not_the_current_folder(
    words: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        cli.main(words)
    assert ended.value.code == 2
    assert "an empty value was given, as by a variable that is not set" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_prompt_may_be_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    monkeypatch.setattr("pytest_replication._cli.sample.run", lambda args: seen.append(args.prompt) or 0)
    for words in (("--prompt", ""), ("--prompt=",)):
        assert cli.main(("sample", "model", *words, "--out", "out")) == 0
    assert seen == ["", ""]
