"""``check --matches``: judge again what was measured before; nothing is embedded or searched."""

from __future__ import annotations

import argparse
from dataclasses import replace

from pytest_replication.accepted.file import read_accepted
from pytest_replication.choices import EXACT
from pytest_replication.errors import SettingsError
from pytest_replication.judging import judge
from pytest_replication.reports.matches_file import read_matches
from pytest_replication.rules_again import policy_again
from pytest_replication.search.matches import Matches
from pytest_replication.search.sightings import PartSightings, Sightings
from pytest_replication.verdicts import Verdict

_MEASURING: dict[str, object] = {
    "index": None,
    "model": None,
    "index_fingerprint": None,
    "embedder": None,
    "device": "auto",
    "model_option": [],
    "cache": None,
    "count": None,
    "prompts": None,
    "seeds_per_prompt": None,
    "seed": 0,
    "engine": EXACT,
    "objects": False,
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
    if args.object_points is not None and saved.matches.objects is None:
        raise SettingsError(
            f"--object-points cannot be given for {args.matches}: parts were not looked for when its matches "
            "were measured; check the samples again with --objects"
        )
    policy = policy_again(
        saved.policy,
        saved.matches,
        file=str(args.matches),
        threshold=args.threshold,
        fdr=args.fdr,
        max_rate=args.max_rate,
        object_points=args.object_points,
        allow_unproved=args.allow_unproved,
    )
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
    absent = "canaries are 0 (command line)"
    off = Sightings(stored=matches.canaries.stored, absent=absent)
    objects = matches.objects
    if objects is not None:
        objects = replace(objects, canaries=PartSightings(stored=objects.canaries.stored, absent=absent))
    return replace(matches, canaries=off, objects=objects)
