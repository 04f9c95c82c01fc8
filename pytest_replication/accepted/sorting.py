"""Which matches count, once those that are accepted are set aside."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from pytest_replication.accepted.entries import Acceptance, Accepted
from pytest_replication.search.match import Match
from pytest_replication.search.matches import Matches


@dataclass(frozen=True, slots=True)
class Sorted:
    """Matches that would make their sample replicated, sorted by whether they are accepted.

    Attributes:
        hits: for each replicated sample its best match that no entry in force accepts.
        accepted: matches that one accepts.
        expired: matches that one accepted until it expired; they count.
        unused: entries of which no match in reach is.
        open: numbers of samples of which all kept matches are accepted, and others, that were not kept,
            may be in reach too.
    """

    hits: list[Match]
    accepted: tuple[Match, ...] = ()
    expired: tuple[Match, ...] = ()
    unused: tuple[Acceptance, ...] = ()
    open: tuple[int, ...] = ()


def sort_out(matches: Matches, reaches: Callable[[Match, int], bool], accepted: Accepted) -> Sorted:
    """Set accepted matches aside. A sample is then judged by its best match that is left.

    Args:
        matches: everything that was measured.
        reaches: whether a match, in its place among those of its sample, makes the sample replicated if
            none before it counts. Behind the first that does not, none is looked at.
        accepted: the entries.
    """
    if not accepted.entries:
        return Sorted([found[0] for found in matches.of if reaches(found[0], 0)])
    entries, used = accepted.by_pair(), set()
    hits: list[Match] = []
    aside: list[Match] = []
    expired: list[Match] = []
    left_open: list[int] = []
    for sample, found in enumerate(matches.of):
        hit, near = None, in_reach(found, reaches)
        for match in near:
            entry = entries.get(pair_of(matches, match) or ("", ""))
            if entry is not None:
                used.add(entry.pair)
                (aside if accepted.in_force(entry) else expired).append(match)
            if hit is None and (entry is None or not accepted.in_force(entry)):
                hit = match
        if hit is not None:
            hits.append(hit)
        elif len(near) == len(found) < matches.searched:
            left_open.append(sample)
    unused = tuple(entry for entry in accepted.entries if entry.pair not in used)
    return Sorted(hits, _worst_first(aside), _worst_first(expired), unused, tuple(left_open))


def in_reach(found: tuple[Match, ...], reaches: Callable[[Match, int], bool]) -> tuple[Match, ...]:
    """Matches of a sample, best first, up to the first that is not in reach."""
    near = itertools.takewhile(lambda pair: reaches(pair[1], pair[0]), enumerate(found))
    return tuple(match for _, match in near)


def pair_of(matches: Matches, match: Match) -> tuple[str, str] | None:
    """The two images of a match by their digests; None where one is not known, which nothing accepts."""
    training, samples = match.record.sha256, matches.subject.sample_sha256
    return (samples[match.sample], training) if samples and training else None


def most_accepted(samples: Iterable[str], accepted: Accepted) -> int:
    """How many matches of one sample are accepted, at most: others must not miss their turn for these.

    Args:
        samples: digests of the samples.
        accepted: the entries.
    """
    counts = Counter(entry.sample for entry in accepted.entries if accepted.in_force(entry))
    return max((counts[sample] for sample in samples), default=0)


def _worst_first(found: list[Match]) -> tuple[Match, ...]:
    return tuple(sorted(found, key=lambda match: (-match.score, match.sample, match.row)))
