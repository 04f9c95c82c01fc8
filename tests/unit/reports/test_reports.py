from __future__ import annotations

import json
from dataclasses import replace

import pytest

from pytest_replication.index import Record
from pytest_replication.reports.data import verdict_data
from pytest_replication.reports.text import SHOWN, headline, render
from pytest_replication.search import Match, Matches, SearchedBy, Subject
from pytest_replication.verdicts import Policy, Verdict, judge


def verdict(k: int, n: int, policy: Policy | None = None, rejected: int = 0, seeds: bool = False) -> Verdict:
    subject = Subject(
        samples=tuple(f"out/{i}.png" for i in range(n)),
        source="out",
        index="index",
        rejected=rejected,
        fingerprint="f" * 64,
        embedder="sscd",
        preprocessing="sscd-320",
        weights_sha256="a" * 64,
        seeds=tuple(range(100, 100 + n)) if seeds else (),
    )
    record = Record("cat.jpg", "photos/cat.jpg", "b" * 64, 9, 9, "a cat", "3")
    of = tuple((Match(i, 0.9 - i / 1000 if i < k else 0.1, i, record, "whole", "whole"),) for i in range(n))
    return judge(Matches(of, 1234, subject), policy or Policy(0.5, "ini file"))


def test_the_first_line_tells_the_whole_story() -> None:
    assert headline(verdict(3, 8)) == (
        "3 of 8 samples replicate training images (worst score 0.900, threshold 0.5)"
    )
    assert headline(verdict(0, 8)) == (
        "none of 8 samples replicates a training image (closest score 0.100, threshold 0.5)"
    )


@pytest.mark.parametrize(
    ("k", "n", "claim"),
    [
        (0, 100, "the rate is below 2.95 %, within max rate 5 %"),
        (50, 100, "the rate is above 41.4 %, beyond max rate 5 %"),
        (0, 50, "inconclusive, the rate may be from 0 % to 5.82 %, max rate is 5 %"),
    ],
)
def test_a_claimed_rate_is_answered_in_the_first_line(k: int, n: int, claim: str) -> None:
    assert headline(verdict(k, n, Policy(0.5, max_rate=0.05))).endswith(claim)


def test_the_message_names_both_images_their_score_and_the_rule() -> None:
    text = render(verdict(1, 2, seeds=True))
    assert "0.900  sample    out/0.png (seed 100)" in text
    assert 'training  photos/cat.jpg "a cat"' in text
    assert "score >= 0.5 (ini file); max rate 0 % (default)" in text
    assert "1 of 2 proves a rate below 97.5 % and above 2.53 % (at 95 % confidence" in text
    assert "index: 1234 training images, all searched (exact)" in text


def test_a_long_list_is_cut_and_says_so() -> None:
    text = render(verdict(43, 50))
    assert f"showing {SHOWN} of 43" in text
    assert text.count("training  photos") == SHOWN


def test_a_gap_in_the_index_is_said_in_every_verdict() -> None:
    for k in (0, 1):
        assert "7 training images could not be read and are NOT in the index" in render(
            verdict(k, 2, rejected=7)
        )


def test_inconclusive_says_what_would_settle_it() -> None:
    policy = Policy(0.5, max_rate=0.05)
    assert "about 59 samples, if the observed rate holds; 50 were given" in render(verdict(0, 50, policy))
    assert "no feasible number" in render(verdict(1, 20, policy))


def test_a_view_that_is_not_the_whole_image_is_named() -> None:
    found = verdict(1, 1)
    part = replace(found.matches.of[0][0], view="corner")
    matches = replace(found.matches, of=((part,),))
    assert "photos/cat.jpg [corner]" in render(judge(matches, found.policy))


def test_data_is_plain_and_complete() -> None:
    data = verdict_data(verdict(1, 2, rejected=3, seeds=True))
    assert json.loads(json.dumps(data)) == data
    assert (data["outcome"], data["samples"], data["replicated"], data["rate"]) == ("fail", 2, 1, 0.5)
    assert data["index"]["rejected"] == 3
    assert data["pairs"][0] | {} == {
        "sample": "out/0.png",
        "sample_number": 0,
        "seed": 100,
        "score": 0.9,
        "training_id": "cat.jpg",
        "training_uri": "photos/cat.jpg",
        "training_sha256": "b" * 64,
        "caption": "a cat",
        "label": "3",
        "view": "whole",
        "sample_view": "whole",
        "copies": None,
    }
    assert len(data["neighbours"]) == 2
    assert "neighbours" not in verdict_data(verdict(1, 2), neighbours=False)


def test_samples_that_are_all_the_same_are_told() -> None:
    found = verdict(0, 30)
    matches = replace(found.matches, subject=replace(found.matches.subject, distinct=1))
    again = judge(matches, found.policy)
    assert "only 1 of 30 samples are distinct" in render(again)
    assert again.rate_upper == pytest.approx(0.95)


def test_the_next_score_stands_beside_the_worst() -> None:
    found = verdict(1, 1)
    first = found.matches.of[0][0]
    matches = replace(found.matches, of=((first, replace(first, score=0.2)),))
    assert "0.900 (next 0.200)  sample" in render(judge(matches, found.policy))


def test_a_sample_that_a_function_made_can_be_made_again() -> None:
    found = verdict(1, 2, seeds=True)
    matches = replace(found.matches, subject=replace(found.matches.subject, source="my_model:generate"))
    text = render(judge(matches, found.policy))
    assert 'python -c "from my_model import generate; generate([100])[0].save(' in text


def test_what_searched_is_told_with_what_it_may_overlook() -> None:
    certified = SearchedBy("annoy", 0.99901, 0.5, 3000, 0, 0.95)
    found = replace(verdict(0, 50), matches=replace(verdict(0, 50).matches, by=certified))
    assert (
        "1234 training images, searched by annoy: recall above 99.901 % at 0.5 "
        "(0 of 3000 planted copies missed, 95 % confidence)"
    ) in render(found)
    assert "(at 90 % confidence, if samples are independent)" in render(found)
    assert verdict_data(found)["confidence"] == pytest.approx(0.9)
    assert verdict_data(found)["search"] == {
        "engine": "annoy",
        "recall": 0.99901,
        "threshold": 0.5,
        "planted": 3000,
        "misses": 0,
        "confidence": 0.95,
        "note": "",
    }
    hit = verdict(1, 50)
    uncertified = replace(hit, matches=replace(hit.matches, by=SearchedBy("annoy", None)))
    assert "searched by annoy: what it found is real, there may be more" in render(uncertified)
    refused = replace(hit, matches=replace(hit.matches, by=SearchedBy(note="annoy has no certificate")))
    assert "all searched (exact)" in render(refused)
    assert "engine     the exact scan decided: annoy has no certificate" in render(refused)
    assert verdict_data(hit)["search"]["recall"] == 1.0
