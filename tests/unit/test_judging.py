from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_replication.errors import SampleError, SearchError, SettingsError
from pytest_replication.index import Record
from pytest_replication.judging import judge
from pytest_replication.policy import Policy
from pytest_replication.search import Match, Matches, SearchedBy, Subject
from pytest_replication.verdicts import Outcome


def matches_of(scores: Sequence[float], searched: int = 10) -> Matches:
    subject = Subject(tuple(f"s{i}" for i in range(len(scores))), "test", "index", 0, "f", "toy", "p", None)
    record = Record("t", "/t", "s", 1, 1)
    of = tuple((Match(i, score, 0, record, "whole", "whole"),) for i, score in enumerate(scores))
    return Matches(of, searched, subject)


def test_a_score_at_the_threshold_is_replicated() -> None:
    below = math.nextafter(0.5, 0)
    assert judge(matches_of([0.5]), Policy(0.5)).outcome is Outcome.FAIL
    assert judge(matches_of([below]), Policy(0.5)).outcome is Outcome.PASS


def test_the_replicated_are_listed_worst_first() -> None:
    verdict = judge(matches_of([0.1, 0.6, 0.9, 0.6]), Policy(0.5))
    assert [(m.sample, m.score) for m in verdict.replicated] == [(2, 0.9), (1, 0.6), (3, 0.6)]
    assert (verdict.samples, verdict.rate, verdict.worst.score) == (4, 0.75, 0.9)


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=60), st.floats(-0.99, 1))
def test_without_a_tolerated_rate_one_hit_fails_and_none_passes(
    scores: list[float], threshold: float
) -> None:
    verdict = judge(matches_of(scores), Policy(threshold))
    assert (verdict.outcome is Outcome.PASS) == (max(scores) < threshold)
    assert len(verdict.replicated) == sum(score >= threshold for score in scores)
    assert verdict.rate_lower <= verdict.rate <= verdict.rate_upper


def hits(k: int, n: int) -> Matches:
    return matches_of([0.9] * k + [0.1] * (n - k))


@pytest.mark.parametrize(
    ("k", "n", "max_rate", "outcome"),
    [
        (0, 50, 0.05, Outcome.INCONCLUSIVE),  # the upper bound is 5.8 %
        (0, 59, 0.05, Outcome.PASS),
        (1, 100, 0.05, Outcome.PASS),
        (3, 100, 0.05, Outcome.INCONCLUSIVE),
        (7, 100, 0.05, Outcome.INCONCLUSIVE),  # more than the limit was seen, not yet proved
        (20, 100, 0.05, Outcome.FAIL),
        (1, 1, 0.5, Outcome.INCONCLUSIVE),
        (5, 5, 0.5, Outcome.FAIL),
    ],
)
def test_a_tolerated_rate_is_a_claim_that_has_to_be_proved(
    k: int, n: int, max_rate: float, outcome: Outcome
) -> None:
    verdict = judge(hits(k, n), Policy(0.5, max_rate=max_rate))
    assert verdict.outcome is outcome
    assert (verdict.needed is not None) == (outcome is Outcome.INCONCLUSIVE)


def test_an_inconclusive_verdict_says_how_many_samples_would_settle_it() -> None:
    assert judge(hits(0, 50), Policy(0.5, max_rate=0.05)).needed == 59


def test_the_same_matches_can_be_judged_again() -> None:
    measured = matches_of([0.6, 0.1])
    assert judge(measured, Policy(0.5)).outcome is Outcome.FAIL
    assert judge(measured, Policy(0.7)).outcome is Outcome.PASS


def test_no_samples_never_pass() -> None:
    with pytest.raises(SampleError, match="nothing can pass"):
        judge(matches_of([]), Policy(0.5))


def test_no_searched_rows_never_pass() -> None:
    with pytest.raises(SearchError, match="no row"):
        judge(matches_of([0.1], searched=0), Policy(0.5))


@pytest.mark.parametrize("score", [math.nan, math.inf, -math.inf])
def test_a_score_that_is_not_a_number_never_passes(score: float) -> None:
    with pytest.raises(SearchError, match="sample 1 has no finite score"):
        judge(matches_of([0.1, score]), Policy(0.5))


def test_a_sample_without_a_match_never_passes() -> None:
    measured = matches_of([0.1])
    with pytest.raises(SearchError, match="no finite score"):
        judge(Matches(((),), 10, measured.subject), Policy(0.5))


@pytest.mark.parametrize(
    "values",
    [
        {"threshold": 50},
        {"threshold": 1.0001},
        {"threshold": -1},
        {"threshold": math.nan},
        {"threshold": 0.5, "max_rate": 1},
        {"threshold": 0.5, "max_rate": -0.1},
        {"threshold": 0.5, "max_rate": math.nan},
        {"threshold": 0.5, "confidence": 0.05},
        {"threshold": 0.5, "confidence": 1},
    ],
)
def test_a_policy_that_could_never_fail_is_refused(values: dict[str, float]) -> None:
    with pytest.raises(SettingsError):
        Policy(**values)  # type: ignore[arg-type]


def test_a_verdict_is_not_true() -> None:
    verdict = judge(matches_of([0.9]), Policy(0.5))
    assert not verdict.passed
    with pytest.raises(TypeError, match=r"ask verdict\.passed"):
        bool(verdict)


@pytest.mark.parametrize(
    ("distinct", "outcome"), [(0, Outcome.PASS), (300, Outcome.PASS), (1, Outcome.INCONCLUSIVE)]
)
def test_one_image_given_many_times_proves_no_rate(distinct: int, outcome: Outcome) -> None:
    measured = hits(0, 300)
    measured = replace(measured, subject=replace(measured.subject, distinct=distinct))
    assert judge(measured, Policy(0.5, max_rate=0.01)).outcome is outcome


def by_engine(
    matches: Matches, recall: float | None, threshold: float | None = 0.5, note: str = ""
) -> Matches:
    return replace(matches, by=SearchedBy("annoy", recall, threshold, 3000, 0, 0.95, note))


def test_a_certified_engine_may_pass_and_widens_the_bound() -> None:
    exact = judge(hits(0, 100), Policy(0.5))
    verdict = judge(by_engine(hits(0, 100), 0.8), Policy(0.5))
    assert verdict.outcome is Outcome.PASS
    assert verdict.rate_upper == pytest.approx(exact.rate_upper / 0.8)
    assert judge(by_engine(hits(0, 1), 0.8), Policy(0.5)).rate_upper == 1.0
    claimed = judge(by_engine(hits(0, 59), 0.9), Policy(0.5, max_rate=0.05))
    assert claimed.outcome is Outcome.INCONCLUSIVE  # the exact scan would prove it


@pytest.mark.parametrize(("asked", "certified", "left"), [(0.95, 0.95, 0.9), (0.6, 0.99, 0.59)])
def test_what_two_bounds_leave_open_adds_up(asked: float, certified: float, left: float) -> None:
    matches = by_engine(hits(0, 100), 0.999)
    matches = replace(matches, by=replace(matches.by, confidence=certified))
    assert judge(matches, Policy(0.5, confidence=asked)).confidence == pytest.approx(left)
    assert judge(hits(0, 100), Policy(0.5, confidence=asked)).confidence == asked


@pytest.mark.parametrize("certified", [0.95, 0.0, math.nan])
def test_a_certificate_of_less_confidence_than_asked_is_none(certified: float) -> None:
    matches = by_engine(hits(0, 100), 0.999)
    matches = replace(matches, by=replace(matches.by, confidence=certified))
    with pytest.raises(SearchError, match="no certificate"):
        judge(matches, Policy(0.5, confidence=0.96))


@pytest.mark.parametrize("recall", [None, 0.0, -1.0, math.nan, 1.5])
def test_an_engine_without_a_bound_passes_nothing(recall: float | None) -> None:
    with pytest.raises(SearchError, match="annoy found no failure, and has no certificate at 0.5"):
        judge(by_engine(hits(0, 100), recall), Policy(0.5))
    with pytest.raises(SearchError, match="it is off"):
        judge(by_engine(hits(1, 100), recall, note="it is off"), Policy(0.5, max_rate=0.05))


@pytest.mark.parametrize("threshold", [None, 0.49999, 0.51])
def test_a_certificate_for_another_threshold_is_none(threshold: float | None) -> None:
    with pytest.raises(SearchError, match="no certificate"):
        judge(by_engine(hits(0, 100), 0.999, threshold), Policy(0.5))


def test_what_any_engine_finds_is_real_and_fails() -> None:
    verdict = judge(by_engine(hits(1, 100), None), Policy(0.5))
    assert verdict.outcome is Outcome.FAIL
    assert verdict.rate_upper == 1.0
    assert verdict.rate_lower == judge(hits(1, 100), Policy(0.5)).rate_lower
