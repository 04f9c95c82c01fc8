"""The verb `benchmark`, in this process: what it says, in which order, and where."""

from __future__ import annotations

import json
import re
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
    # No bar without a terminal, but a line for each step.
    assert "edits: 2 queries, 20 pictures in the database\nthe score" in said.err
    assert "edits, pixels: 1 score in " in said.err


def test_results_go_to_no_folder_of_images(
    asked: list[str], pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(pictures.iterdir())
    place = str(pictures / "bench")
    assert cli.main([*asked, "--images", str(pictures), "--out", place, "--no-figures"]) == 3
    assert "give a folder apart as --out" in capsys.readouterr().err
    assert sorted(pictures.iterdir()) == before


def test_what_whitening_keeps_is_printed(asked: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    behind = asked[asked.index("--others") + 1]
    command = [*asked, "--no-figures", "--score", "inner+whiten", "--background", behind]
    assert cli.main(command) == 0
    kept = (
        r"edits, pixels, inner\+whiten: 5 of 769 directions kept, with \d+\.\d % of the variance of the background; "
        "11 images allow no more, which says little about whitening: all 769 take 1538"
    )
    assert re.search(kept, capsys.readouterr().out)


def test_a_preset_is_that_of_build(asked: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([*asked, "--no-figures", "--preset", "no-such"]) == 2
    assert "preset" in capsys.readouterr().err


def test_the_page_explains_every_field_of_the_results(asked: list[str], tmp_path: Path) -> None:
    behind = asked[asked.index("--others") + 1]
    command = [*asked, "--no-figures", "--score", "inner+whiten", "--background", behind]
    assert cli.main(command) == 0
    found = json.loads((tmp_path / "out" / "results.json").read_text())
    (row,) = found["rows"]
    page = (Path(__file__).parents[3] / "docs" / "benchmark.md").read_text(encoding="utf-8")
    legend = page.partition("## Fields of results.json")[2].partition("\n## ")[0]
    told = set(re.findall(r"^\| `(\w+)`", legend, re.MULTILINE))
    assert told == {"format", *row}
    assert {*row["about"]["background"], *row["about"]["whitening"], "chunks", "chunks_of"} <= set(
        re.findall(r"`(\w+)`", legend)
    )


def test_results_that_cannot_be_written_are_told_in_a_sentence(
    asked: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "out" / "results.csv").mkdir(parents=True)
    assert cli.main([*asked, "--no-figures"]) == 3
    said = capsys.readouterr().err
    assert "results.csv cannot be written" in said
    assert "Traceback" not in said


@pytest.mark.parametrize("place", ["out", "out/below"])
def test_a_place_that_can_be_no_folder_is_told_in_a_sentence(
    asked: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], place: str
) -> None:
    (tmp_path / "out").touch()
    command = [*asked, "--out", str(tmp_path / place), "--no-figures"]
    assert cli.main(command) == 3
    said = capsys.readouterr().err
    assert "cannot be written" in said
    assert "give another --out" in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("more", "status", "message"),
    [
        (["--score", "iner"], 2, "there is no score 'iner' (did you mean inner?)"),
        (["--score", "inner+norm"], 2, "needs a background set: give --background IMAGES"),
        (["--embedder", "pixls"], 2, "there is no embedder 'pixls' (did you mean pixels?)"),
        (["--embedder", "pixels", "pixels"], 2, "two extractors are pixels"),
        (["--embedder", "sscd:none.onnx"], 3, "there are no SSCD weights at none.onnx"),
        (["--embedder", "sscd", "--preset", "own"], 2, "leave the preset away for the own one"),
        (["--embedder", "callable:nowhere:f"], 3, "the command line looks where it is called"),
        (["--score", "split"], 2, "none of the scores split fits any of pixels"),
        (["--set", "edits", "segmix"], 2, "is made of images with masks"),
    ],
)
def test_what_cannot_be_is_told_before_a_set_is_made(
    asked: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    more: list[str],
    status: int,
    message: str,
) -> None:
    assert cli.main([*asked, "--no-figures", *more]) == status
    said = capsys.readouterr().err
    assert message in said
    assert "Traceback" not in said
    assert not (tmp_path / "out").exists()


def test_what_changes_nothing_and_what_is_not_told_is_said(
    asked: list[str], unrelated: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main([*asked, "--no-figures", "--fill", "x", "--background", str(unrelated)]) == 0
    said = capsys.readouterr().err
    assert "--fill changes nothing: no outpainted kind is named" in said
    assert "--background changes nothing: none of the scores inner learns from one" in said


def test_a_rate_that_is_not_told_is_explained(asked: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([*asked, "--no-figures"]) == 0
    said = capsys.readouterr().out
    assert "no recall at a false-positive rate of 1 % for edits: it takes 100 queries" in said
