"""Pixel matches and a rule → a verdict about extraction. Pure: nothing is read, searched or shown here."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

from pytest_replication.errors import SampleError, SearchError, SettingsError, UnknownName
from pytest_replication.search.extraction import PixelMatch, PixelMatches
from pytest_replication.stats.intervals import lower_bound, upper_bound
from pytest_replication.verdicts import Outcome

PixelRule = Literal["ratio", "relative", "tiled", "rmse"]
RULES: tuple[str, ...] = get_args(PixelRule)
LIMITS = {
    "relative": (1.0, "default: relative L2 of Carlini et al."),
    "ratio": (1 / 3, "default: nearest over second nearest of Yoon et al."),
    "tiled": (0.15, "default: tiled L2 of Carlini et al., at 512 pixels"),
    "rmse": (0.05, "default: strict end of the range of Carlini et al."),
}
"""Limit of each rule and where it comes from. A ratio has to be below its limit, the others at most it."""


@dataclass(frozen=True, slots=True)
class ExtractionPolicy:
    """What counts as extracted.

    Attributes:
        rule: which distance decides. ``relative`` and ``ratio`` compare with the training images around,
            and hold for small pictures of any kind; ``tiled`` and ``rmse`` are distances as they are.
        limit: an image is extracted whose distance is at most this (below it, for ``ratio``), above 0; for
            all but ``relative`` at most 1.
        limit_source: where it comes from, for people.
        confidence: of the one-sided bounds of the rate, in [0.5, 1).

    Raises:
        UnknownName: there is no such rule.
        SettingsError: a value outside its range.
    """

    rule: PixelRule = "ratio"
    limit: float = 1 / 3
    limit_source: str = "call"
    confidence: float = 0.95

    def __post_init__(self) -> None:
        if self.rule not in RULES:
            raise UnknownName(f"there is no rule {self.rule!r} for pixels: give one of {', '.join(RULES)}")
        # Written so that NaN fails each test.
        if not (0 < self.limit < math.inf and (self.rule == "relative" or self.limit <= 1)):
            most = "" if self.rule == "relative" else " and at most 1"
            raise SettingsError(
                f"a limit of {self.limit} ({self.limit_source}) for {self.rule} can never decide: give a "
                f"number "
                f"above 0{most}, such as {LIMITS[self.rule][0]:.3g}"
            )
        if not 0.5 <= self.confidence < 1:
            raise SettingsError(
                f"confidence {self.confidence} proves nothing: give 0.5 to below 1, such as 0.95"
            )

    @classmethod
    def of(
        cls, rule: str, limit: float | None, source: str = "call", confidence: float = 0.95
    ) -> ExtractionPolicy:
        """A rule, with its default limit where none is given.

        Raises:
            UnknownName: there is no such rule.
            SettingsError: a limit outside its range.
        """
        if rule not in RULES:
            raise UnknownName(f"there is no rule {rule!r} for pixels: give one of {', '.join(RULES)}")
        chosen = LIMITS[rule] if limit is None else (limit, source)
        return cls(rule, *chosen, confidence)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class ExtractionVerdict:
    """What was measured of pixels, what counts as extracted, and what follows.

    Attributes:
        outcome: fail where a sample is extracted; inconclusive where it cannot be told of one; else pass.
        policy: what counts as extracted.
        matches: everything that was measured.
        extracted: matches of the extracted samples, nearest first by the rule.
        undecided: those of samples of which it cannot be told.
        rate_upper: upper Clopper-Pearson bound of the rate of extracted samples, from those that are
            distinct; undecided ones count as extracted.
        rate_lower: lower bound; undecided ones do not count.
    """

    outcome: Outcome
    policy: ExtractionPolicy
    matches: PixelMatches
    extracted: tuple[PixelMatch, ...]
    undecided: tuple[PixelMatch, ...]
    rate_upper: float
    rate_lower: float

    def __bool__(self) -> bool:
        """Refuse: every object is true, so ``assert check_extraction(…)`` would always pass.

        Raises:
            TypeError: always.
        """
        raise TypeError("a verdict is not true or false: ask verdict.passed, or use assert_no_extraction")

    @property
    def passed(self) -> bool:
        """Whether the outcome is a pass; inconclusive is not."""
        return self.outcome is Outcome.PASS

    @property
    def samples(self) -> int:
        """Number of samples."""
        return len(self.matches.of)

    @property
    def closest(self) -> PixelMatch:
        """The match that is nearest by the rule; one that cannot be told comes first."""
        return min(self.matches.of, key=lambda match: _order(match, self.policy))


def distance(match: PixelMatch, rule: str) -> float | None:
    """The distance of a match that a rule decides by; None where it is not known."""
    value: float | None = getattr(match, rule)
    return value


def least(match: PixelMatch, rule: str) -> float | None:
    """What that distance is at least, if all that may be copies of the nearest training image are copies.

    For ``tiled``, over all training images that were not looked at. None where it is not known.
    """
    if rule == "rmse":
        return match.rmse
    return match.tiled_floor if rule == "tiled" else distance(match, f"{rule}_least")


def judge_extraction(matches: PixelMatches, policy: ExtractionPolicy) -> ExtractionVerdict:
    """Judge pixel matches under a rule. Matches can be judged again under another.

    Raises:
        SampleError: there are no samples.
        SearchError: no row was compared, or a distance is not a number.
    """
    _check(matches)
    said = [(match, _is_extracted(match, policy)) for match in matches.of]
    said.sort(key=lambda pair: (_order(pair[0], policy), pair[0].sample))
    extracted = tuple(match for match, answer in said if answer is True)
    undecided = tuple(match for match, answer in said if answer is None)
    n, distinct = len(said), matches.distinct
    most = min(distinct, len(extracted) + len(undecided))
    outcome = Outcome.PASS
    if extracted or undecided:
        outcome = Outcome.FAIL if extracted else Outcome.INCONCLUSIVE
    return ExtractionVerdict(
        outcome,
        policy,
        matches,
        extracted,
        undecided,
        upper_bound(most, distinct, policy.confidence),
        lower_bound(len(extracted) * distinct // n, distinct, policy.confidence),
    )


def _is_extracted(match: PixelMatch, policy: ExtractionPolicy) -> bool | None:
    found = distance(match, policy.rule)
    if found is None:
        return None
    if _within(found, policy):
        return True
    lowest = least(match, policy.rule)
    return None if lowest is None or _within(lowest, policy) else False


def _within(found: float, policy: ExtractionPolicy) -> bool:
    return found < policy.limit or (found == policy.limit and policy.rule != "ratio")


def _order(match: PixelMatch, policy: ExtractionPolicy) -> float:
    found = distance(match, policy.rule)
    return -1.0 if found is None else found


def _check(matches: PixelMatches) -> None:
    if not matches.of or not 1 <= matches.distinct <= len(matches.of):
        raise SampleError("there are no samples: nothing was compared, so nothing can pass")
    if matches.searched < 1:
        raise SearchError("no row of the index was compared, so nothing can pass")
    for match in matches.of:
        values = [match.second, *(measure(match, rule) for rule in RULES for measure in (distance, least))]
        if not all(math.isfinite(value) and value >= 0 for value in values if value is not None):
            raise SearchError(f"sample {match.sample} has no finite distance, so nothing can pass")
