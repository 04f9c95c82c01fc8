"""Samples with next to nothing in them: a descriptor alone never says that they are copies. Pure.

All blank pages look alike to a descriptor, and so do many gradients: a high score says little of them. Their
pixels decide, where those of the training images are at hand. A copy that is dimmed, moved or mirrored is far
from its original in pixels as well: that alone clears nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from pytest_replication.search.evidence import APART, CLEAR, SAME
from pytest_replication.search.match import Match
from pytest_replication.search.matches import Matches

Said = Literal["replicated", "other", "undecided"]


def judge_blank(found: Sequence[Match], near: Sequence[Match], whole: bool) -> tuple[Said, Match]:
    """Judge a sample with next to nothing in it whose best match reaches the threshold.

    It is replicated where one of its matches has the same pixels. It is not where every training image that
    reaches the threshold has next to nothing in it either, and clearly something else, whatever an edit may
    have changed (`scoring.alike`). Else it cannot be told.

    Args:
        found: its matches that count, best first.
        near: those of them that reach the threshold.
        whole: whether no other training image can reach the threshold.

    Returns:
        What is said of it, and the match that says so.
    """
    seen = [(match.pixels.tiled, place) for place, match in enumerate(found) if match.pixels is not None]
    if seen and min(seen)[0] <= SAME:
        return "replicated", found[min(seen)[1]]
    clear = bool(near) and all(map(_is_clearly_other, near))
    if clear and whole and all(distance > APART for distance, _ in seen):
        return "other", found[0]
    return "undecided", found[0]


def _is_clearly_other(match: Match) -> bool:
    seen = match.pixels
    return seen is not None and seen.alike is not None and seen.alike <= CLEAR


@dataclass(frozen=True, slots=True)
class Blanks:
    """The samples that reach a threshold, after those with next to nothing in them were judged by pixels.

    Attributes:
        replicated: matches of the replicated samples.
        undecided: best matches of samples of which it cannot be told.
        cleared: best matches of samples whose pixels are not those of a training image.
    """

    replicated: tuple[Match, ...]
    undecided: tuple[Match, ...]
    cleared: tuple[Match, ...]


def judge_blanks(
    matches: Matches,
    hits: Sequence[Match],
    reaches: Callable[[Match, int], bool],
    accepted: Sequence[Match] = (),
    *,
    one_line: bool,
) -> Blanks:
    """Judge hits of samples with next to nothing in them by their pixels; the others stay as they are.

    Args:
        matches: everything that was measured.
        hits: best matches of the samples that reach the threshold.
        reaches: whether a match, in its place among those of its sample, would make the sample replicated.
        accepted: matches that do not count.
        one_line: whether no training image reaches the threshold with a lower score than one that does not.
    """
    low = {entry.sample: entry for entry in matches.low}
    aside = {(match.sample, match.row) for match in accepted}
    said: dict[Said, list[Match]] = {"replicated": [], "undecided": [], "other": []}
    for hit in hits:
        word: Said = "replicated"
        if hit.sample in low:
            kept = matches.of[hit.sample]
            ranked = [match.row != low[hit.sample].added for match in kept]
            near = [match for place, match in enumerate(kept) if reaches(match, place)]
            # Others that reach the threshold may not have been kept, or not been found. What pixels led to
            # was not kept by its score, and says nothing of those between.
            reaching = sum(one for one, match in zip(ranked, kept, strict=True) if match in near)
            whole = sum(ranked) == matches.searched or (one_line and reaching < sum(ranked))
            counted = [match for match in kept if (match.sample, match.row) not in aside]
            near = [match for match in near if match in counted]
            word, hit = judge_blank(counted, near, whole and matches.by.exact)
        said[word].append(hit)
    return Blanks(tuple(said["replicated"]), tuple(said["undecided"]), tuple(said["other"]))
