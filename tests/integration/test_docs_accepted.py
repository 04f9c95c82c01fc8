"""What the page on accepted matches says is run."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from PIL import Image

from pytest_replication import cli
from pytest_replication.accepted.file import read_accepted
from pytest_replication.index import Index

from .conftest import RunSuite
from .test_docs import ROOT, blocks, shown

TEXT = (ROOT / "docs" / "accepted.md").read_text(encoding="utf-8")


def test_the_commands_and_the_ini_file_of_the_page(
    pytester: pytest.Pytester, run_suite: RunSuite, pixels_index: Index, training: Path, unrelated: Path
) -> None:
    Path("index").symlink_to(pixels_index.path)
    Path("samples").mkdir()
    for number, path in enumerate(sorted(unrelated.iterdir())[:3]):
        Image.open(path).convert("RGB").save(f"samples/{number}.png")
    Image.open(training / "cat.jpg").convert("RGB").save("samples/3.png")
    # The page means an embedder that tells photographs apart: for pixels its threshold is too low.
    commands = [
        [word.replace("0.5", "0.95") for word in words] for words in shown("pytest-replication", TEXT)
    ]
    assert [words[0] for words in commands] == ["check", "accept", "check", "check", "accept", "accept"]
    assert [cli.main(words) for words in commands] == [1, 0, 0, 0, 0, 0]
    (entry,) = read_accepted("replication-accepted.toml").entries
    assert (entry.reason, entry.by, entry.sample_name) == ("both are plain sky", "A. Person", "samples/3.png")
    (ini,) = blocks("ini", TEXT)
    pytester.makeini(ini)
    code = """
        def test_samples(assert_no_replication):
            assert len(assert_no_replication("samples", threshold=0.95).accepted) == 1
    """
    run_suite(code).assert_outcomes(passed=1)


def test_the_file_that_is_shown_has_the_keys_of_one_that_is_written(tmp_path: Path) -> None:
    (example,) = blocks("toml", TEXT)
    (shown_entry,) = tomllib.loads(example)["accepted"]
    path = tmp_path / "example.toml"
    text = example.replace("1f0b…64 digits", "a" * 64).replace("9c2e…64 digits", "b" * 64)
    path.write_text(text)
    (entry,) = read_accepted(path).entries
    assert (entry.reason, entry.expires) == (shown_entry["reason"], shown_entry["expires"])
