"""What the page on calibration says is run."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from pytest_replication import cli
from pytest_replication.calibrate import run as calibrating

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


def run(arguments: list[str]) -> int:
    """Run a command with few planted copies, for a gate that 120 images can calibrate."""
    arguments = [argument.replace("500", "5") for argument in arguments]
    few = ["--plant", "2" if "--plot" in arguments else "0"]
    few = few if arguments[0] == "calibrate" else ["--count", "10"]
    return cli.main([*arguments, *few])


@pytest.fixture
def nothing_is_planted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planting takes seconds, and the commands of the page do it."""
    monkeypatch.setattr(calibrating, "plant_originals", lambda *_, **__: None)


def test_the_commands(beside: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("matplotlib")
    for arguments in shown("pytest-replication", PAGE):
        assert run(arguments) == 0, arguments
    assert (beside / "null.png").stat().st_size > 1000
    out = capsys.readouterr().out
    assert "16 copies are found" in out
    # The lines of a verdict are those that are shown, but for their numbers.
    run(["check", "index", "samples"])
    out = capsys.readouterr().out
    assert "planted copies found" in out
    out = re.sub(r"[\d.,]+", "#", out)
    text = blocks("text", PAGE)[0]
    for line in text.splitlines():
        assert re.sub(r"[\d.,]+", "#", line) in out


@pytest.mark.usefixtures("nothing_is_planted")
def test_the_python(beside: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (example,) = blocks("python", PAGE)
    exec(compile(example, "docs/calibration.md", "exec"), {})
    first, second = capsys.readouterr().out.splitlines()
    assert first.split()[0] == "120"
    assert second.startswith("calibration, 5 % of 120 unseen images 0.")
