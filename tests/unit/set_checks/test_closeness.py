from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from pytest_replication import Outcome
from pytest_replication.errors import SampleError, SearchError, SettingsError
from pytest_replication.search import Subject
from pytest_replication.set_checks.closeness import judge_closeness
from pytest_replication.set_checks.holdout import HoldoutRule, HoldoutScores
from pytest_replication.set_verdicts import Finding, HoldoutVerdict, overall

RULE = HoldoutRule()


def judged(
    scores: np.ndarray,
    null: np.ndarray,
    rule: HoldoutRule = RULE,
    distinct: int = 0,
    prompts: tuple[str, ...] = (),
) -> HoldoutVerdict:
    subject = Subject(
        tuple(f"s{i}" for i in range(len(scores))),
        "out",
        "index",
        0,
        "f",
        "toy",
        "p",
        None,
        distinct=distinct,
        prompts=prompts,
    )
    return judge_closeness(scores, HoldoutScores(null, "holdout"), rule, subject, 10, ())


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_sets_of_one_distribution_pass(rng: np.random.Generator) -> None:
    verdict = judged(rng.normal(0.3, 0.05, 200), rng.normal(0.3, 0.05, 200))
    assert verdict.passed
    assert verdict.story.startswith("200 samples are not closer")
    assert [finding.outcome for finding in verdict.findings] == [Outcome.PASS, Outcome.PASS]


def test_a_shift_of_all_fails(rng: np.random.Generator) -> None:
    verdict = judged(rng.normal(0.33, 0.05, 200), rng.normal(0.3, 0.05, 200))
    assert verdict.outcome is Outcome.FAIL
    assert verdict.shift.superiority > 0.6


def test_a_few_copies_fail_by_the_tail_alone(rng: np.random.Generator) -> None:
    scores = rng.normal(0.29, 0.05, 300)
    scores[:40] = 0.9
    verdict = judged(scores, rng.normal(0.3, 0.05, 300))
    assert [finding.outcome for finding in verdict.findings] == [Outcome.PASS, Outcome.FAIL]
    assert verdict.outcome is Outcome.FAIL


def test_samples_that_are_farther_pass(rng: np.random.Generator) -> None:
    assert judged(rng.normal(0.2, 0.05, 200), rng.normal(0.3, 0.05, 200)).passed


@pytest.mark.parametrize(("n", "m"), [(1, 500), (500, 1), (60, 60), (130, 100)])
def test_sets_that_are_too_small_cannot_pass(rng: np.random.Generator, n: int, m: int) -> None:
    verdict = judged(rng.normal(0.3, 0.05, n), rng.normal(0.3, 0.05, m))
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert f"; {n} and {m} were given" in verdict.to_settle


def test_small_sets_can_fail(rng: np.random.Generator) -> None:
    assert (
        judged(np.full(30, 0.9) + rng.normal(0, 0.01, 30), rng.normal(0.3, 0.05, 60)).outcome is Outcome.FAIL
    )


def test_one_image_again_and_again_does_not_pass(rng: np.random.Generator) -> None:
    scores = np.full(1000, 0.25)
    assert judged(scores, rng.normal(0.3, 0.05, 300), distinct=1).outcome is Outcome.INCONCLUSIVE


def test_a_few_prompts_are_no_false_alarm_and_no_pass(rng: np.random.Generator) -> None:
    """Each prompt has a level of its own: taken as independent, samples of ten would fail nearly always."""
    prompts, failed = tuple(f"p{i // 30}" for i in range(300)), 0
    for _ in range(40):
        scores = np.repeat(rng.normal(0.3, 0.05, 10), 30) + rng.normal(0, 0.001, 300)
        verdict = judged(scores, rng.normal(0.3, 0.05, 300), prompts=prompts)
        assert not verdict.passed
        failed += verdict.outcome is Outcome.FAIL
        assert verdict.shift.samples == verdict.tail.samples == 10
    assert failed <= 5


def test_what_only_samples_of_shared_prompts_show_does_not_pass(rng: np.random.Generator) -> None:
    prompts = tuple(f"p{i // 2}" for i in range(600))
    scores, null = rng.normal(0.3, 0.05, 600), rng.normal(0.3, 0.05, 300)
    assert judged(scores, null, prompts=prompts).passed
    scores[:100] = 0.9
    assert judged(scores, null, prompts=prompts).outcome is Outcome.FAIL
    found = judged(scores, null, prompts=prompts).findings
    drawn, together = min(found[0].p or 0, found[1].p or 0), found[2].p or 0
    assert 0 < together < drawn / 100
    between = replace(RULE, alpha=float(np.sqrt(together * drawn)), detect=0.9)
    verdict = judged(scores, null, between, prompts=prompts)
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert verdict.findings[-1].outcome is Outcome.INCONCLUSIVE
    assert "600 samples share 300 prompts, of each of which one is tested" in verdict.findings[-1].said


def test_the_two_tests_share_alpha(rng: np.random.Generator) -> None:
    verdict = judged(rng.normal(0.309, 0.05, 200), rng.normal(0.3, 0.05, 200))
    lowest = min(verdict.shift.p, verdict.tail.p)
    assert min(finding.p or 0 for finding in verdict.findings) == pytest.approx(2 * lowest)
    just = replace(RULE, alpha=1.5 * lowest)
    assert judged(rng.normal(0.309, 0.05, 200), rng.normal(0.3, 0.05, 200), just).alpha == just.alpha


@pytest.mark.parametrize("bad", [[math.nan] * 200, [], [0.3] * 200])
def test_scores_that_tell_nothing_are_refused(bad: list[float]) -> None:
    with pytest.raises(SampleError, match="cannot be compared"):
        judged(np.array(bad), np.full(200, 0.3))


@pytest.mark.parametrize(
    "rule",
    [
        HoldoutRule(alpha=0.0),
        HoldoutRule(alpha=math.nan),
        HoldoutRule(level=1.0),
        HoldoutRule(detect=0.5),
        HoldoutRule(copies=math.nan),
        HoldoutRule(max_copied=math.nan),
        HoldoutRule(max_copied=1.1),
    ],
)
def test_rules_that_decide_nothing_are_refused(rule: HoldoutRule) -> None:
    with pytest.raises(SettingsError):
        rule.check()


def test_findings_that_are_no_numbers_are_refused() -> None:
    with pytest.raises(SearchError, match="came to nan"):
        Finding("x", "said", Outcome.PASS, math.nan)
    with pytest.raises(SearchError, match="nothing was tested"):
        overall([Finding("x", "said")])
