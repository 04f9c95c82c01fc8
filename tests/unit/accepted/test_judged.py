"""What accepted matches do to a verdict."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_replication.accepted import NOTHING, Acceptance, Accepted
from pytest_replication.errors import SearchError
from pytest_replication.index import Record
from pytest_replication.judging import judge, reached, unused_entries
from pytest_replication.policy import GroupThresholds, Policy
from pytest_replication.reports.accepted_text import unused_in_all
from pytest_replication.reports.data import verdict_data
from pytest_replication.reports.text import headline, render
from pytest_replication.search import Match, Matches, SearchedBy, Subject
from pytest_replication.verdicts import Outcome

DAY = date(2026, 11, 28)
Scores = Sequence[Sequence[float]]


def measured(scores: Scores, searched: int = 10, *, training: str | None = "t") -> Matches:
    """Matches with the given scores, best first; training image n is that of row n."""
    subject = Subject(
        tuple(f"s{i}" for i in range(len(scores))),
        "out",
        "index",
        0,
        "f",
        "toy",
        "p",
        None,
        sample_sha256=tuple(f"{i:064x}" for i in range(len(scores))),
    )
    of = tuple(
        tuple(
            Match(i, score, row, Record(f"t{row}", f"/t{row}", training and f"{row:064x}"), "whole", "whole")
            for row, score in enumerate(found)
        )
        for i, found in enumerate(scores)
    )
    return Matches(of, searched, subject)


def book(*pairs: tuple[int, int], expires: date = DAY, day: date = DAY) -> Accepted:
    return Accepted(
        tuple(
            Acceptance(
                f"{s:064x}", f"{t:064x}", "blank", "A", DAY - timedelta(60), expires, f"s{s}", f"/t{t}"
            )
            for s, t in pairs
        ),
        "accepted.toml",
        day,
    )


def policy(accepted: Accepted, max_rate: float = 0.0) -> Policy:
    return Policy(0.5, max_rate=max_rate, accepted=accepted)


COPY = [[0.9, 0.1]]


def test_an_accepted_match_does_not_count_and_is_shown() -> None:
    verdict = judge(measured([[0.9, 0.3], [0.2, 0.1]]), policy(book((0, 0))))
    assert verdict.outcome is Outcome.PASS
    assert [(m.sample, m.row) for m in verdict.accepted] == [(0, 0)]
    assert (verdict.replicated, verdict.expired, verdict.unused) == ((), (), ())
    assert (verdict.worst.score, verdict.closest.score) == (0.9, 0.3)
    assert headline(verdict) == (
        "none of 2 samples replicates a training image (closest score 0.300, threshold 0.5), 1 match accepted"
    )
    text = render(verdict)
    assert "accepted   1 match is accepted by accepted.toml and does not count:" in text
    assert "0.900  s0 -> /t0 (blank; A, 2026-09-29, until 2026-11-28)" in text
    assert "0 of 2 proves a rate below 77.6 %" in text  # both samples are in the number
    assert "; 1 accepted sample among those that do not count" in text


def test_without_a_file_nothing_is_said_of_it() -> None:
    verdict = judge(measured(COPY), policy(NOTHING))
    assert verdict_data(verdict)["accepted"] is None
    assert "accepted" not in render(verdict)
    assert verdict_data(judge(measured(COPY), policy(Accepted())))["accepted"] is None


@pytest.mark.parametrize("pair", [(0, 1), (1, 0), (1, 1)])
def test_another_sample_or_training_image_is_not_accepted(pair: tuple[int, int]) -> None:
    verdict = judge(measured(COPY), policy(book(pair)))
    assert verdict.outcome is Outcome.FAIL
    assert [entry.pair for entry in verdict.unused] == [(f"{pair[0]:064x}", f"{pair[1]:064x}")]
    assert "unused     1 entry of accepted.toml matched nothing here, such as s" in render(verdict)


def test_a_match_without_digests_is_never_accepted() -> None:
    bare = measured(COPY, training=None)
    assert judge(bare, policy(book((0, 0)))).outcome is Outcome.FAIL
    untaken = measured(COPY)
    untaken = replace(untaken, subject=replace(untaken.subject, sample_sha256=()))
    assert judge(untaken, policy(book((0, 0)))).outcome is Outcome.FAIL


def test_an_accepted_match_does_not_hide_another_copy() -> None:
    verdict = judge(measured([[0.9, 0.7, 0.1]]), policy(book((0, 0))))
    assert verdict.outcome is Outcome.FAIL
    assert [(m.row, m.score) for m in verdict.replicated] == [(1, 0.7)]
    text = render(verdict)
    assert text.startswith(
        "1 of 1 samples replicates a training image (worst score 0.700, threshold 0.5), 1 match accepted"
    )
    assert "0.700 (next 0.100)  sample    s0" in text
    assert judge(measured([[0.9, 0.7, 0.1]]), policy(book((0, 0), (0, 1)))).passed


def test_where_all_kept_matches_are_accepted_more_have_to_be_kept() -> None:
    matches = measured([[0.9, 0.7], [0.1, 0.0]])
    with pytest.raises(
        SearchError, match=r"all 2 training images that were kept for s0 are accepted.*top_k="
    ):
        judge(matches, policy(book((0, 0), (0, 1))))
    # An index of two images holds no other.
    assert judge(replace(matches, searched=2), policy(book((0, 0), (0, 1)))).passed
    # What is sure to fail fails.
    failing = measured([[0.9, 0.7], [0.8, 0.0]])
    assert judge(failing, policy(book((0, 0), (0, 1)))).outcome is Outcome.FAIL


def test_an_approximate_engine_that_proposes_no_more_has_not_seen_all() -> None:
    by = SearchedBy("annoy", 0.9995, 0.5, 3000, 0, 0.95)
    with pytest.raises(SearchError, match="keep more"):
        judge(replace(measured([[0.9]], searched=3), by=by), policy(book((0, 0))))


def test_what_has_expired_counts_again_and_says_so() -> None:
    yesterday = book((0, 0), expires=DAY - timedelta(1))
    verdict = judge(measured(COPY), policy(yesterday))
    assert verdict.outcome is Outcome.FAIL
    assert [m.row for m in verdict.expired] == [0]
    assert verdict.accepted == ()
    assert (
        "EXPIRED    accepted until 2026-11-27 and counted again: 0.900  s0 -> /t0 (blank; A, 2026-09-29, until "
        "2026-11-27); look at it again"
    ) in render(verdict)
    assert judge(measured(COPY), policy(book((0, 0), expires=DAY))).passed  # the last day counts


def calibrated(scores: Scores, best: Sequence[float], behind: Sequence[Sequence[float]]) -> Matches:
    p_behind = tuple(map(tuple, behind))
    return replace(measured(scores), p_values=tuple(best), p_behind=p_behind, p_least=0.001)


def test_a_false_discovery_rate_looks_behind_accepted_matches_too() -> None:
    scores = [[0.9, 0.8], [0.7, 0.3], [0.2, 0.1], [0.2, 0.1]]
    fdr = Policy(0.9, fdr=0.1)
    low = calibrated(scores, [0.001, 0.04, 0.5, 0.6], [[0.04], [0.9], [1.0], [1.0]])
    assert [m.sample for m in judge(low, fdr).replicated] == [0, 1]
    # Two are rejected, so the line is 0.1 * 2 / 4: the match behind is below it, and counts.
    verdict = judge(low, replace(fdr, accepted=book((0, 0))))
    assert [(m.sample, m.row) for m in verdict.replicated] == [(0, 1), (1, 0)]
    assert [pair["p_value"] for pair in verdict_data(verdict)["pairs"]] == [0.04, 0.04]
    high = replace(low, p_behind=((0.06,), (0.9,), (1.0,), (1.0,)))
    verdict = judge(high, replace(fdr, accepted=book((0, 0))))
    # What is accepted for one sample moves nothing for another, which still counts.
    assert [(m.sample, m.row) for m in verdict.replicated] == [(1, 0)]
    assert judge(high, replace(fdr, accepted=book((0, 0), (1, 0)))).passed
    unknown = replace(high, p_behind=())
    assert judge(unknown, replace(fdr, accepted=book((0, 0), (1, 0)))).outcome is Outcome.FAIL


def test_a_sample_is_then_in_the_group_of_its_next_match() -> None:
    matches = measured([[0.9, 0.7, 0.1]])
    ((first, second, third),) = matches.of
    second = replace(second, record=replace(second.record, label="cat"))
    matches = replace(matches, of=((first, second, third),))
    for threshold, outcome in ((0.75, Outcome.PASS), (0.65, Outcome.FAIL)):
        groups = GroupThresholds("label", {"cat": threshold}, 0.5)
        assert judge(matches, replace(policy(book((0, 0))), groups=groups)).outcome is outcome


def test_rates_keep_accepted_samples_in_their_number() -> None:
    matches = measured([[0.9, 0.1]] + [[0.1, 0.0]] * 99)
    verdict = judge(matches, policy(book((0, 0)), max_rate=0.05))
    assert verdict.passed
    assert (verdict.rate, verdict.samples) == (0, 100)
    assert judge(matches, policy(NOTHING, max_rate=0.02)).outcome is Outcome.INCONCLUSIVE
    assert verdict.rate_upper == pytest.approx(1 - 0.05 ** (1 / 100))


@settings(deadline=None, max_examples=50)
@given(
    st.lists(st.lists(st.floats(-1, 1), min_size=3, max_size=3), min_size=1, max_size=5),
    st.sets(st.tuples(st.integers(0, 4), st.integers(0, 2))),
    st.sets(st.tuples(st.integers(0, 4), st.integers(0, 2))),
)
def test_accepting_only_ever_takes_away_the_matches_that_are_named(
    scores: list[list[float]], accepted: set[tuple[int, int]], expired: set[tuple[int, int]]
) -> None:
    matches = measured([sorted(found, reverse=True) for found in scores], searched=3)
    day = DAY
    entries = book(*sorted(accepted - expired)).entries
    entries += book(*sorted(expired), expires=DAY - timedelta(1)).entries
    verdict = judge(matches, policy(Accepted(entries, "f", day)))
    in_force = accepted - expired
    left = {
        m.sample
        for found in matches.of
        for m in found
        if m.score >= 0.5 and (m.sample, m.row) not in in_force
    }
    assert {m.sample for m in verdict.replicated} == left
    assert verdict.passed == (not left)
    near = {(m.sample, m.row) for found in matches.of for m in found if m.score >= 0.5}
    assert {(m.sample, m.row) for m in verdict.accepted} == near & in_force
    assert {(m.sample, m.row) for m in verdict.expired} == near & expired
    assert len(verdict.unused) == len((accepted | expired) - near)
    assert unused_entries(matches, Policy(0.9).at(0.5, "x"), Accepted(entries, "f", day)) == verdict.unused
    assert sum(len(reached(matches, policy(NOTHING), s)) for s in range(len(scores))) == len(near)
    assert json.loads(json.dumps(verdict_data(verdict))) == verdict_data(verdict)


def test_what_nothing_in_a_run_needs_is_told_once() -> None:
    rows = [
        verdict_data(judge(measured([[0.9, 0.1]]), policy(book((0, 0), (0, 1), (7, 7))))),
        verdict_data(judge(measured([[0.9, 0.8, 0.1]]), policy(book((0, 0), (0, 1), (7, 7))))),
        verdict_data(judge(measured([[0.1, 0.0]]), policy(NOTHING))),
    ]
    (line,) = unused_in_all(rows)
    assert line.startswith("1 entry of accepted.toml matched nothing in this run, such as s7 -> /t7: stale")
    assert unused_in_all(rows[2:]) == []
    assert unused_in_all([rows[0], {"accepted": None}])[0].startswith("2 entries of accepted.toml")
