"""A plan, as plain data: what a number of samples can prove, and how many a claim needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pytest_replication.errors import SettingsError
from pytest_replication.stats.flags import (
    false_flags,
    flagged_rate,
    fpr_for_gate,
    holdout_for_fdr,
    holdout_for_fpr,
)
from pytest_replication.stats.intervals import upper_bound
from pytest_replication.stats.power import (
    Gate,
    Needed,
    samples_for_failure,
    samples_for_hits,
    samples_for_pass,
)

USUAL = (50, 100, 200, 300, 500, 1000, 3000, 5000, 9000)
"""Numbers of samples that every table shows."""
_HITS = (0, 1, 2, 5)


@dataclass(frozen=True, slots=True)
class Question:
    """What is planned.

    Attributes:
        max_rate: tolerated rate of the check, in [0, 1).
        model_rate: rate of copies that the model may have, in [0, 1]; None to leave it open.
        power: wanted probability that the check settles it, in (0, 1).
        confidence: of the bounds, in [0.5, 1).
        samples: their number, None to find it.
        fpr: share of innocent samples that the threshold flags, in [0, 1).
        recall: share of copies that it flags, in (0, 1].
        fdr: false discovery rate, in (0, 1), None for a threshold.

    Raises:
        SettingsError: a value outside its range, or nothing is asked.
    """

    max_rate: float = 0.0
    model_rate: float | None = None
    power: float = 0.9
    confidence: float = 0.95
    samples: int | None = None
    fpr: float = 0.0
    recall: float = 1.0
    fdr: float | None = None

    def __post_init__(self) -> None:
        # Written so that NaN fails each test.
        ranges = (
            ("--max-rate", 0 <= self.max_rate < 1, "a share from 0 to below 1 (5 % is 0.05)"),
            ("--model-rate", self.model_rate is None or 0 <= self.model_rate <= 1, "a share from 0 to 1"),
            ("--power", 0 < self.power < 1, "a probability between 0 and 1"),
            ("--confidence", 0.5 <= self.confidence < 1, "0.5 to below 1, such as 0.95"),
            (
                "--samples",
                self.samples is None or 1 <= self.samples <= 10**8,
                "a number from 1 to 100,000,000",
            ),
            ("--fpr", 0 <= self.fpr < 1, "a share from 0 to below 1"),
            ("--recall", 0 < self.recall <= 1, "a share above 0 and at most 1"),
            ("--fdr", self.fdr is None or 0 < self.fdr < 1, "a share between 0 and 1"),
        )
        for option, fits, wanted in ranges:
            if not fits:
                value = getattr(self, option[2:].replace("-", "_"))
                raise SettingsError(f"{option} {value} cannot be planned with: give {wanted}")
        if self.samples is None and self.max_rate == 0 and not self.model_rate:
            raise SettingsError(
                "nothing to plan: give the claim (--max-rate), a rate that has to be noticed (--model-rate), "
                "or a number of samples (--samples)"
            )
        if self.model_rate is not None and self.flagged == self.max_rate and self.samples is None:
            raise SettingsError(
                f"a model of rate {self.model_rate:g} is at the limit: no number of samples tells them apart"
            )

    @property
    def flagged(self) -> float | None:
        """Rate of flagged samples of the model: that of copies as the detector sees it."""
        return None if self.model_rate is None else flagged_rate(self.model_rate, self.fpr, self.recall)


def plan_data(question: Question) -> dict[str, Any]:
    """Answer a question with plain data.

    Raises:
        SettingsError: no feasible number of samples would do.
    """
    needed = _needed(question)
    samples = question.samples or (needed.rounded if needed else _proving(question))
    return {
        "max_rate": question.max_rate,
        "model_rate": question.model_rate,
        "flagged_rate": question.flagged,
        "power": question.power,
        "confidence": question.confidence,
        "fpr": question.fpr,
        "recall": question.recall,
        "fdr": question.fdr,
        "samples": samples,
        "samples_smallest": needed.smallest if needed else None,
        "samples_rounded": needed.rounded if needed else None,
        "check": gate_data(question, samples),
        "proves": [
            [hits, upper_bound(hits, samples, question.confidence)] for hits in _HITS if hits < samples
        ],
        "needed_for_hits": _for_hits(question),
        "curve": [gate_data(question, n) for n in sorted({*USUAL, samples})],
        "detector": _detector(question, samples),
        "holdout": _holdout(question, samples),
    }


def gate_data(question: Question, samples: int) -> dict[str, Any]:
    """A check of so many samples, and what becomes of the model in it."""
    gate = Gate.of(samples, question.max_rate, question.confidence)
    rate = question.flagged
    passes = None if rate is None else gate.pass_chance(rate)
    fails = None if rate is None else gate.fail_chance(rate)
    return {
        "samples": samples,
        "proved_without_hits": upper_bound(0, samples, question.confidence),
        "passes_with": gate.passes if gate.passes >= 0 else None,
        "fails_from": gate.tolerates + 1 if gate.tolerates < samples else None,
        "pass_chance": passes,
        "fail_chance": fails,
        "inconclusive_chance": None if passes is None or fails is None else _rest(passes, fails),
        "false_alarm": gate.fail_chance(question.max_rate),
    }


def _rest(passes: float, fails: float) -> float:
    rest = 1 - passes - fails
    return rest if rest > 1e-12 else 0.0


def _needed(question: Question) -> Needed | None:
    rate, limit = question.flagged, question.max_rate
    if rate is None or rate == limit:
        return None
    ask = samples_for_failure if rate > limit else samples_for_pass
    found = ask(rate, limit, question.power, question.confidence)
    if found is None and question.samples is None:
        raise SettingsError(
            f"rates of {rate:g} and {limit:g} are so close that no feasible number of samples tells them "
            "apart: ask for less --power or --confidence, or plan for a rate further from the limit"
        )
    return found


def _proving(question: Question) -> int:
    return samples_for_hits(0, question.max_rate, question.confidence)


def _for_hits(question: Question) -> list[list[int]]:
    if question.max_rate == 0:
        return []
    return [[hits, samples_for_hits(hits, question.max_rate, question.confidence)] for hits in _HITS]


def _detector(question: Question, samples: int) -> dict[str, float] | None:
    if not question.fpr:
        return None
    expected, one = false_flags(samples, question.fpr)
    innocent = Gate.of(samples, question.max_rate, question.confidence)
    return {
        "false_flags": expected,
        "any_false_flag_chance": one,
        "innocent_pass_chance": innocent.pass_chance(question.fpr),
        "innocent_fail_chance": innocent.fail_chance(question.fpr),
        "fpr_for_gate": fpr_for_gate(samples, 1 - question.confidence),
    }


def _holdout(question: Question, samples: int) -> dict[str, int] | None:
    found: dict[str, int] = {}
    if question.fpr:
        found["fpr"] = holdout_for_fpr(question.fpr)
        found["fpr_proved"] = holdout_for_fpr(question.fpr, question.confidence)
        found["gate"] = holdout_for_fpr(fpr_for_gate(samples, 1 - question.confidence))
    if question.fdr is not None:
        found["fdr"] = holdout_for_fdr(question.fdr, samples)
    return found or None
