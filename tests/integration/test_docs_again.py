"""What the page on judging again says is run."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_replication import cli
from pytest_replication.index import Index

from .test_docs import ROOT, blocks, shown

TEXT = (ROOT / "docs" / "again.md").read_text(encoding="utf-8")


@pytest.fixture
def folder(tmp_path: Path, pixels_index: Index, unrelated: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with what the page names."""
    monkeypatch.chdir(tmp_path)
    Path("index").symlink_to(pixels_index.path)
    Path("samples").symlink_to(unrelated)
    return tmp_path


def test_the_commands_of_the_page(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    # The page means an embedder that tells photographs apart: for pixels its thresholds are too low.
    commands = [
        [word.replace("0.5", "0.95").replace("0.45", "0.9") for word in words]
        for words in shown("pytest-replication", TEXT)
    ]
    assert [cli.main(words) for words in commands] == [0, 0, 3]  # 11 samples prove no rate below 1 %
    out = capsys.readouterr().out
    assert out.count("judged again from run.json, measured 20") == 2
    assert "score >= 0.95 (command line, as in run.json); max rate 1 % (command line)" in out


def test_the_python_of_the_page(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (example,) = blocks("python", TEXT)
    exec(compile(example, "docs/again.md", "exec"), {})
    assert capsys.readouterr().out.split() == ["0.3", "fail", "0.45", "fail", "0.6", "fail"]
