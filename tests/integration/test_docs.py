"""What the documents say is run, and what can be said is in the documents."""

from __future__ import annotations

import argparse
import re
import runpy
import shlex
from pathlib import Path

import pytest

from pytest_replication import ReplicationDetected, assert_no_replication, cli
from pytest_replication._plugin.settings.declared import SETTINGS
from pytest_replication.embedders import embedder_names
from pytest_replication.embedders.presets import PRESETS
from pytest_replication.index import Index

from .conftest import MODEL

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
DOCUMENTS = [
    path for path in ROOT.rglob("*.md") if not any(p.startswith(".") for p in path.relative_to(ROOT).parts)
]


def blocks(language: str, text: str = README) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def shown(program: str, text: str = README) -> list[list[str]]:
    """Commands in console blocks, without the program."""
    lines = [line for block in blocks("console", text) for line in block.splitlines()]
    split = [shlex.split(line[2:].partition("    #")[0]) for line in lines if line.startswith("$ ")]
    return [words[1:] for words in split if words[0] == program]


def inline(program: str, text: str = README) -> list[list[str]]:
    """Commands within sentences and tables, without the program."""
    return [shlex.split(command) for command in re.findall(rf"`{program} ([^`]*)`", text)]


def commands(program: str, text: str = README) -> list[list[str]]:
    return shown(program, text) + inline(program, text)


PIPELINE = "--replication-model=models/release"


@pytest.fixture
def beside_the_readme(pytester: pytest.Pytester, sscd_index: Index, training: Path, unrelated: Path) -> Path:
    """A folder with all that the README's examples name."""
    (pytester.path / "index").symlink_to(sscd_index.path)
    (pytester.path / "photos").symlink_to(training)
    (pytester.path / "samples").symlink_to(unrelated)
    pytester.makepyfile(my_model=MODEL.replace("unrelated", "generate"))
    return pytester.path


def test_the_test_and_the_ini_file_of_the_readme(pytester: pytest.Pytester, beside_the_readme: Path) -> None:
    (ini,) = blocks("ini")
    pytester.makeini(ini.replace("= 500", "= 4"))
    pytester.makepyfile(next(block for block in blocks("python") if block.startswith("def test_")))
    result = pytester.runpytest_inprocess("-p", "no:cacheprovider")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["PASS * 0 of 4 replicated *"])


@pytest.mark.parametrize(
    "arguments",
    [c for c in commands("pytest") if c[0].startswith("--replication-index") and PIPELINE not in c],
)
def test_the_pytest_commands_of_the_readme(
    pytester: pytest.Pytester, beside_the_readme: Path, arguments: list[str]
) -> None:
    run_readme(pytester, arguments)


def test_the_command_of_the_readme_for_a_pipeline(
    ddpm: Path, pytester: pytest.Pytester, beside_the_readme: Path
) -> None:
    (pytester.mkdir("models") / "release").symlink_to(ddpm)
    (arguments,) = [c for c in commands("pytest") if PIPELINE in c]
    run_readme(pytester, [*arguments, "--replication-model-option=steps=2"])


def run_readme(pytester: pytest.Pytester, arguments: list[str]) -> None:
    """Run the test of the README with few samples."""
    pytester.makeini("[pytest]\npythonpath = .\n")
    pytester.makepyfile(next(block for block in blocks("python") if block.startswith("def test_")))
    few = [argument.replace("=500", "=4") for argument in arguments]
    ready = few.count("--replication-gate")
    pytester.runpytest_inprocess("-p", "no:cacheprovider", *few).assert_outcomes(passed=1 + ready)


def test_the_python_example_of_the_readme(
    beside_the_readme: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(beside_the_readme)
    (example,) = (block for block in blocks("python") if block.startswith("from "))
    exec(compile(example, "README.md", "exec"), {})
    score, upper = map(float, capsys.readouterr().out.split())
    assert score < 0.5
    assert 0 < upper < 0.3


@pytest.mark.slow
def test_the_benchmark_of_the_readme(
    beside_the_readme: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("matplotlib")
    monkeypatch.chdir(beside_the_readme)
    (arguments,) = (words for words in shown("pytest-replication") if words[0] == "benchmark")
    assert cli.main(arguments) == 0
    out = capsys.readouterr().out
    for extractor in ("sscd", "pixels"):
        assert f"| {extractor}, inner | " in out
    for name in ("results.json", "results.csv", "curves.png", "heat-map.png"):
        assert (beside_the_readme / "bench" / name).stat().st_size > 0


ALL_COMMANDS = [
    arguments
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
    for arguments in commands("pytest-replication", path.read_text(encoding="utf-8"))
    if arguments[0] != "VERB"
]


@pytest.mark.parametrize("arguments", ALL_COMMANDS, ids=" ".join)
def test_the_command_lines_of_the_documents_can_be_parsed(arguments: list[str]) -> None:
    assert cli._parser().parse_args(arguments).verb == arguments[0]


def test_every_option_fixture_verb_embedder_and_preset_is_in_the_readme() -> None:
    (verbs,) = (a for a in cli._parser()._actions if isinstance(a, argparse._SubParsersAction))
    names = [setting.option for setting in SETTINGS] + embedder_names() + list(PRESETS) + list(verbs.choices)
    names += [
        "replication_index",
        "replication_model",
        "replication_samples",
        "replication_settings",
        "assert_no_replication",
        "check_replication",
    ]
    assert [name for name in names if f"`{name}" not in README and f" {name}" not in README] == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_inside_the_repository_lead_somewhere(path: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", path.read_text(encoding="utf-8"))
    assert [link for link in links if not (path.parent / link).exists()] == []


def test_every_photograph_has_its_origin_and_licence() -> None:
    table = (ROOT / "fixtures" / "README.md").read_text(encoding="utf-8")
    files = sorted(f"{p.parent.name}/{p.name}" for p in (ROOT / "fixtures" / "photos").rglob("*.jpg"))
    assert sorted(re.findall(r"^\| `(.*?\.jpg)` ", table, re.MULTILINE)) == files


def test_the_failure_in_the_readme_is_the_one_that_copies_bring(
    sscd_index: Index, training: Path, tmp_path: Path
) -> None:
    shown = next(block for block in blocks("text") if block.startswith("ReplicationDetected: "))
    example = runpy.run_path(str(ROOT / "examples" / "ready_samples" / "copies.py"))
    example["make_copies"](tmp_path / "copies")
    with pytest.raises(ReplicationDetected) as caught:
        assert_no_replication(tmp_path / "copies", threshold=0.5, index=sscd_index)
    # Places differ, and processors in the last digits of a score: all else is the same.
    real = str(caught.value).replace(str(sscd_index.path), "index").replace(str(tmp_path), "…")
    real = real.replace(str(ROOT), "…")
    numbers = r"\d\.\d\d\d"
    text = re.sub(numbers, "#", shown.partition(": ")[2])
    wanted = [line for line in text.splitlines() if line.strip() and line.strip() != "…"]
    assert [line for line in wanted if line not in re.sub(numbers, "#", real).splitlines()] == []
    told, found = ([float(x) for x in re.findall(numbers, t)[:5]] for t in (shown, real))
    assert told == pytest.approx(found, abs=0.02)
