"""The verdict of a screen: which prompts behave as memorised ones do. It is about prompts, not copies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pytest_replication.verdicts import Outcome

CHECK = 0.95
"""Confidence of all bounds in a verdict."""


@dataclass(frozen=True, slots=True)
class ScreenRule:
    """What flags a prompt.

    Attributes:
        screens: names of the screens, whose false alarms are shared out among them (Bonferroni).
        fpr: share of clean prompts that may be flagged, in (0, 0.5].
        per: ``prompt`` where that is the rate of one prompt; ``check`` where it is the probability that any
            of the prompts of a check is flagged although all are clean.
    """

    screens: tuple[str, ...]
    fpr: float = 0.01
    per: str = "prompt"

    def rate(self, prompts: int) -> float:
        """False-positive rate of one prompt by one screen, in a check of so many prompts."""
        return self.fpr / len(self.screens) / (prompts if self.per == "check" else 1)


@dataclass(frozen=True, slots=True)
class ScreenLine:
    """What one screen measured of the clean prompts.

    Attributes:
        screen: its name.
        line: score that a flagged prompt exceeds: that of the k-th highest of the clean prompts.
        rank: that k.
        middle: median score of the clean prompts.
        highest: their highest score.
        rate_lower: lower bound of the share of such clean prompts that exceeds the line.
        rate_upper: upper bound.
    """

    screen: str
    line: float
    rank: int
    middle: float
    highest: float
    rate_lower: float
    rate_upper: float


@dataclass(frozen=True, slots=True)
class ScreenedPrompt:
    """One prompt.

    Attributes:
        prompt: the text.
        p: conformal p-value, the smallest of all screens times their number, at most 1.
        scores: by the names of the screens.
        flagged: whether it behaves as memorised prompts do.
    """

    prompt: str
    p: float
    scores: Mapping[str, float]
    flagged: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ScreenVerdict:
    """What was measured of some prompts, and what follows.

    Attributes:
        outcome: pass where no prompt is flagged, else fail. A pass is no proof that nothing is copied.
        rule: what flags a prompt.
        model: name of the model.
        fingerprint: sha256 of its weights and options; None where it is not known.
        prompts: those that were screened, the smallest p-value first.
        source: where they come from.
        clean: number of clean prompts.
        clean_source: where they come from.
        lines: what flags, one a screen.
        expected: flagged prompts that chance brings on average, if all are clean (at most).
        chance: probability that chance flags as many as were flagged, or more (at most).
        share_upper: upper bound of the share of such prompts that would be flagged.
        share_lower: lower bound.
        control: known memorised prompts; 0 where none were given.
        control_found: those of them that are flagged.
        settings: how it was measured, in words.
        notes: what a reader has to know to weigh it.
        check: what reports call it.
    """

    outcome: Outcome
    rule: ScreenRule
    model: str
    fingerprint: str | None
    prompts: tuple[ScreenedPrompt, ...]
    source: str
    clean: int
    clean_source: str
    lines: tuple[ScreenLine, ...]
    expected: float
    chance: float
    share_upper: float
    share_lower: float
    control: int = 0
    control_found: int = 0
    settings: str = ""
    notes: tuple[str, ...] = ()
    check: str = ""

    def __bool__(self) -> bool:
        """Refuse: every object is true, so that ``assert`` on a verdict would always pass.

        Raises:
            TypeError: always.
        """
        raise TypeError(
            "a verdict is not true or false: ask verdict.passed, or use assert_prompts_not_memorized"
        )

    @property
    def passed(self) -> bool:
        """Whether the outcome is a pass."""
        return self.outcome is Outcome.PASS

    @property
    def flagged(self) -> tuple[ScreenedPrompt, ...]:
        """The prompts that behave as memorised ones do, the smallest p-value first."""
        return tuple(prompt for prompt in self.prompts if prompt.flagged)
