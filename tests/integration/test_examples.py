"""The suites in `examples/`, by the commands of their README files."""

from __future__ import annotations

import json
import shutil
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_replication import Index, cli, load_model

from .test_docs import ROOT, shown

EXAMPLES = ROOT / "examples"
Suite = Callable[..., pytest.RunResult]


@pytest.fixture
def suite(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Suite:
    """Copy an example beside the fixtures, run what its README says, and run pytest last."""
    (pytester.path / "fixtures").symlink_to(ROOT / "fixtures")
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)

    def run(name: str, *arguments: str, index: Path | None = None) -> pytest.RunResult:
        folder = Path(shutil.copytree(EXAMPLES / name, pytester.path / "examples" / name))
        monkeypatch.chdir(folder)
        text = (folder / "README.md").read_text(encoding="utf-8")
        if index is not None:
            (folder / "index").symlink_to(index)
        for command in shown("pytest-replication", text):
            assert index is not None or cli.main(command) == 0, command
        assert shown("pytest", text) == [[]]  # pytest alone: all settings are in the ini file
        return pytester.runpytest_inprocess("-p", "no:cacheprovider", "-p", "no:xdist", *arguments)

    return run


@pytest.fixture(scope="module")
def pipelines() -> None:
    """Import all that pipelines take: a suite in process drops what it is first to import, torch among it."""
    pytest.importorskip("diffusers")
    pytest.importorskip("peft")
    load_model(str(EXAMPLES / "unconditional" / "model.toml"), ["steps=1"]).sample(1)
    load_model(str(EXAMPLES / "lora_finetune" / "with-lora.toml"), ["steps=1"]).sample(
        1, prompts=["A teapot."]
    )


def test_an_unconditional_model(suite: Suite, pipelines: None) -> None:
    result = suite("unconditional", "--replication-count=4", "--replication-model-option=steps=4")
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["PASS * 0 of 4 replicated *"])


def test_a_class_conditional_model(suite: Suite) -> None:
    suite("class_conditional").assert_outcomes(passed=2)


@pytest.mark.slow
def test_a_text_to_image_model(suite: Suite, pipelines: None) -> None:
    result = suite("text_to_image")
    result.assert_outcomes(passed=1, xfailed=1)


@pytest.mark.slow
def test_a_lora_on_reference_images(suite: Suite, pipelines: None) -> None:
    result = suite("lora_finetune")
    result.assert_outcomes(passed=1, xfailed=1)


def test_ready_samples(suite: Suite, sscd_index: Index) -> None:
    result = suite("ready_samples", "--replication-count=3", index=sscd_index.path)
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["PASS * 0 of 3 replicated *"])


@pytest.mark.parametrize(
    "folder", sorted(path.parent for path in EXAMPLES.glob("*/pyproject.toml")), ids=lambda f: f.name
)
def test_an_example_is_whole(folder: Path) -> None:
    ini = tomllib.loads((folder / "pyproject.toml").read_text())["tool"]["pytest"]["ini_options"]
    assert ini["replication_require_checks"] == "true"
    assert list(folder.glob("test_*.py"))
    readme = (folder / "README.md").read_text(encoding="utf-8")
    assert len(readme.splitlines()) <= 25
    assert f"examples/{folder.name}/README.md" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_small_models_come_with_how_they_were_made() -> None:
    for folder in (ROOT / "fixtures" / "models").iterdir():
        assert (folder / "README.md").is_file(), folder
        assert json.loads((folder / "training.json").read_text()), folder
