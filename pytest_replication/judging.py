"""Matches and a policy → a verdict. Pure: nothing is read, embedded, searched or shown here."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable

from pytest_replication.accepted import Acceptance, Accepted
from pytest_replication.accepted.sorting import Sorted, in_reach, pair_of, sort_out
from pytest_replication.blank import Blanks, judge_blanks
from pytest_replication.discovery import check_claim, rejected
from pytest_replication.objects import judge_objects, parts_in_reach
from pytest_replication.policy import Policy
from pytest_replication.search.match import Match
from pytest_replication.search.matches import Matches
from pytest_replication.standing import check_ground, check_measured, judge_canaries, judge_part_canaries
from pytest_replication.tallies import Bounds, bounds, tally
from pytest_replication.verdicts import Outcome, Verdict


def judge(matches: Matches, policy: Policy) -> Verdict:
    """Judge matches under a policy.

    Matches that were measured once can be judged again under another policy.

    Raises:
        SettingsError: a rate is claimed of what a false discovery rate finds.
        SampleError: there are no samples.
        SearchError: no row was searched, a sample has no match, a score is not a number, parts are to be
            judged and were not looked at, or anything but a failure would rest on an engine without a
            certificate for this threshold and confidence, or on matches that were not kept because those
            that were are all accepted.
        CalibrationError: a false discovery rate has to decide and the samples have no p-values, or none
            that could tell a single one of them.
        IndexMismatch: anything but a failure would rest on vectors of which nothing proves that this
            embedder made them, and the policy does not allow it.
        ControlFailed: canaries were put among the samples and not all of them were found.
    """
    check_claim(policy)
    check_measured(matches)
    recall = _recall(matches, policy)
    found, blanks = _sorted(matches, policy)
    parts = judge_objects(matches, policy.objects, blanks.replicated, _accepts(matches, policy))
    hits = (*blanks.replicated, *parts.hits)
    undecided, cleared = (_without(each, parts.hits) for each in (blanks.undecided, blanks.cleared))
    counted = bounds(matches, hits, policy.per, policy.confidence)
    open_ = _open(matches, undecided, parts.unchecked)
    most = bounds(matches, (*hits, *open_), policy.per, policy.confidence) if open_ else counted
    upper, lower = _rate(counted, most, policy, recall)
    outcome = _outcome(len(hits), len(open_), upper, lower, policy.max_rate)
    if parts.unchecked and outcome is Outcome.PASS:
        outcome = Outcome.INCONCLUSIVE
    control = judge_canaries(matches, policy, recall, len(hits))
    part_control = judge_part_canaries(matches, policy)
    if outcome is not Outcome.FAIL:
        check_ground(matches, policy, recall, found.open, parts.open)
    settled = outcome is not Outcome.INCONCLUSIVE or open_ or policy.unprovable
    return Verdict(
        outcome,
        policy,
        matches,
        hits,
        upper,
        lower,
        needed=None if settled else _needed(matches, hits, policy, counted),
        control=control,
        part_control=part_control,
        beside=parts.beside,
        undecided=undecided,
        cleared=cleared,
        accepted=(*found.accepted, *_new(parts.accepted, found.accepted)),
        expired=(*found.expired, *_new(parts.expired, found.expired)),
        unused=_unused(matches, found.unused, (*parts.accepted, *parts.expired)),
        unchecked=parts.unchecked,
    )


def reached(matches: Matches, policy: Policy, sample: int) -> tuple[Match, ...]:
    """Matches that make a sample replicated: by their scores, best first, then other images by a part.

    Raises:
        CalibrationError: as `judge`.
        SearchError: parts are to be judged and were not looked at.
    """
    whole = in_reach(matches.of[sample], _reaching(matches, policy))
    return (*whole, *_new(parts_in_reach(matches, policy.objects, sample), whole))


def unused_entries(matches: Matches, policy: Policy, accepted: Accepted) -> tuple[Acceptance, ...]:
    """Entries of a file of accepted matches that no match needs under a policy.

    Raises:
        CalibrationError: as `judge`.
        SearchError: parts are to be judged and were not looked at.
    """
    unused = sort_out(matches, _reaching(matches, policy), accepted).unused
    parts = [parts_in_reach(matches, policy.objects, sample) for sample in range(len(matches.of))]
    return _unused(matches, unused, itertools.chain.from_iterable(parts))


def _sorted(matches: Matches, policy: Policy) -> tuple[Sorted, Blanks]:
    """Sort what reaches the threshold: by what is accepted, then by pixels where there is next to nothing."""
    reaches = _reaching(matches, policy)
    found = sort_out(matches, reaches, policy.accepted)
    found.hits.sort(key=lambda match: (-match.score, match.sample))
    one_line = policy.groups is None and policy.fdr is None
    return found, judge_blanks(matches, found.hits, reaches, found.accepted, one_line=one_line)


def _reaching(matches: Matches, policy: Policy) -> Callable[[Match, int], bool]:
    """Whether a match, in its place among its sample's, makes it replicated if none before it counts."""
    if policy.fdr is None:
        return lambda match, place: match.score >= policy.threshold_for(match)
    taken = rejected(matches, policy.fdr)
    # Where the best match is accepted, the one behind it is held against the same line: what is accepted for
    # one sample moves nothing for the others. Without its p-value it counts.
    line = policy.fdr * sum(taken) / len(taken)
    return lambda match, place: (
        taken[match.sample] and (place == 0 or (matches.p_value(match.sample, place) or 0.0) <= line)
    )


def _accepts(matches: Matches, policy: Policy) -> Callable[[Match], bool | None]:
    """Whether a pair of images is accepted, by whatever it is alike: not any more is False, never None."""
    entries = policy.accepted.by_pair()

    def accepts(match: Match) -> bool | None:
        entry = entries.get(pair_of(matches, match) or ("", ""))
        return None if entry is None else policy.accepted.in_force(entry)

    return accepts


def _without(found: tuple[Match, ...], hits: tuple[Match, ...]) -> tuple[Match, ...]:
    """Matches of other samples than these."""
    samples = {match.sample for match in hits}
    return tuple(match for match in found if match.sample not in samples)


def _open(matches: Matches, undecided: tuple[Match, ...], unchecked: tuple[int, ...]) -> tuple[Match, ...]:
    """A match of each sample of which it cannot be told whether it is replicated."""
    told = {match.sample for match in undecided}
    return (*undecided, *(matches.of[sample][0] for sample in unchecked if sample not in told))


def _new(found: tuple[Match, ...], known: tuple[Match, ...]) -> tuple[Match, ...]:
    """Matches of other pairs than these."""
    pairs = {(match.sample, match.row) for match in known}
    return tuple(match for match in found if (match.sample, match.row) not in pairs)


def _unused(
    matches: Matches, unused: tuple[Acceptance, ...], parts: Iterable[Match]
) -> tuple[Acceptance, ...]:
    """Entries that no whole images need, nor parts."""
    used = {pair_of(matches, match) for match in parts}
    return tuple(entry for entry in unused if entry.pair not in used)


def _recall(matches: Matches, policy: Policy) -> float | None:
    """What the search finds at least, 1 for all; None if nothing is known for this policy."""
    by = matches.by
    if by.exact:
        return 1.0
    if policy.fdr is not None or policy.groups is not None:
        return None  # a certificate is about one threshold
    same = by.threshold is not None and abs(by.threshold - policy.threshold) < 1e-6
    sure = by.confidence >= policy.confidence
    return by.recall if same and sure and by.recall is not None and 0 < by.recall <= 1 else None


def _rate(counted: Bounds, most: Bounds, policy: Policy, recall: float | None) -> tuple[float, float]:
    """Upper bound with the undecided, over what the search finds at least; lower bound without them."""
    if policy.fdr is not None:
        return 1.0, 0.0
    return (1.0 if recall is None else min(1.0, most.upper / recall)), counted.lower


def _needed(matches: Matches, hits: tuple[Match, ...], policy: Policy, counted: Bounds) -> int | None:
    """Samples, or prompts, that would settle the verdict."""
    k, n = tally(matches, hits).of(policy.per)
    return counted.needed(k / n, policy.max_rate, policy.confidence)


def _outcome(hits: int, undecided: int, upper: float, lower: float, max_rate: float) -> Outcome:
    if max_rate == 0:
        if hits:
            return Outcome.FAIL
        return Outcome.INCONCLUSIVE if undecided else Outcome.PASS
    if upper <= max_rate:
        return Outcome.PASS
    return Outcome.FAIL if lower > max_rate else Outcome.INCONCLUSIVE
