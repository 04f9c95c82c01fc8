"""What `plan` answers, and what the page on planning says of it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from .test_cli import call
from .test_docs import ROOT, blocks, shown

TEXT = (ROOT / "docs" / "planning.md").read_text(encoding="utf-8")


def test_the_commands_of_the_page() -> None:
    answers = {" ".join(words): call(*words) for words in shown("pytest-replication", TEXT)}
    assert len(answers) == 5
    assert {done.returncode for done in answers.values()} == {0}
    (printed,) = blocks("text", TEXT)
    text = answers["plan --max-rate 0.005 --model-rate 0.0188 --power 0.9"].stdout
    assert text.startswith(printed)
    assert "    500             0.597 %            -           6  90.9 %  ██████████████████\n" in text
    assert "299 samples with no hit" in answers["plan --max-rate 0.01"].stdout
    assert "samples   500 (473 are enough" in answers["plan --max-rate 0.01 --model-rate 0.001"].stdout
    assert "samples   150 (122 are enough" in answers["plan --model-rate 0.0188"].stdout
    detector = answers["plan --samples 500 --fpr 0.01 --fdr 0.05"].stdout
    assert "about 5 false flags among 500; one or more with a probability of 99.3 %" in detector
    assert "WARNING   this gate fails a model that copies nothing with a probability of 99.3 %" in detector
    assert "--fdr judges in the place of a threshold" in detector
    luck = call("plan", "--max-rate", "0.01", "--fpr", "0.01").stdout
    assert "a model passes by luck only" in luck
    assert "fails a model that copies nothing" not in luck
    assert "9,999 real images for a false discovery rate of 5 % to flag a single copy" in detector


def test_the_answer_as_data() -> None:
    done = call("plan", "--max-rate", "0.005", "--model-rate", "0.0188", "--json")
    data = json.loads(done.stdout)
    assert (data["samples"], data["samples_smallest"], data["samples_rounded"]) == (500, 492, 500)
    assert (data["check"]["passes_with"], data["check"]["fails_from"]) == (None, 6)
    assert data["check"]["fail_chance"] == pytest.approx(0.9086, abs=1e-4)
    assert data["check"]["false_alarm"] == pytest.approx(0.0416, abs=1e-4)
    assert data["needed_for_hits"][0] == [0, 598]
    assert [row["samples"] for row in data["curve"]] == [50, 100, 200, 300, 500, 1000, 3000, 5000, 9000]


def test_the_chances_of_the_detector_enter() -> None:
    options = (
        "--max-rate",
        "0.01",
        "--model-rate",
        "0.05",
        "--fpr",
        "0.002",
        "--recall",
        "0.8",
        "--fdr",
        "0.1",
    )
    data = json.loads(call("plan", *options, "--json").stdout)
    assert data["flagged_rate"] == pytest.approx(0.05 * 0.8 + 0.95 * 0.002)
    assert data["holdout"]["fpr"] == 499
    assert data["holdout"]["fdr"] == 10 * data["samples"] - 1
    text = call("plan", *options).stdout
    assert "of which 4.19 % of the samples are flagged" in text


def test_a_detector_that_flags_more_than_is_tolerated_is_warned_of() -> None:
    text = call("plan", "--max-rate", "0.01", "--fpr", "0.01").stdout
    assert "WARNING   the threshold flags as many innocent samples as are tolerated, or more" in text
    assert "WARNING" not in call("plan", "--max-rate", "0.01", "--fpr", "0.009").stdout


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ((), "nothing to plan"),
        (("--model-rate", "0"), "nothing to plan"),
        (("--max-rate", "0.01", "--model-rate", "0.01"), "is at the limit"),
        (("--max-rate", "0.5", "--model-rate", "0.500001"), "so close that no feasible number"),
        (("--max-rate", "nan"), "--max-rate nan"),
        (("--max-rate", "1"), "--max-rate 1.0"),
        (("--max-rate", "0.1", "--model-rate", "2"), "--model-rate 2.0"),
        (("--max-rate", "0.1", "--power", "1"), "--power 1.0"),
        (("--max-rate", "0.1", "--confidence", "0.4"), "--confidence 0.4"),
        (("--samples", "0"), "--samples 0"),
        (("--samples", "10", "--fpr", "1"), "--fpr 1.0"),
        (("--samples", "10", "--recall", "0"), "--recall 0.0"),
        (("--samples", "10", "--fdr", "0"), "--fdr 0.0"),
        (("--samples", "10", "--plot", "a.png"), "give --model-rate"),
    ],
    ids=str,
)
def test_questions_without_sense_are_wrong_usage(options: tuple[str, ...], reason: str) -> None:
    done = call("plan", *options)
    assert done.returncode == 2
    assert reason in done.stderr


def test_few_and_many_samples_have_their_words() -> None:
    few = call("plan", "--samples", "1", "--max-rate", "0.5").stdout
    assert "check     cannot pass: too few samples, cannot fail: too few samples" in few
    many = call("plan", "--samples", "9000", "--max-rate", "0.01", "--model-rate", "0.5").stdout
    # The last digits are scipy's: 1, or next to it.
    assert re.search(
        r"fails with a probability of (100|more than 99\.99) %, passes with (0|less than 0\.01) %", many
    )
    assert "is inconclusive between" in many


def test_the_figure(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    path = tmp_path / "power.svg"
    options = ("plan", "--max-rate", "0.005", "--model-rate", "0.0188", "--plot")
    assert call(*options, path).returncode == 0
    assert "<svg" in path.read_text()
    refused = call(*options, tmp_path / "no" / "power.svg")
    assert refused.returncode == 2
    assert "cannot be written" in refused.stderr
