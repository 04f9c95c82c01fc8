"""What the page on calibration says is run."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import pytest_replication.calibrate as calibrate
from pytest_replication import cli

from .test_docs import ROOT, blocks, shown

PAGE = (ROOT / "docs" / "calibration.md").read_text(encoding="utf-8")


@pytest.fixture
def beside(
    built_pixels: Path, holdout: Path, unrelated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A folder with what the page names."""
    shutil.copytree(built_pixels, tmp_path / "index")
    (tmp_path / "unseen").symlink_to(holdout)
    (tmp_path / "samples").symlink_to(holdout)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def nothing_is_planted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planting takes seconds, and the commands of the page do it."""
    monkeypatch.setattr(calibrate, "plant_originals", lambda *_, **__: None)


def test_the_commands(beside: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in shown("pytest-replication", PAGE):
        few = [*arguments, "--count", "10"] if arguments[0] == "check" else arguments
        assert cli.main(few) == 0, arguments
    out = capsys.readouterr().out
    assert "threshold" in out
    assert "160 copies are found" in out
    assert "16 of 16 planted copies found" in out


@pytest.mark.usefixtures("nothing_is_planted")
def test_the_python(beside: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (example,) = blocks("python", PAGE)
    exec(compile(example, "docs/calibration.md", "exec"), {})
    first, second = capsys.readouterr().out.splitlines()
    assert first.split()[0] == "120"
    assert second.startswith("calibration, 5 % of 120 unseen images 0.")


@pytest.mark.usefixtures("nothing_is_planted")
def test_the_lines_of_a_verdict_are_those_that_are_shown(
    beside: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (text,) = blocks("text", PAGE)
    cli.main(["calibrate", "index", "--holdout", "unseen", "--fpr", "0.01"])
    cli.main(["check", "index", "samples"])
    out = capsys.readouterr().out
    for line in text.splitlines():
        for part in line.split("0.612004")[0].split("500")[0].split("  "):
            assert part.strip().replace("1 % of real", "% of real") in out
