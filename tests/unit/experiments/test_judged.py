from __future__ import annotations

import numpy as np
import pytest

from pytest_replication.errors import SettingsError
from pytest_replication.experiments.judged import Asked, Interval, clustered_mean, clustered_rate


def test_bounds_of_an_interval_share_what_its_confidence_leaves() -> None:
    assert Asked(confidence=0.9).one_sided == pytest.approx(0.95)


@pytest.mark.parametrize("given", [{"confidence": 1.0}, {"confidence": float("nan")}, {"training": 0}])
def test_numbers_outside_their_range(given: dict[str, float]) -> None:
    with pytest.raises(SettingsError, match=r"give"):
        Asked(**given)  # type: ignore[arg-type]


def test_a_mean_draws_whole_prompts() -> None:
    rng = np.random.default_rng(0)
    values = np.repeat(rng.normal(0.5, 0.1, 40).round(6), 10)
    prompts = [f"prompt {number}" for number in range(40) for _ in range(10)]
    together = clustered_mean(values, prompts, Asked())
    apart = clustered_mean(values, [str(number) for number in range(400)], Asked())
    assert together is not None
    assert apart is not None
    assert together.value == apart.value == pytest.approx(values.mean())
    assert together.lower is not None
    assert together.upper is not None
    assert apart.lower is not None
    assert apart.upper is not None
    assert together.upper - together.lower > 2 * (apart.upper - apart.lower)


def test_of_one_prompt_there_is_no_interval() -> None:
    assert clustered_mean([1.0, 2.0], ["a", "a"], Asked()) == Interval(1.5, None, None)


def test_of_nothing_there_is_nothing() -> None:
    assert clustered_mean([], [], Asked()) is None
    assert clustered_rate([], [], Asked()) is None


def test_a_rate_over_prompts_is_wider_than_over_samples() -> None:
    hits = [prompt < 20 for prompt in range(40) for _ in range(10)]
    together = clustered_rate(hits, [str(prompt) for prompt in range(40) for _ in range(10)], Asked())
    apart = clustered_rate(hits, [str(sample) for sample in range(400)], Asked())
    assert together is not None
    assert apart is not None
    assert together.value == apart.value == 0.5
    assert together.lower < apart.lower < 0.5 < apart.upper < together.upper  # type: ignore[operator]
