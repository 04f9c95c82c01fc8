"""The verb `benchmark`, in this process: what it says, in which order, and where."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from pytest_replication import cli
from pytest_replication._cli import benchmark
from pytest_replication.errors import BenchmarkError


@pytest.fixture
def asked(training: Path, unrelated: Path, tmp_path: Path) -> list[str]:
    sources = ["--images", str(training), "--others", str(unrelated)]
    return [
        *("benchmark", "--out", str(tmp_path / "out"), "--set", "edits", *sources),
        *("--count", "2", "--embedder", "pixels"),
    ]


def test_matplotlib_is_missed_before_anything_is_made(
    asked: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert cli.main(asked) == 3
    assert "figures need matplotlib" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_tables_are_printed_before_figures_are_drawn(
    asked: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object) -> None:
        raise BenchmarkError("curves.png cannot be written")

    monkeypatch.setattr(benchmark, "check_figures", lambda: None)
    monkeypatch.setattr(benchmark, "draw_curves", broken)
    assert cli.main([*asked, "--score", "inner", "split"]) == 3
    said = capsys.readouterr()
    assert "| mAP | edits |" in said.out
    assert "the score split is left out for pixels" in said.err


def test_results_that_cannot_be_written_are_told_in_a_sentence(
    asked: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "out" / "results.csv").mkdir(parents=True)
    assert cli.main([*asked, "--no-figures"]) == 3
    said = capsys.readouterr().err
    assert "results.csv cannot be written" in said
    assert "Traceback" not in said
