"""Replicated samples, counted: by sample, by prompt, by training image; and the bounds of their rate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pytest_replication.errors import SettingsError
from pytest_replication.prompts.base import plain
from pytest_replication.search.match import Match
from pytest_replication.search.matches import Matches
from pytest_replication.stats.bootstrap import clustered_bounds
from pytest_replication.stats.intervals import lower_bound, samples_to_prove, upper_bound

PER = ("sample", "prompt")
"""What a rate may count."""


@dataclass(frozen=True, slots=True)
class Tally:
    """How many of what was replicated.

    Attributes:
        samples: number of samples.
        replicated: those that are replicated.
        prompts: number of distinct prompts, 0 where they are not known.
        replicated_prompts: those of which one sample or more is replicated.
        training_images: distinct training images that were replicated. Duplicates of one image count
            once where the index knows them.
        largest: replicated samples of the training image that has most of them.
    """

    samples: int
    replicated: int
    prompts: int
    replicated_prompts: int
    training_images: int
    largest: int

    @property
    def clustered(self) -> bool:
        """Whether several samples share a prompt, so that they are not independent."""
        return 0 < self.prompts < self.samples

    def of(self, per: str) -> tuple[int, int]:
        """Hits and number of what a rate counts: ``sample`` or ``prompt``."""
        if per == "prompt":
            return self.replicated_prompts, self.prompts
        return self.replicated, self.samples


@dataclass(frozen=True, slots=True)
class Bounds:
    """One-sided bounds of a rate.

    Attributes:
        lower: lower bound.
        upper: upper bound.
        worth: share of what was counted that is independent evidence, above 0 and at most 1.
    """

    lower: float
    upper: float
    worth: float = 1.0

    def needed(self, rate: float, limit: float, confidence: float) -> int | None:
        """How many would put a limit outside the bounds, if hits go on at a rate; None if no number would."""
        independent = samples_to_prove(rate, limit, confidence)
        return None if independent is None else round(independent / self.worth)


def tally(matches: Matches, hits: Sequence[Match]) -> Tally:
    """Count what was replicated.

    Args:
        matches: everything that was measured.
        hits: best matches of the replicated samples.
    """
    prompts = _told_apart(matches.subject.prompts)
    images: dict[int, int] = {}
    for match in hits:
        key = match.row if match.leader is None else match.leader
        images[key] = images.get(key, 0) + 1
    hit = {prompts[match.sample] for match in hits} if prompts else set()
    return Tally(
        len(matches.of), len(hits), len(set(prompts)), len(hit), len(images), max(images.values(), default=0)
    )


def bounds(matches: Matches, hits: Sequence[Match], per: str, confidence: float) -> Bounds:
    """Bound the rate of replicated samples, or of prompts with one.

    By Clopper and Pearson from the number of distinct samples: one image given again and again is one
    observation. Where a prompt has several samples, the bounds of the rate by sample are no narrower
    than those over whole prompts.

    Raises:
        SettingsError: a rate by prompt is wanted, and the samples carry no prompts.
    """
    if per == "prompt" and not matches.subject.prompts:
        raise SettingsError(
            f"a rate per prompt is wanted, but the samples of {matches.subject.source} carry no prompts: "
            "give Samples.of(images, prompts=[…]), one a sample"
        )
    counted = tally(matches, hits)
    k, n = counted.of(per)
    distinct = min(n, matches.subject.distinct or n)
    upper = upper_bound(min(k, distinct), distinct, confidence)
    lower = lower_bound(k * distinct // n, distinct, confidence)
    if per == "prompt" or not counted.clustered:
        return Bounds(lower, upper, distinct / n)
    found = _by_prompt(_told_apart(matches.subject.prompts), hits, confidence)
    return Bounds(min(lower, found[0]), max(upper, found[1]), min(distinct, found[2]) / n)


def _told_apart(prompts: Sequence[str]) -> tuple[str, ...]:
    """Prompts as they are counted: spaces and case make no other prompt of one."""
    return tuple(plain(prompt) or "" for prompt in prompts)


def _by_prompt(
    prompts: Sequence[str], hits: Sequence[Match], confidence: float
) -> tuple[float, float, float]:
    numbers = {prompt: number for number, prompt in enumerate(dict.fromkeys(prompts))}
    sizes, found = [0] * len(numbers), [0] * len(numbers)
    for prompt in prompts:
        sizes[numbers[prompt]] += 1
    for match in hits:
        found[numbers[prompts[match.sample]]] += 1
    clustered = clustered_bounds(found, sizes, confidence)
    return clustered.lower, clustered.upper, clustered.effective
