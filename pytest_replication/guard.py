"""Samples with next to nothing in them: a descriptor alone never says that they are copies. Pure.

All blank pages look alike to a descriptor, and so do many gradients: a high score says little of them. Their
pixels decide, where those of the training images are at hand.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from pytest_replication.search.evidence import APART, SAME
from pytest_replication.search.matches import LowInformation, Match, Matches

Said = Literal["replicated", "other", "undecided"]


def judge_by_pixels(
    found: Sequence[Match],
    low: LowInformation,
    reaches: Callable[[Match], bool],
    searched: int,
    exact: bool,
) -> tuple[Said, Match]:
    """Judge a sample with next to nothing in it whose best match reaches the threshold.

    It is replicated where a training image whose score reaches the threshold has the same pixels. It is
    not where no training image of the index can have them, or none that reaches the threshold has. Else it
    cannot be told.

    Args:
        found: its matches, best first.
        low: why there is next to nothing in it.
        reaches: whether the score of a match would make it replicated.
        searched: training images that were searched.
        exact: whether every one of them was scored.

    Returns:
        What is said of it, and the match that says so.
    """
    seen = [(match.pixels.tiled, place) for place, match in enumerate(found) if match.pixels is not None]
    if seen and min(seen)[0] <= SAME:
        return "replicated", found[min(seen)[1]]
    if low.floor is not None and low.floor > APART:
        return "other", found[0]
    near = [match for match in found if reaches(match)]
    behind = len(near) == len(found) < searched  # others that reach the threshold may not have been kept
    known = all(match.pixels is not None for match in near)
    if known and all(distance > APART for distance, _ in seen) and exact and not behind:
        return "other", found[0]
    return "undecided", found[0]


@dataclass(frozen=True, slots=True)
class Guarded:
    """The samples that reach a threshold, after those with next to nothing in them were judged by pixels.

    Attributes:
        replicated: matches of the replicated samples.
        undecided: best matches of samples of which it cannot be told.
        cleared: best matches of samples whose pixels are not those of a training image.
    """

    replicated: tuple[Match, ...]
    undecided: tuple[Match, ...]
    cleared: tuple[Match, ...]


def guard(matches: Matches, hits: Sequence[Match], reaches: Callable[[Match], bool]) -> Guarded:
    """Judge hits of samples with next to nothing in them by their pixels; the others stay as they are.

    Args:
        matches: everything that was measured.
        hits: best matches of the samples that reach the threshold.
        reaches: whether the score of a match would make its sample replicated.
    """
    low = {entry.sample: entry for entry in matches.low}
    said: dict[Said, list[Match]] = {"replicated": [], "undecided": [], "other": []}
    for hit in hits:
        if hit.sample not in low:
            said["replicated"].append(hit)
            continue
        found = matches.of[hit.sample]
        word, match = judge_by_pixels(found, low[hit.sample], reaches, matches.searched, matches.by.exact)
        said[word].append(match)
    return Guarded(tuple(said["replicated"]), tuple(said["undecided"]), tuple(said["other"]))
