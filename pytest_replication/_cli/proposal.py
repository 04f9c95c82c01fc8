"""Which matches of a saved check ``accept`` writes down."""

from __future__ import annotations

import argparse
from pathlib import PurePath
from typing import Any

from pytest_replication.accepted import Accepted
from pytest_replication.accepted.entries import Pair
from pytest_replication.accepted.sorting import pair_of
from pytest_replication.errors import SettingsError
from pytest_replication.judging import reached
from pytest_replication.policy import Policy
from pytest_replication.reports.matches_file import SavedMatches
from pytest_replication.search.match import Match
from pytest_replication.search.matches import Matches

Proposal = tuple[Pair, dict[str, Any]]
"""A pair, and what the file says of it for readers."""


def proposed(saved: SavedMatches, args: argparse.Namespace, before: Accepted) -> list[Proposal]:
    """Matches that make the chosen samples replicated and that no entry in force accepts yet.

    Raises:
        SettingsError: there is no such sample, it is not replicated, or a training image has no sha256.
    """
    if args.top < 1:
        raise SettingsError(f"--top {args.top}: give 1 or more")
    policy, matches = saved.policy, saved.matches
    if args.threshold is not None:
        policy = policy.at(args.threshold, "command line")
    near = [reached(matches, policy, sample) for sample in range(len(matches.of))]
    entries = before.by_pair()
    found: dict[Pair, dict[str, Any]] = {}
    for sample in _chosen(near, matches.subject.samples, policy, args):
        left: dict[Pair, Match] = {}
        for match in near[sample]:
            pair = _pair(matches, match)
            if pair not in entries or not before.in_force(entries[pair]):
                left.setdefault(pair, match)
        found.update((pair, _shown(matches, match)) for pair, match in list(left.items())[: args.top])
    return sorted(found.items())


def still_replicated(saved: SavedMatches, args: argparse.Namespace, after: Accepted) -> int:
    """How many of the chosen samples another kept match makes replicated, after entries were added."""
    policy, matches = saved.policy, saved.matches
    if args.threshold is not None:
        policy = policy.at(args.threshold, "command line")
    near = [reached(matches, policy, sample) for sample in range(len(matches.of))]
    entries = after.by_pair()

    def counts(match: Match) -> bool:
        entry = entries.get(pair_of(matches, match) or ("", ""))
        return entry is None or not after.in_force(entry)

    chosen = _chosen(near, matches.subject.samples, policy, args)
    return sum(any(map(counts, near[sample])) for sample in chosen)


def _chosen(
    near: list[tuple[Match, ...]], names: tuple[str, ...], policy: Policy, args: argparse.Namespace
) -> list[int]:
    if args.all_replicated:
        if args.sample:
            raise SettingsError("give --sample or --all-replicated, not both")
        chosen = [sample for sample, found in enumerate(near) if found]
        if not chosen:
            raise SettingsError(f"no sample of {args.runs[0]} is replicated at {policy.threshold:g}")
        return chosen
    found = {_number(text, names, args.runs[0]): text for text in args.sample}
    for sample, text in found.items():
        if not near[sample]:
            raise SettingsError(
                f"sample {text} of {args.runs[0]} is not replicated at {policy.threshold:g}: there is "
                "nothing to accept"
            )
    return sorted(found)


def _number(text: str, names: tuple[str, ...], run: str) -> int:
    """The sample that a name, a file name or a number means."""
    named = [number for number, name in enumerate(names) if name == text]
    named = named or [number for number, name in enumerate(names) if PurePath(name).name == text]
    if not named and text.isdecimal() and int(text) < len(names):
        return int(text)
    if len(named) != 1:
        found = f"{len(named)} samples are called {text}" if named else f"there is no sample {text}"
        raise SettingsError(f"{found} in {run}: give the name of one, or a number from 0 to {len(names) - 1}")
    return named[0]


def _pair(matches: Matches, match: Match) -> Pair:
    pair = pair_of(matches, match)
    if pair is None:
        raise SettingsError(
            f"training image {match.record.uri} has no sha256, since only its vector was imported: nothing "
            "says which image would be accepted; import again with --images FOLDER"
        )
    return pair


def _shown(matches: Matches, match: Match) -> dict[str, Any]:
    subject = matches.subject
    return {
        "sample_name": subject.samples[match.sample],
        "training_uri": match.record.uri,
        "score": float(match.score) if match.part is None else None,
        "points": int(match.points) if match.part is not None else None,
        "embedder": subject.embedder,
    }
