"""``screen`` on a pipeline that diffusers has saved."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pytest_replication import cli, load_model, screen_prompts
from pytest_replication.screens.options import ScreenOptions
from pytest_replication.screens.run import open_denoiser

FAST = ["--steps", "4", "--first", "1", "--seeds", "1"]


@pytest.fixture(scope="module")
def folder(tiny_pipeline: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a model and of prompts."""
    folder = tmp_path_factory.mktemp("screened")
    tiny_pipeline.save_pretrained(folder / "model")
    (folder / "clean.txt").write_text("\n".join(f"{word} {word}" for word in ("a", "bb", "ccc", "dd")))
    (folder / "prompts.txt").write_text("one cat\ntwo dogs\n")
    (folder / "model.toml").write_text(
        '[model]\npath = "model"\n[sampling]\nguidance = 2.5\nnegative_prompt = "blurred"\nheight = 24\nwidth = 16\n'
    )
    return folder


@pytest.fixture
def given(folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Arguments of the verb, where the model lies."""
    monkeypatch.chdir(folder)
    return ["screen", "model", "--prompts", "prompts.txt", "--clean-prompts", "clean.txt", *FAST]


def test_the_verb_says_what_python_says(given: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    options = ScreenOptions(steps=4, first=1, seeds=1, progress=False)
    verdict = screen_prompts("model", "prompts.txt", clean_prompts="clean.txt", fpr=0.5, options=options)
    status = cli.main([*given, "--fpr", "0.5", "--json"])
    data = json.loads(capsys.readouterr().out)
    assert status == {"pass": 0, "fail": 1}[data["outcome"]]
    assert data["outcome"] == verdict.outcome
    assert data["fingerprint"] == load_model("model").fingerprint
    assert [row["prompt"] for row in data["screened"]] == [row.prompt for row in verdict.prompts]
    assert data["screened"][0]["scores"] == dict(verdict.prompts[0].scores)
    assert cli.main([*given, "--fpr", "0.5"]) == status
    said = capsys.readouterr().out
    assert said.startswith(f"{data['outcome'].upper()}: ")
    assert "4 DDIM steps, the first 1 measured, guidance 7.5, seed 0" in said


def test_options_of_the_model_come_before_those_of_its_file(
    given: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    given[1] = "model.toml"
    cli.main([*given, "--fpr", "0.5"])
    assert "guidance 2.5, seed 0" in capsys.readouterr().out
    cli.main([*given, "--fpr", "0.5", "--model-option", "guidance=4"])
    assert "guidance 4, seed 0" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("more", "status", "said"),
    [
        ([], 3, "4 clean prompts cannot tell a false-positive share of 1 % a prompt: give 99 or more"),
        (["--fpr", "0.5", "--screen", "nonsense"], 2, "there is no screen 'nonsense'"),
        (["--fpr", "2"], 2, "fpr is 2.0"),
        (["--fpr", "0.5", "--control-prompts", "missing.txt"], 2, "missing.txt"),
    ],
)
def test_what_cannot_be_told_is_no_pass(
    given: list[str], more: list[str], status: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main([*given, *more]) == status
    assert said in capsys.readouterr().err


def test_a_model_is_run_as_it_was_loaded(given: list[str]) -> None:
    denoiser = open_denoiser("model.toml", ScreenOptions(steps=4))
    assert denoiser.guidance == 2.5
    assert denoiser.noise([0]).shape == (1, 4, 12, 8)
    assert denoiser.notes == (
        "by its file guidance=2.5, negative_prompt=blurred, height=24, width=16",
        "the negative prompt of the model plays no part: the empty prompt does",
    )
    assert open_denoiser("model", ScreenOptions(steps=4)).guidance is None


def test_samples_of_a_folder_cannot_be_looked_into(
    given: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], training: Path
) -> None:
    given[1] = str(training)
    assert cli.main([*given, "--fpr", "0.5"]) == 3
    assert "gives images only: give the folder of a diffusers pipeline" in capsys.readouterr().err
