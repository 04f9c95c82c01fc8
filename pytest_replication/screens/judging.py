"""From scores of prompts to a verdict: conformal p-values against clean prompts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pytest_replication.errors import CalibrationError, ControlFailed, ModelError, SettingsError
from pytest_replication.screen_verdicts import CHECK, ScreenedPrompt, ScreenLine, ScreenRule
from pytest_replication.screens.registry import SCREENS
from pytest_replication.screens.trace import Scores
from pytest_replication.stats.null import Null, needed

PER = ("prompt", "check")
LEAST_FOUND = 0.5
"""Share of known memorised prompts that has to be flagged: a screen that finds fewer is blind here."""


@dataclass(frozen=True, slots=True)
class Calibrated:
    """Screens with what they measured of clean prompts.

    Attributes:
        rule: what flags a prompt.
        rate: false-positive rate of one prompt by one screen.
        nulls: scores of the clean prompts, by the names of the screens.
    """

    rule: ScreenRule
    rate: float
    nulls: Mapping[str, Null]

    def lines(self) -> tuple[ScreenLine, ...]:
        """What each screen flags."""
        return tuple(self._line(name, null) for name, null in self.nulls.items())

    def judge(self, prompts: Sequence[str], scores: Mapping[str, Scores]) -> tuple[ScreenedPrompt, ...]:
        """Say of each prompt whether it is flagged, in the order given.

        One is flagged where a screen gives it a conformal p-value of at most the rate: where its score is
        above that of the k-th highest clean prompt.
        """
        least, flagged = np.ones(len(prompts)), np.zeros(len(prompts), bool)
        for name, null in self.nulls.items():
            found = np.asarray(scores[name], np.float64)
            least = np.minimum(least, null.p_values(found))
            flagged |= found > self._line(name, null).line
        p = np.minimum(1, least * len(self.nulls))
        return tuple(
            ScreenedPrompt(
                prompt, float(p[i]), {name: float(scores[name][i]) for name in self.nulls}, bool(flagged[i])
            )
            for i, prompt in enumerate(prompts)
        )

    def _line(self, name: str, null: Null) -> ScreenLine:
        rank = null.rank(self.rate)
        low, high = null.rate_bounds(self.rate, CHECK)
        ordered = null.scores
        line, highest = float(ordered[len(null) - rank]), float(ordered[-1])
        return ScreenLine(name, line, rank, float(np.median(ordered)), highest, low, high)


def check_rule(rule: ScreenRule) -> None:
    """Refuse a rule that flags nothing or everything.

    Raises:
        SettingsError: so it is.
    """
    if isinstance(rule.fpr, bool) or not isinstance(rule.fpr, (int, float)) or not 0 < rule.fpr <= 0.5:
        raise SettingsError(
            f"fpr is {rule.fpr!r}; expected a share above 0 and at most 0.5, such as 0.01 for 1 %"
        )
    if rule.per not in PER:
        raise SettingsError(f"per is {rule.per!r}; expected {' or '.join(PER)}")


def check_clean(rule: ScreenRule, prompts: int, clean: int) -> None:
    """Refuse clean prompts that are too few for the rate, before the model is asked.

    Raises:
        CalibrationError: they are too few: nothing could be flagged.
    """
    rate = rule.rate(prompts)
    if clean < (enough := needed(rate)):
        share = f"{100 * rule.fpr:g} % a {rule.per}"
        if len(rule.screens) > 1:
            share += f" by {len(rule.screens)} screens"
        raise CalibrationError(
            f"{clean} clean prompts cannot tell a false-positive share of {share}: give {enough} or more, or "
            f"a larger fpr; with so few no prompt could be flagged"
        )


def calibrate(rule: ScreenRule, prompts: int, scores: Mapping[str, Scores], model: str) -> Calibrated:
    """Take scores of clean prompts as what chance brings.

    Raises:
        CalibrationError: they are too few.
            Or a screen gives so many of them its highest score that nothing could be flagged.
        ModelError: a screen gives all of them one score.
    """
    nulls = {name: Null.of(found) for name, found in scores.items()}
    for name, null in nulls.items():
        check_clean(rule, prompts, len(null))
        if null.scores[0] == null.scores[-1] and len(null) > 1:
            raise ModelError(
                f"{name} is {null.scores[0]:g} for all {len(null)} clean prompts: the screen sees nothing of "
                f"the prompt in {model}, so that nothing can be told"
            )
    ready = Calibrated(rule, rule.rate(prompts), nulls)
    for line in ready.lines():
        known = SCREENS.get(line.screen)
        if known is not None and line.line >= known.ceiling:
            raise CalibrationError(
                f"{line.screen} is {line.line:g}, the highest score that there is, for {line.rank} or more "
                f"of {len(nulls[line.screen])} clean prompts in {model}, so that no prompt could be flagged: "
                "take another screen, or clean prompts that the model has not memorised"
            )
    return ready


def chance_of(flagged: int, prompts: int, lines: Sequence[ScreenLine], clean: int) -> float:
    """Probability, at most, that so many clean prompts are flagged, or more.

    By the rank k of its line among H clean prompts, a screen flags a share of new ones that has the
    distribution Beta(k, H + 1 - k), so that of n it flags a beta-binomial number. Where several screens
    flag x together, one of S flags x / S or more: their probabilities are added up.

    Args:
        flagged: prompts that were flagged.
        prompts: that were screened.
        lines: one a screen.
        clean: clean prompts.
    """
    from scipy.stats import betabinom

    if flagged == 0:
        return 1.0
    each = -(-flagged // len(lines))
    parts = (betabinom.sf(each - 1, prompts, line.rank, clean + 1 - line.rank) for line in lines)
    return min(1.0, float(sum(parts)))


def check_control(found: Sequence[ScreenedPrompt]) -> int:
    """Count the known memorised prompts that are flagged.

    Raises:
        ControlFailed: they are fewer than half.
    """
    flagged = sum(prompt.flagged for prompt in found)
    if found and flagged < LEAST_FOUND * len(found):
        missed = next(prompt.prompt for prompt in found if not prompt.flagged)
        raise ControlFailed(
            f"only {flagged} of {len(found)} known memorised prompts are flagged (missed: {missed!r}): a "
            "screen that overlooks these overlooks others; take another screen, more seeds or cleaner clean "
            "prompts, or give no control prompts"
        )
    return flagged
