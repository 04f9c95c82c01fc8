"""``check --matches``: judge again what was measured before; nothing is embedded or searched."""

from __future__ import annotations

import argparse
from dataclasses import replace

from pytest_replication.accepted.file import read_accepted
from pytest_replication.errors import SettingsError
from pytest_replication.reports.matches_file import read_matches
from pytest_replication.search.matches import Matches, Sightings
from pytest_replication.surroundings import EXACT
from pytest_replication.verdicts import Policy, Verdict, judge

_MEASURING = {
    "index": None,
    "model": None,
    "embedder": None,
    "device": "auto",
    "count": None,
    "seed": 0,
    "engine": EXACT,
    "allow_approximate": False,
    "save": None,
}
"""What says how to measure, with its default."""


def judged_again(args: argparse.Namespace) -> Verdict:
    """Judge matches from a file under the policy of then, with what the command line changes of it.

    Raises:
        SettingsError: an option says how to measure, or has a value that cannot be used.
        MatchesFileError: the file cannot be used.
        ReplicationError: as `judge`.
    """
    given = [name for name, default in _MEASURING.items() if getattr(args, name) != default]
    if given:
        named = ", ".join(
            {"index": "INDEX", "model": "SAMPLES"}.get(n, f"--{n.replace('_', '-')}") for n in given
        )
        raise SettingsError(
            f"{named} cannot be given with --matches: nothing is measured, only judged again; leave it out"
        )
    saved = read_matches(args.matches)
    policy = policy_again(saved.policy, args)
    if args.accepted is not None:
        policy = replace(policy, accepted=read_accepted(args.accepted))
    return judge(_controlled(saved.matches, args.canaries), policy)


def _controlled(matches: Matches, canaries: int | None) -> Matches:
    """The canaries of then are judged again with the samples, unless they are given up."""
    if canaries is None:
        return matches
    if canaries:
        raise SettingsError(
            f"--canaries {canaries} cannot be given with --matches: nothing is measured; 0 judges without"
        )
    off = Sightings(stored=matches.canaries.stored, absent="canaries are 0 (command line)")
    return replace(matches, canaries=off)


def policy_again(policy: Policy, args: argparse.Namespace) -> Policy:
    """The policy of then, with what the command line changes of it.

    Raises:
        SettingsError: a value that cannot be used.
    """
    then = f", as in {args.matches}"
    if args.threshold is not None and args.fdr is not None:
        raise SettingsError("both --threshold and --fdr are given: give one of the two")
    if args.threshold is not None:  # what followed from the calibration does not hold for another threshold
        policy = policy.at(args.threshold, "command line")
    elif args.fdr is not None:
        policy = replace(policy, fdr=args.fdr, fdr_source="command line")
    return replace(
        policy,
        threshold_source=policy.threshold_source + then if args.threshold is None else "command line",
        max_rate=policy.max_rate if args.max_rate is None else args.max_rate,
        max_rate_source=policy.max_rate_source + then if args.max_rate is None else "command line",
        allow_unproved=args.allow_unproved,
    )
