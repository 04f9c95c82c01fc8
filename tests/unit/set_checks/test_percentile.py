from __future__ import annotations

import math

import numpy as np
import pytest

from pytest_replication import Inconclusive, Index, Outcome, ReplicationDetected, assert_percentile_below
from pytest_replication.errors import SampleError, SearchError, SettingsError
from pytest_replication.search import Subject
from pytest_replication.set_checks.percentile import judge_percentile
from pytest_replication.set_verdicts import PercentileVerdict
from pytest_replication.stats.intervals import samples_to_prove

from .conftest import Many


def judged(scores: list[float], value: float, distinct: int = 0) -> PercentileVerdict:
    names = tuple(f"s{i}" for i in range(len(scores)))
    subject = Subject(names, "out", "index", 0, "f", "toy", "p", None, distinct=distinct)
    return judge_percentile(np.array(scores), 95, value, 0.95, subject, 10)


@pytest.mark.parametrize(
    ("high", "outcome"), [(0, Outcome.PASS), (1, Outcome.PASS), (7, Outcome.INCONCLUSIVE), (20, Outcome.FAIL)]
)
def test_every_outcome(high: int, outcome: Outcome) -> None:
    verdict = judged([0.9] * high + [0.1] * (100 - high), 0.5)
    assert verdict.outcome is outcome
    assert (verdict.to_settle != "") == (outcome is Outcome.INCONCLUSIVE)
    said = {Outcome.PASS: ": below 0.5", Outcome.FAIL: ": not below 0.5"}
    assert verdict.story.endswith(said.get(outcome, "; it has to be below 0.5"))
    assert verdict.story.startswith("inconclusive: ") == (outcome is Outcome.INCONCLUSIVE)


def test_so_few_samples_prove_nothing() -> None:
    few = judged([0.1] * 58, 0.5)
    assert (few.outcome, few.bounds.upper) == (Outcome.INCONCLUSIVE, None)
    assert "about 59 independent samples" in few.to_settle
    assert judged([0.1] * 59, 0.5).passed
    assert judged([0.1] * 1, 0.5).outcome is Outcome.INCONCLUSIVE


def test_one_image_again_and_again_proves_nothing() -> None:
    assert judged([0.1] * 500, 0.5, distinct=1).outcome is Outcome.INCONCLUSIVE


def test_an_image_given_many_times_does_not_push_others_out_of_sight() -> None:
    """Of 300 distinct images 80 reach the value, which are few among 3,000 samples."""
    scores = np.concatenate([np.full(2701, 0.1), np.full(80, 0.9), np.full(219, 0.1)])
    names, first = tuple(f"s{i}" for i in range(3000)), np.r_[0, 2701:3000]
    subject = Subject(names, "out", "index", 0, "f", "toy", "p", None, distinct=300)
    assert judge_percentile(scores, 95, 0.5, 0.95, subject, 10, (), first).outcome is Outcome.INCONCLUSIVE
    scores[2701:2781] = 0.1
    assert judge_percentile(scores, 95, 0.5, 0.95, subject, 10, (), first).passed


def test_an_image_given_many_times_hides_nothing_from_the_assertion(made_up: Index, many: Many) -> None:
    samples = many(2000, 1) * 501 + many(2001, 93) + many(0, 6)
    with pytest.raises(Inconclusive):
        assert_percentile_below(samples, 95, 0.99, index=made_up)


def of_prompts(scores: np.ndarray, sizes: list[int]) -> PercentileVerdict:
    told = tuple(f"p{i}" for i, size in enumerate(sizes) for _ in range(size))
    names = tuple(f"s{i}" for i in range(len(scores)))
    subject = Subject(names, "out", "index", 0, "f", "toy", "p", None, prompts=told)
    return judge_percentile(scores, 95, 0.5, 0.95, subject, 10)


def test_samples_of_one_prompt_prove_little() -> None:
    for prompts, outcome in ((58, Outcome.INCONCLUSIVE), (59, Outcome.PASS)):
        assert of_prompts(np.full(2 * prompts, 0.1), [2] * prompts).outcome is outcome


def test_a_prompt_of_most_samples_proves_nothing_of_the_others() -> None:
    low = np.concatenate([np.full(2701, 0.1), np.full(79, 0.9), np.full(220, 0.1)])
    assert of_prompts(low, [2701] + [1] * 299).outcome is Outcome.INCONCLUSIVE


def test_a_prompt_of_many_samples_fails_by_the_lowest_that_may_be_the_percentile() -> None:
    """Of samples that are worth one, the lowest bounds a percentile from below, and the highest does not."""
    scores = np.concatenate([np.full(2700, 0.1), np.full(300, 0.9)])
    verdict = of_prompts(scores, [2701] + [1] * 299)
    assert (verdict.outcome, verdict.bounds.lower, verdict.bounds.upper) == (Outcome.INCONCLUSIVE, 0.1, None)


def test_gates_over_few_prompts_are_no_more_wrong_than_promised() -> None:
    """Five levels of 60 samples each, whose 95th percentile over all prompts is the value."""
    rng = np.random.default_rng(0)
    levels = 0.5 - 0.1 * 1.645 + rng.normal(0, 0.1, (100, 5))
    scores = np.repeat(levels, 60, axis=1) + rng.normal(0, 0.001, (100, 300))
    assert not any(of_prompts(row, [60] * 5).passed for row in scores)


def test_a_percentile_at_the_value_is_not_below_it() -> None:
    assert judged([0.5] * 100, 0.5).outcome is Outcome.FAIL
    assert judged([0.5] * 100, math.nextafter(0.5, 1)).passed


def test_what_would_settle_it_is_told() -> None:
    verdict = judged([0.9] * 2 + [0.1] * 98, 0.5)
    assert f"about {samples_to_prove(0.02, 0.05)} independent samples" in verdict.to_settle
    assert "no feasible number" in judged([0.9] * 5 + [0.1] * 95, 0.5).to_settle


def test_the_assertion(made_up: Index, many: Many) -> None:
    verdict = assert_percentile_below(many(2000, 80), 95, 0.9, index=made_up)
    assert verdict.bounds.upper is not None
    assert verdict.bounds.upper < 0.9
    with pytest.raises(ReplicationDetected, match="not below 0.9"):
        assert_percentile_below(many(0, 80), 95, 0.9, index=made_up)
    with pytest.raises(Inconclusive, match="inconclusive"):
        assert_percentile_below(many(2000, 5), 95, 0.9, index=made_up)
    with pytest.raises(SampleError, match="holds no samples"):
        assert_percentile_below([], 95, 0.9, index=made_up)


@pytest.mark.parametrize(
    ("percentile", "value", "confidence", "message"),
    [
        (0.95, 0.5, 0.95, "^percentile 0.95: give 1 to below 100"),
        (100, 0.5, 0.95, "^percentile 100: give 1 to below 100"),
        (math.nan, 0.5, 0.95, "^percentile nan: give 1 to below 100"),
        (95, math.nan, 0.95, "^value nan is no score"),
        (95, 1.5, 0.95, "^value 1.5 is no score"),
        (95, 0.5, 1, "^confidence 1 proves nothing"),
    ],
)
def test_settings_that_decide_nothing_are_refused(
    made_up: Index, many: Many, percentile: float, value: float, confidence: float, message: str
) -> None:
    with pytest.raises(SettingsError, match=message):
        assert_percentile_below(many(2000, 2), percentile, value, confidence=confidence, index=made_up)


def test_scores_that_are_no_numbers_are_refused(
    made_up: Index, many: Many, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pytest_replication.search import exact

    monkeypatch.setattr(exact, "tidy", lambda scores: scores * np.nan)
    with pytest.raises(SearchError, match="a score is missing or not finite"):
        assert_percentile_below(many(2000, 80), 95, 0.9, index=made_up)
