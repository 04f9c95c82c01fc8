"""``pytest-replication experiment``: what a user types, and what lies in the folder then."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pytest_replication import cli


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


def run(*arguments: object) -> int:
    return cli.main(["experiment", *map(str, arguments)])


@pytest.mark.slow
def test_sizes_of_training_sets(
    built_pixels: Path,
    built_calibrated: Path,
    training: Path,
    unrelated: Path,
    out: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    pytest.importorskip("matplotlib")
    pairs = ("--of", training, built_pixels, "--of", unrelated, built_calibrated)
    assert run("size", *pairs, "--threshold", 0.9, "--format", "svg", "--out", out) == 0
    printed = capsys.readouterr().out
    assert printed.count("| 20 | ") == 2
    assert "| 100.0 % (83.2 to 100.0) | " in printed
    assert "| 0.0 % (0.0 to 28.5) | " in printed
    told = json.loads((out / "size.json").read_text())
    assert [model["replicated"] for model in told["models"]] == [20, 0]
    assert [model["samples"] for model in told["models"]] == [20, 11]
    assert told["models"][0]["sim_gt_05pc"] == 1
    assert len(told["models"][0]["training_scores"]) == 20
    for name in ("size-histograms.svg", "size-curve.svg"):
        assert "</svg>" in (out / name).read_text()
    assert (out / "size-pictures-1.png").stat().st_size > 0


def test_complexity_without_figures_as_json(
    built_pixels: Path, unrelated: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (
        run("complexity", unrelated, built_pixels, "--threshold", 0.9, "--no-figures", "--json", "--out", out)
        == 0
    )
    printed = json.loads(capsys.readouterr().out)
    assert printed == json.loads((out / "complexity.json").read_text())
    assert printed["samples"] == printed["complexity"]["training_images"]["n"] == 11
    assert printed["experiment"] == "complexity"
    assert [path.name for path in out.iterdir()] == ["complexity.json"]


def test_the_option_of_the_verb_stands_before_the_name_too(
    built_pixels: Path, unrelated: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (
        run("--json", "classes", unrelated, built_pixels, "--threshold", 0.9, "--no-figures", "--out", out)
        == 3
    )
    assert "no labels" in json.loads(capsys.readouterr().out)["error"]["message"]


def test_a_missing_index_shows_before_anything_is_sampled(
    built_pixels: Path, unrelated: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pairs = ("--of", unrelated, built_pixels, "--of", unrelated, out / "none")
    assert run("size", *pairs, "--threshold", 0.9, "--no-figures", "--out", out) == 3
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "1 of 2" not in captured.err
    assert str(out / "none") in captured.err


def test_figures_that_cannot_be_drawn_are_told_first(
    built_pixels: Path,
    unrelated: Path,
    out: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "matplotlib", None)
    assert run("complexity", unrelated, built_pixels, "--threshold", 0.9, "--out", out) == 3
    assert "pip install 'pytest-replication[bench]'" in capsys.readouterr().err
    assert not out.exists()
