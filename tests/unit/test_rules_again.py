"""The rule under which stored matches are judged again."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_replication.errors import CalibrationError, ControlFailed, SettingsError
from pytest_replication.index import Record
from pytest_replication.judging import judge
from pytest_replication.objects import ObjectRule
from pytest_replication.policy import Policy
from pytest_replication.reports.matches_checks import check_matches
from pytest_replication.rules_again import policy_again, whole
from pytest_replication.search import Match, Matches, Subject
from pytest_replication.search.matches import NullTail
from pytest_replication.search.sightings import Sighting, Sightings
from pytest_replication.stats.null import Null

RECORD = Record("a", "/a", None, 1, 1)
SCORES = tuple(np.linspace(0.5, 0.01, 50).round(6).tolist())


def measured(null: NullTail | None, canary: float = 0.9, samples: int = 2) -> Matches:
    """Two samples far from all training images, and a canary that was planted at a lower line."""
    names = tuple(f"s{number}" for number in range(samples))
    subject = Subject(names, "out", "index", 0, "f", "toy", "p", None, distinct=samples)
    match = Match(0, canary, 3, RECORD, "whole", "whole")
    seen = Sightings(
        (Sighting(3, "grey", canary, match),), stored=1, reachable=1, tried=1, found=1, absent=""
    )
    of = tuple((replace(match, sample=number, score=0.0),) for number in range(samples))
    p_values = (1.0,) * samples if null else ()
    p_behind = ((),) * samples if null else ()
    least = 1 / (null.images + 1) if null else 1.0
    return Matches(
        of, 10, subject, p_values=p_values, p_behind=p_behind, p_least=least, null=null, canaries=seen
    )


def tail(samples: int = 2) -> NullTail:
    return NullTail(50, SCORES[: NullTail.needed(50, samples)], "50 unseen images")


@given(st.integers(1, 300), st.integers(1, 300), st.floats(0.001, 0.999), st.integers(0, 9))
def test_the_upper_end_of_a_null_gives_the_line_of_all_of_it(
    images: int, samples: int, fdr: float, seed: int
) -> None:
    scores = np.random.default_rng(seed).uniform(-1, 1, images).round(3)
    null = Null.of(scores)
    highest = null.scores[::-1][: NullTail.needed(images, samples)]
    again = whole(NullTail(images, tuple(highest.tolist()), "many"))
    assert len(again) == images
    rate = fdr / samples
    assert again.rank(rate) == null.rank(rate)
    if null.rank(rate):
        assert again.threshold(rate) == null.threshold(rate)


def test_canaries_have_to_reach_the_line_of_the_rate_that_is_given_now() -> None:
    low, then = measured(tail(), canary=0.4), Policy(0.3, "calibration")
    assert judge(low, policy_again(then, low, file="m")).passed
    settled = policy_again(then, low, file="m", fdr=0.05)
    assert settled.threshold == pytest.approx(0.5, abs=1e-5)
    assert settled.threshold_source == "Benjamini-Hochberg over 2 samples, 50 unseen images"
    with pytest.raises(ControlFailed, match="none of them can reach this threshold"):
        judge(low, settled)
    high = measured(tail())
    assert judge(high, policy_again(then, high, file="m", fdr=0.05)).passed


def test_without_a_null_or_with_one_that_is_too_small_there_is_no_such_line() -> None:
    with pytest.raises(CalibrationError, match="the samples of m have no p-values"):
        policy_again(Policy(0.3), measured(None), file="m", fdr=0.05)
    with pytest.raises(CalibrationError, match="which has 50: no single sample could be told"):
        policy_again(Policy(0.3), measured(tail()), file="m", fdr=0.01)
    with pytest.raises(SettingsError, match="give one of the two"):
        policy_again(Policy(0.3), measured(tail()), file="m", fdr=0.05, threshold=0.4)


@pytest.mark.parametrize(
    ("null", "message"),
    [
        (None, "p-values without a null"),
        (replace(tail(), images=0), "of a null of 0 images"),
        (replace(tail(), images=49), "less than 49 images give"),
        (replace(tail(), images=500), "26 scores are there of a null of 500 images"),
        (replace(tail(), scores=SCORES[:3]), "3 scores are there"),
        (replace(tail(), scores=tail().scores[::-1]), "out of order"),
        (replace(tail(), scores=(1.5, *SCORES[1:26])), "no cosines"),
    ],
)
def test_a_null_that_cannot_be_is_refused(null: NullTail | None, message: str) -> None:
    matches = measured(tail())
    check_matches(matches)
    with pytest.raises(ValueError, match=message):
        check_matches(replace(matches, null=null))
    with pytest.raises(ValueError, match="a null without p-values"):
        check_matches(replace(matches, p_values=(), p_behind=()))


def test_parts_are_judged_by_the_rule_of_then_or_of_now() -> None:
    then, matches = Policy(0.5, objects=ObjectRule(9, "call", 0.01)), measured(None)
    assert policy_again(then, matches, file="a").objects == ObjectRule(9, "call, as in a", 0.01)
    assert policy_again(then, matches, file="a", object_points=20).objects == ObjectRule(
        20, "command line", overridden=("the check of then", 9)
    )
    assert policy_again(Policy(0.5), matches, file="a").objects is None
