"""How many samples a claim about a rate needs: exact binomial tests, and no approximation.

A check of n samples under a tolerated rate (`judging.judge`) passes with at most *a* hits and fails with
more than *c*: *a* is the largest number whose upper Clopper-Pearson bound is within the limit, *c* the
smallest whose successor has a lower bound beyond it. By the duality of bounds and tests (Clopper and
Pearson, Biometrika 26, 1934) these are the critical values of the two one-sided binomial tests at the
limit. Samples are taken as independent.

The power of a binomial test goes up and down with n, since hits are whole numbers. It grows with n as long
as the critical value stays the same, so that the smallest n is found interval by interval.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass

from pytest_replication.stats.intervals import lower_bound, upper_bound

_MOST = 10**8
"""Largest number of samples that is called feasible."""
_ROUND = 50
"""Numbers of samples that people choose are multiples of this."""
_NEAR = 64
"""Hits around the first that serves which are looked at one by one: rounding blurs it by fewer."""


@dataclass(frozen=True, slots=True)
class Gate:
    """A check of so many samples against a limit.

    Attributes:
        samples: number of samples.
        limit: tolerated rate.
        confidence: of the one-sided bounds.
        passes: most hits with which it passes, -1 where it cannot pass.
        tolerates: most hits with which it does not fail; it cannot fail where that is `samples`.
    """

    samples: int
    limit: float
    confidence: float
    passes: int
    tolerates: int

    @classmethod
    def of(cls, samples: int, limit: float, confidence: float = 0.95) -> Gate:
        """The gate of so many samples.

        Args:
            samples: from 1 on.
            limit: tolerated rate in [0, 1). With 0 one hit fails and none passes.
            confidence: in [0.5, 1).

        Raises:
            ValueError: a number outside its range.
        """
        check_claim(limit, confidence)
        if samples < 1:
            raise ValueError(f"{samples} samples prove nothing")
        if limit == 0:
            return cls(samples, limit, confidence, 0, 0)
        return cls(
            samples,
            limit,
            confidence,
            _passes(samples, limit, confidence),
            _tolerates(samples, limit, confidence),
        )

    def pass_chance(self, rate: float) -> float:
        """Probability that a model of this rate passes."""
        return at_most(self.passes, self.samples, rate)

    def fail_chance(self, rate: float) -> float:
        """Probability that a model of this rate fails."""
        return more_than(self.tolerates, self.samples, rate)


@dataclass(frozen=True, slots=True)
class Needed:
    """How many samples reach a wanted power.

    More of them may have a little less: the power of a binomial test goes up and down with their number.

    Attributes:
        smallest: the smallest number that does.
        rounded: the smallest multiple of 50 that does.
    """

    smallest: int
    rounded: int


def at_most(hits: int, n: int, rate: float) -> float:
    """Probability of at most so many hits among n samples of a rate: the binomial distribution."""
    if hits < 0:
        return 0.0
    if hits >= n or rate == 0:
        return 1.0
    from scipy.special import betainc

    return float(betainc(n - hits, hits + 1, 1 - rate)) if rate < 1 else 0.0


def more_than(hits: int, n: int, rate: float) -> float:
    """Probability of more than so many hits; exact also where it is tiny."""
    if hits < 0:
        return 1.0
    if hits >= n or rate == 0:
        return 0.0
    from scipy.special import betainc

    return float(betainc(hits + 1, n - hits, rate)) if rate < 1 else 1.0


def samples_for_hits(hits: int, limit: float, confidence: float = 0.95) -> int:
    """Smallest number of samples that proves a rate of at most `limit` in spite of so many hits.

    Without hits that is ``log(1 - confidence) / log(1 - limit)``: 299 for 1 % at 95 %.

    Raises:
        ValueError: a number outside its range.
    """
    check_claim(limit, confidence)
    if limit == 0 or hits < 0:
        raise ValueError("no number of samples proves a rate of 0")
    return _first(lambda n: _proves(hits, n, limit, confidence), hits + 1)


def samples_for_failure(rate: float, limit: float, power: float, confidence: float = 0.95) -> Needed | None:
    """Samples with which a model of a rate above the limit fails, with a probability of `power`.

    Args:
        rate: of the model, in (limit, 1].
        limit: tolerated rate, in [0, 1).
        power: wanted probability, in (0, 1).
        confidence: of the bounds; a model at the limit fails with a probability of at most one minus it.

    Returns:
        The numbers, None where no feasible one would do.

    Raises:
        ValueError: a number outside its range.
    """
    check_claim(limit, confidence)
    _check_power(power)
    if not limit < rate <= 1:
        raise ValueError(f"a model of rate {rate} is not beyond a limit of {limit}")

    def span(hits: int) -> tuple[int, int]:
        """Where more than so many hits refute the limit, and a model of that rate has them often enough."""
        start = _first(lambda n: more_than(hits, n, rate) >= power, hits + 1)
        if limit == 0:
            return start, _MOST
        return start, _first(lambda n: not _refutes(hits + 1, n, limit, confidence), hits + 1) - 1

    return _scan(span)


def samples_for_pass(rate: float, limit: float, power: float, confidence: float = 0.95) -> Needed | None:
    """Samples with which a model of a rate below the limit passes, with a probability of `power`.

    Args:
        rate: of the model, in [0, limit).
        limit: tolerated rate, in (0, 1).
        power: wanted probability, in (0, 1).
        confidence: of the bounds; a model at the limit passes with a probability of at most one minus it.

    Returns:
        The numbers, None where no feasible one would do.

    Raises:
        ValueError: a number outside its range.
    """
    check_claim(limit, confidence)
    _check_power(power)
    if not 0 <= rate < limit:
        raise ValueError(f"a model of rate {rate} is not within a limit of {limit}")

    def span(hits: int) -> tuple[int, int]:
        """Where so many hits still prove the limit, and a model of that rate has no more often enough."""
        start = samples_for_hits(hits, limit, confidence)
        if at_most(hits, start, rate) < power:
            return start, start - 1
        return start, _first(lambda n: at_most(hits, n, rate) < power, start + 1) - 1

    return _scan(span)


def check_claim(limit: float, confidence: float) -> None:
    """Refuse a limit or a confidence that `policy.Policy` would refuse.

    Raises:
        ValueError: outside its range.
    """
    if not 0 <= limit < 1:
        raise ValueError(f"limit {limit} must be in [0, 1)")
    if not 0.5 <= confidence < 1:
        raise ValueError(f"confidence {confidence} must be in [0.5, 1)")


def _check_power(power: float) -> None:
    if not 0 < power < 1:
        raise ValueError(f"power {power} must be in (0, 1)")


def _proves(hits: int, n: int, limit: float, confidence: float) -> bool:
    return upper_bound(hits, n, confidence) <= limit


def _refutes(hits: int, n: int, limit: float, confidence: float) -> bool:
    return lower_bound(hits, n, confidence) > limit


def _passes(n: int, limit: float, confidence: float) -> int:
    return _first(lambda hits: hits >= n or not _proves(hits, n, limit, confidence), 0) - 1


def _tolerates(n: int, limit: float, confidence: float) -> int:
    return _first(lambda hits: hits >= n or _refutes(hits + 1, n, limit, confidence), 0)


def _scan(span: Callable[[int], tuple[int, int]]) -> Needed | None:
    """Look through the numbers of hits for the first samples that serve; each has a span of them."""

    def serves(hits: int) -> bool:
        start, end = span(hits)
        return start <= end

    near = max(0, _first(lambda hits: serves(hits) or span(hits)[0] > _MOST, 0) - _NEAR)
    hits = next(hits for hits in itertools.count(near) if serves(hits) or span(hits)[0] > _MOST)
    smallest, _ = span(hits)
    if smallest > _MOST:
        return None
    while (rounded := -(-max(span(hits)[0], smallest) // _ROUND) * _ROUND) > span(hits)[1]:
        hits += 1
    return Needed(smallest, rounded)


def _first(found: Callable[[int], bool], start: int) -> int:
    """Smallest number from `start` on of which it is true, if it stays so; one too many if there is none."""
    if found(start):
        return start
    low, step = start, 1
    while low + step <= _MOST and not found(low + step):
        low, step = low + step, 2 * step
    high = min(low + step, _MOST + 1)
    while high - low > 1:
        middle = (low + high) // 2
        if found(middle):
            high = middle
        else:
            low = middle
    return high
