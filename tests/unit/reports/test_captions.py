from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pytest_replication.index import Record
from pytest_replication.judging import judge
from pytest_replication.policy import Policy
from pytest_replication.reports.data import verdict_data
from pytest_replication.reports.matches_checks import check_matches
from pytest_replication.reports.matches_file import read_matches, save_matches
from pytest_replication.reports.text import render
from pytest_replication.search import Match, Matches, Subject
from pytest_replication.search.matches import Own
from pytest_replication.verdicts import Verdict

RECORDS = [Record(f"t{row}", f"/t{row}.png", "s", 1, 1, caption=f"caption {row}") for row in range(9)]


def match(sample: int, score: float, row: int) -> Match:
    return Match(sample, score, row, RECORDS[row], "whole", "whole")


def own(sample: int, score: float, row: int, images: int = 1) -> Own:
    return Own(match(sample, score, row), images)


@pytest.fixture
def verdict() -> Verdict:
    """Two copies of other images than their captions', one of its own, one sample of no caption."""
    subject = Subject(
        ("s0", "s1", "s2", "s3"),
        "model",
        "index",
        0,
        "f",
        "toy",
        "p",
        None,
        prompts=("a", "b", "c", "d"),
        prompted="4 prompts: captions of index",
    )
    of = ((match(0, 0.9, 1),), (match(1, 0.8, 2),), (match(2, 0.7, 3),), (match(3, 0.2, 4),))
    return judge(
        Matches(of, 9, subject, own=(own(0, 0.3, 5), own(1, 0.1, 6, 4), own(2, 0.7, 3), None)), Policy(0.5)
    )


def test_both_scores_are_told(verdict: Verdict) -> None:
    told = render(verdict)
    assert "  prompts    4 prompts: captions of index\n" in told
    assert (
        "  captions   of 3 samples made from captions of the index, in 2 the nearest training image was not the "
        "caption's own; median score 0.800, with the caption's own 0.300; 1 of 3 replicated ones copy the "
        "caption's own\n"
    ) in told
    assert "caption   0.300 with the caption's own, /t5.png\n" in told
    assert "caption   0.100 with the caption's own, /t6.png (the nearest of 4 with it)\n" in told
    assert "caption   its own: the prompt is the caption of this training image\n" in told
    assert told.count(" caption   ") == 3


def test_both_scores_are_data(verdict: Verdict) -> None:
    data = verdict_data(verdict)
    assert data["captions"] == {
        "samples": 3,
        "not_own": 2,
        "median_score": 0.8,
        "median_own_score": 0.3,
        "replicated": 3,
        "replicated_own": 1,
    }
    assert data["prompts_source"] == "4 prompts: captions of index"
    assert data["pairs"][0]["own"] == {
        "score": 0.3,
        "training_id": "t5",
        "training_uri": "/t5.png",
        "training_sha256": "s",
        "images": 1,
        "nearest": False,
    }
    assert [found[0]["own"] is None for found in data["neighbours"]] == [False, False, False, True]


def test_a_verdict_without_captions_says_nothing_of_them(verdict: Verdict) -> None:
    bare = replace(verdict.matches, own=(), subject=replace(verdict.matches.subject, prompted=""))
    plain = judge(bare, Policy(0.5))
    assert verdict_data(plain)["captions"] is None
    assert verdict_data(plain)["pairs"][0]["own"] is None
    assert " caption" not in render(plain)
    assert "  prompts " not in render(plain)


def test_a_pass_tells_no_copies(verdict: Verdict) -> None:
    assert "median score 0.800, with the caption's own 0.300\n" in render(
        judge(verdict.matches, Policy(0.95))
    )


def test_both_scores_are_kept_in_a_file_of_matches(verdict: Verdict, tmp_path: Path) -> None:
    save_matches(tmp_path / "m.json", verdict)
    assert read_matches(tmp_path / "m.json").matches == verdict.matches


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ((None,), "4 samples have 1 images of their captions"),
        ((own(1, 0.3, 5), None, None, None), "the caption of sample 0 belongs to another"),
        ((own(0, 1.5, 5), None, None, None), "a score of sample 0 is no cosine"),
        ((own(0, 0.5, 5, 0), None, None, None), "belongs to another, or to no row"),
        ((own(0, 0.95, 5), None, None, None), "nearer to sample 0 than its best match"),
    ],
)
def test_what_no_search_finds_is_refused(
    verdict: Verdict, wrong: tuple[Own | None, ...], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        check_matches(replace(verdict.matches, own=wrong))
