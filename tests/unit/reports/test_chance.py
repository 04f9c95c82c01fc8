"""What chance brings at a calibrated threshold is told; it changes no verdict but the samples that would settle it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pytest_replication.index import Record
from pytest_replication.judging import judge
from pytest_replication.policy import Policy
from pytest_replication.reports.data import verdict_data
from pytest_replication.reports.text import render
from pytest_replication.reports.warnings import warnings
from pytest_replication.search import Match, Matches, Subject
from pytest_replication.verdicts import Outcome, Verdict


def verdict(k: int, n: int, policy: Policy) -> Verdict:
    record = Record("t", "/t", "s", 1, 1)
    subject = Subject(tuple(f"s{i}" for i in range(n)), "test", "fidx", 0, "f", "toy", "p", None)
    scores = [0.9] * k + [0.1] * (n - k)
    of = tuple((Match(i, score, 0, record, "whole", "whole"),) for i, score in enumerate(scores))
    return judge(Matches(of, 10, subject), policy)


@pytest.mark.parametrize(
    ("k", "policy", "usual"),
    [
        (2, Policy(0.5, false_rate=0.01), True),
        (6, Policy(0.5, false_rate=0.01), True),  # 8 % of gates of 300 have as many
        (7, Policy(0.5, false_rate=0.01), False),  # 3 %
        (2, Policy(0.5), False),  # nothing is known
    ],
)
def test_as_many_as_chance_brings_fail_and_are_told(k: int, policy: Policy, usual: bool) -> None:
    found = verdict(k, 300, policy)
    text = render(found)
    assert found.outcome is Outcome.FAIL
    assert (f"{k} is not more than chance brings" in text) is usual
    for way in ("--max-rate", "--fdr", "calibrate fidx --samples 300"):
        assert (way in text) is usual


def test_the_chance_of_as_many_is_exact() -> None:
    assert verdict_data(verdict(1, 2, Policy(0.5, false_rate=0.1)))["chance_of_as_many"] == pytest.approx(
        0.19
    )
    assert verdict_data(verdict(0, 2, Policy(0.5, false_rate=0.1)))["chance_of_as_many"] == 1
    assert verdict_data(verdict(1, 2, Policy(0.5)))["chance_of_as_many"] is None


@pytest.mark.parametrize(("rate", "hopeless"), [(0.0099, True), (0.02, True), (0.002, False), (None, False)])
def test_no_number_of_samples_is_promised_where_innocent_ones_reach_the_limit(
    rate: float | None, hopeless: bool
) -> None:
    found = verdict(1, 300, Policy(0.5, max_rate=0.01, false_rate=rate))
    said = "no number of samples is likely to let a model pass"
    assert found.outcome is Outcome.INCONCLUSIVE
    assert (found.needed is None) is hopeless
    assert any(said in line for line in warnings(verdict_data(found))) is hopeless
    assert ("to settle  more samples will not" in render(found)) is hopeless


def test_a_pass_is_not_warned_of() -> None:
    found = verdict(0, 300, Policy(0.5, max_rate=0.01, false_rate=0.01))
    assert found.passed
    assert "no number of samples" not in render(found)


@pytest.mark.parametrize(("gate", "told"), [(1, False), (10, True), (300, False), (400, False)])
def test_a_gate_larger_than_the_calibrated_one_is_told(gate: int, told: bool) -> None:
    said = f"calibrated for gates of {gate} samples; this one has 300"
    assert (said in render(verdict(0, 300, Policy(0.5, gate=gate)))) is told


@pytest.mark.parametrize(
    ("limit", "false_rate", "told"),
    [(0.75, 0.005, False), (0.02, 0.005, True), (0.01, 0.0001, True), (0.05, 0.0001, False)],
)
def test_a_gate_that_tolerates_what_chance_brings_is_not_warned_of(
    limit: float, false_rate: float, told: bool
) -> None:
    policy = Policy(0.5, gate=20, max_rate=limit, false_rate=false_rate)
    assert ("calibrated for gates of 20" in render(verdict(0, 300, policy))) is told


def test_whether_a_gate_is_larger_is_part_of_the_results_of_a_check() -> None:
    data = verdict_data(verdict(0, 300, Policy(0.5, gate=20, max_rate=0.75, false_rate=0.005)))
    assert (data["beyond_gate"], data["calibrated_gate"]) == (False, 20)
    assert not any("calibrated for gates" in said for said in warnings(data))
    del data["beyond_gate"]  # results of an earlier version
    assert any("calibrated for gates of 20" in said for said in warnings(data))


@pytest.mark.parametrize(
    ("policy", "beyond"),
    [
        (Policy(0.5, gate=20, max_rate=0.05), True),  # nobody knows how often innocent samples are flagged
        (Policy(0.5, gate=20, max_rate=0.05, false_rate=0.0001, per="prompt"), True),
        (Policy(0.5, gate=20, max_rate=0.05, false_rate=0.0001), False),
        (Policy(0.5, gate=20, max_rate=0.05, false_rate=0.0001, confidence=0.999), False),
        (Policy(0.5, gate=20, max_rate=0.01, false_rate=0.0001, confidence=0.999), True),  # no hit passes
    ],
)
def test_what_is_tolerated_makes_up_for_a_larger_gate(policy: Policy, beyond: bool) -> None:
    assert replace(verdict(0, 300, Policy(0.5)), policy=policy).beyond_gate is beyond


def test_another_threshold_is_calibrated_for_no_gate() -> None:
    assert Policy(0.5, gate=10).at(0.6, "call").gate == 1
