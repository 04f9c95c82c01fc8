from __future__ import annotations

from dataclasses import replace

import pytest

from pytest_replication.errors import SettingsError
from pytest_replication.index import Record
from pytest_replication.judging import judge
from pytest_replication.policy import Policy
from pytest_replication.reports.data import verdict_data
from pytest_replication.reports.text import render
from pytest_replication.reports.warnings import warnings
from pytest_replication.search import Match, Matches, Subject
from pytest_replication.stats.intervals import upper_bound
from pytest_replication.verdicts import Outcome, Verdict


def matches_of(
    rows: list[int], misses: int, prompts: list[str], leaders: dict[int, int] | None = None
) -> Matches:
    """Samples that hit these rows, and some that hit nothing."""
    n = len(rows) + misses
    subject = Subject(tuple(f"s{i}" for i in range(n)), "out", "index", 0, "f", "toy", "p", None)
    record = Record("t", "/t", "s", 1, 1)
    of = [(Match(i, 0.9, row, record, "whole", "whole"),) for i, row in enumerate(rows)]
    of += [(Match(i, 0.1, 0, record, "whole", "whole"),) for i in range(len(rows), n)]
    if leaders is not None:
        of = [(replace(m, leader=leaders.get(m.row, m.row)),) for (m,) in of]
    return Matches(tuple(of), 10, replace(subject, prompts=tuple(prompts)))


def claim(matches: Matches, rate: float, per: str = "sample") -> Verdict:
    return judge(matches, Policy(0.5, max_rate=rate, per=per))


def test_hits_are_counted_by_sample_by_prompt_and_by_training_image() -> None:
    prompts = ["a", "a", "a", "b", "c", "c"]
    tally = claim(matches_of([7, 7, 8, 9], 2, prompts), 0.1).tally
    assert (tally.replicated, tally.samples) == (4, 6)
    assert (tally.replicated_prompts, tally.prompts) == (2, 3)
    assert (tally.training_images, tally.largest) == (3, 2)


def test_duplicates_of_one_training_image_count_once_where_they_are_known() -> None:
    leaders = {7: 7, 8: 7, 9: 9}
    tally = claim(matches_of([7, 8, 9], 1, [], leaders), 0.1).tally
    assert (tally.training_images, tally.largest, tally.prompts) == (2, 2, 0)


def test_a_rate_by_prompt_counts_prompts() -> None:
    prompts = [f"p{i // 5}" for i in range(300)]
    verdict = claim(matches_of([1] * 5, 295, prompts), 0.1, "prompt")
    assert verdict.outcome is Outcome.PASS
    assert verdict.rate_upper == pytest.approx(upper_bound(1, 60))
    assert "1 of 60 prompts proves a rate below 7.66 %" in render(verdict)


def test_samples_of_one_prompt_prove_little() -> None:
    alone = claim(matches_of([], 300, []), 0.01)
    assert alone.outcome is Outcome.PASS
    spread = claim(matches_of([], 300, [f"p{i}" for i in range(300)]), 0.01)
    assert (spread.outcome, spread.rate_upper) == (Outcome.PASS, alone.rate_upper)
    together = claim(matches_of([], 300, ["the same"] * 300), 0.01)
    assert together.outcome is Outcome.INCONCLUSIVE
    assert together.rate_upper == pytest.approx(0.95)
    assert together.needed == 299 * 300


def test_blanks_and_the_size_of_letters_make_no_other_prompt() -> None:
    spelled = [(" " * (i % 9) + "The  Same" + " " * (i // 9)) for i in range(300)]
    verdict = claim(matches_of([], 300, spelled), 0.01)
    assert verdict.tally.prompts == 1
    assert verdict.outcome is Outcome.INCONCLUSIVE


def test_clustered_hits_neither_pass_nor_fail_as_if_they_were_independent() -> None:
    prompts = [f"p{i // 10}" for i in range(400)]
    few = claim(matches_of([1] * 20, 380, prompts), 0.03)
    assert claim(matches_of([1] * 20, 380, []), 0.03).outcome is Outcome.FAIL
    assert few.outcome is Outcome.INCONCLUSIVE
    assert few.needed is not None
    assert few.needed > 400


def test_a_rate_by_prompt_needs_prompts() -> None:
    with pytest.raises(SettingsError, match=r"carry no prompts: give Samples\.of\(images, prompts="):
        claim(matches_of([], 5, []), 0.1, "prompt")
    with pytest.raises(SettingsError, match="per 'seed' is wanted"):
        Policy(0.5, per="seed")


def test_counts_are_in_the_text_and_in_the_data() -> None:
    verdict = claim(matches_of([7, 7, 8], 3, ["a", "a", "b", "b", "c", "c"]), 0.9)
    text, data = render(verdict), verdict_data(verdict)
    assert (
        "counts     2 of 3 prompts; 2 distinct training images replicated, up to 2 samples of one of them"
        in text
    )
    assert 's0 "a"' in text
    assert "if prompts are independent" in text
    assert data["counts"] == {
        "per": "sample",
        "prompts": 3,
        "few_prompts": True,
        "replicated_prompts": 2,
        "training_images": 2,
        "most_of_one": 2,
    }
    assert data["pairs"][2]["prompt"] == "b"
    assert (
        warnings(data)[-1]
        == "the samples are of 3 prompts only: the bounds of the rate count each as one sample"
    )


def test_nothing_is_counted_where_nothing_was_replicated_and_no_prompt_is_known() -> None:
    assert "counts  " not in render(claim(matches_of([], 400, []), 0.5))
