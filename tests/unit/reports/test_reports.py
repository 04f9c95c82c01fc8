from __future__ import annotations

import json
from dataclasses import replace

import pytest

from pytest_replication.index import Record
from pytest_replication.judging import judge
from pytest_replication.models.identity import ModelIdentity
from pytest_replication.policy import Policy
from pytest_replication.reports.data import verdict_data
from pytest_replication.reports.pairs_text import SHOWN
from pytest_replication.reports.text import headline, render
from pytest_replication.reports.warnings import warnings
from pytest_replication.search import Match, Matches, SearchedBy, Subject
from pytest_replication.search.sightings import Sighting, Sightings
from pytest_replication.verdicts import Verdict


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
    assert headline(verdict(1, 8)) == (
        "1 of 8 samples replicates a training image (worst score 0.900, threshold 0.5)"
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
    assert 'training  photos/cat.jpg (class 3) "a cat"' in text
    assert "score >= 0.5 (ini file); max rate 0 % (default)" in text
    assert "1 of 2 proves a rate below 97.5 % and above 2.53 % (each at 95 % confidence" in text
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


NO_CONTROL = (
    "no positive control: 'pytest-replication info index' shows the command that plants copies, which each check then "
    "has to find"
)


def test_every_warning_is_in_the_text_and_in_the_plain_data() -> None:
    found = verdict(0, 8, Policy(0.5, allow_unproved=True))
    subject = replace(found.matches.subject, rejected=1, removed=2, unproved=True, distinct=3)
    again = judge(replace(found.matches, subject=subject), found.policy)
    said = warnings(verdict_data(again))
    assert said == [
        "1 training image could not be read and is NOT in the index: copies of it are not found",
        "2 training images were removed from the index: copies of them are not found",
        NO_CONTROL,
        "vectors of the index were imported and nothing proves that this embedder made them",
        "only 3 of 8 samples are distinct: the bounds of the rate count these",
    ]
    assert [line for line in render(again).splitlines() if "WARNING" in line] == [
        f"  WARNING    {one}" for one in said
    ]
    assert warnings(verdict_data(found)) == [NO_CONTROL]


def test_a_control_is_told_and_a_weak_one_is_a_warning() -> None:
    found = verdict(0, 8)
    seen = Sightings(
        of=(Sighting(3, "grey", 0.8, replace(found.matches.of[0][0], score=0.81)),),
        stored=4,
        reachable=3,
        tried=9,
        found=5,
        allowance=0.1,
        absent="",
    )
    good = judge(replace(found.matches, canaries=seen), found.policy)
    assert "control    1 of 1 planted copies found (lowest score 0.810; 3 of 4 can reach" in render(good)
    assert warnings(verdict_data(good)) == []
    barely = replace(seen.of[0], match=replace(found.matches.of[0][0], score=0.50004))
    near = judge(
        replace(found.matches, canaries=replace(seen, of=(replace(barely, planted=0.6),))), found.policy
    )
    assert "(lowest score 0.50004; " in render(near)
    few = judge(replace(found.matches, canaries=replace(seen, reachable=1)), found.policy)
    assert warnings(verdict_data(few)) == ["nearly blind: only 1 of 4 planted copies can reach the threshold"]
    weak = judge(replace(found.matches, canaries=replace(seen, found=4)), found.policy)
    assert "WARNING    nearly blind: only 4 of 9 edited copies of training images were found" in render(weak)
    off = replace(seen, of=(), absent="canaries are 0 (call)")
    none = judge(replace(found.matches, canaries=off), found.policy)
    assert warnings(verdict_data(none)) == ["no positive control: canaries are 0 (call)"]
    assert "control  " not in render(none)


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
        "sample_sha256": None,
        "seed": 100,
        "prompt": None,
        "class": None,
        "score": 0.9,
        "own": None,
        "threshold": 0.5,
        "p_value": None,
        "training_id": "cat.jpg",
        "training_uri": "photos/cat.jpg",
        "training_sha256": "b" * 64,
        "caption": "a cat",
        "label": "3",
        "view": "whole",
        "sample_view": "whole",
        "copies": None,
        "exact_copies": None,
        "copies_threshold": None,
        "pixels": None,
        "kind": "whole",
        "part": None,
        "elsewhere": None,
    }
    assert len(data["neighbours"]) == 2
    assert "neighbours" not in verdict_data(verdict(1, 2), neighbours=0)
    both = verdict(1, 1)
    first = both.matches.of[0][0]
    two = replace(both, matches=replace(both.matches, of=((first, replace(first, score=0.2)),)))
    assert [len(verdict_data(two, neighbours=n)["neighbours"][0]) for n in (1, 2, 9, None)] == [1, 2, 2, 2]


def test_samples_that_are_all_the_same_are_told() -> None:
    found = verdict(0, 30)
    matches = replace(found.matches, subject=replace(found.matches.subject, distinct=1))
    again = judge(matches, found.policy)
    assert "only 1 of 30 samples is distinct" in render(again)
    assert again.rate_upper == pytest.approx(0.95)


def test_the_next_score_stands_beside_the_worst() -> None:
    found = verdict(1, 1)
    first = found.matches.of[0][0]
    matches = replace(found.matches, of=((first, replace(first, score=0.2)),))
    assert "0.900 (next 0.200)  sample" in render(judge(matches, found.policy))


def test_a_sample_that_a_function_made_can_be_made_again() -> None:
    found = verdict(1, 2, seeds=True)
    model = ModelIdentity("my_model:generate", options=("steps=3",), takes=("prompt", "label"))
    subject = replace(found.matches.subject, model=model, prompts=("it's\na dog",) * 2, labels=(3, 4))
    text = render(judge(replace(found.matches, subject=subject), found.policy))
    assert text.splitlines()[-1] == (
        "  again      pytest-replication sample my_model:generate --model-option steps=3 --seed=100 "
        r"$'--prompt=it\'s\x0aa dog' --label=3 --out sample.png"
    )
    assert "  model      my_model:generate: no fingerprint, steps=3" in text
    # Prompts that are known of samples, and that the model does not take.
    subject = replace(subject, model=replace(model, takes=()))
    text = render(judge(replace(found.matches, subject=subject), found.policy))
    assert text.endswith("--model-option steps=3 --seed=100 --out sample.png")


def test_a_ready_sample_is_named_in_the_place_of_a_command() -> None:
    found = verdict(1, 2, seeds=True)
    subject = replace(found.matches.subject, model=ModelIdentity("folder x", ready=True))
    text = render(judge(replace(found.matches, subject=subject), found.policy))
    assert text.splitlines()[-1] == f"  again      the worst sample is the file {subject.samples[0]}"
    assert "  model  " not in text


def test_samples_of_which_no_model_is_known_have_no_command() -> None:
    assert "again  " not in render(verdict(1, 2, seeds=True))


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


@pytest.mark.parametrize(
    ("copies", "exact", "said"),
    [
        (1, 1, 'cat.jpg (class 3) "a cat"'),
        (4, 1, ", 4 training images score >= 0.95 with it, itself included"),
        (4, 2, ", 4 training images score >= 0.95 with it, itself included, 2 of them exactly the same"),
        (4, 4, ", stands 4 times in the training set"),
    ],
)
def test_what_is_like_the_training_image_is_told(copies: int, exact: int, said: str) -> None:
    found = verdict(1, 1)
    match = replace(found.matches.of[0][0], copies=copies, exact=exact, alike=0.95)
    text = render(judge(replace(found.matches, of=((match,),)), found.policy))
    assert next(line for line in text.splitlines() if "training  " in line).endswith(said)


@pytest.mark.parametrize(
    ("score", "threshold", "told"),
    [
        (
            0.8999,
            0.9,
            "none of 1 samples replicates a training image (closest score 0.8999, threshold 0.9)",
        ),
        (0.9, 0.9, "1 of 1 samples replicates a training image (worst score 0.900, threshold 0.9)"),
        (0.950004, 0.95, "1 of 1 samples replicates a training image (worst score 0.950004, threshold 0.95)"),
        (
            0.999999,
            0.9999999,
            "none of 1 samples replicates a training image (closest score 0.999999, threshold 0.9999999)",
        ),
    ],
)
def test_a_score_and_a_threshold_that_differ_are_told_apart(
    score: float, threshold: float, told: str
) -> None:
    found = verdict(1, 1)
    match = replace(found.matches.of[0][0], score=score)
    again = judge(replace(found.matches, of=((match,),)), Policy(threshold))
    assert headline(again) == told
    assert f"    {told.split('score ')[1].split(',')[0]}  sample" in render(again)


@pytest.mark.parametrize(("threshold", "told"), [(0.998, False), (0.999, True), (1.0, True)])
def test_a_threshold_that_only_identical_vectors_reach_is_told(threshold: float, told: bool) -> None:
    said = f"at a threshold of {threshold:g} only samples with nearly the vector of a training image count"
    assert (said in render(verdict(0, 1, Policy(threshold)))) is told


def test_names_and_captions_cannot_forge_a_line() -> None:
    found = verdict(1, 1)
    match = found.matches.of[0][0]
    record = replace(
        match.record, uri="a\nPASS: forged\x1b[1A", caption="b\r\n  WARNING none\u2028c", label="3\n4"
    )
    subject = replace(
        found.matches.subject, samples=("s\n0 of 1",), source="x\ny", index="i\x1b[2J", embedder="e\nf"
    )
    of = ((replace(match, record=record),),)
    text = render(judge(replace(found.matches, of=of, subject=subject), found.policy))
    assert len(text.splitlines()) == len(render(found).splitlines())
    assert r'a\nPASS: forged\x1b[1A (class 3\n4) "b\r\n  WARNING none\u2028c"' in text
    assert "\x1b" not in text
