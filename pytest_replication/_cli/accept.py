"""``accept``: write down which matches people looked at and decided not to count, for review."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

from pytest_replication._cli.options import Verbs, print_json
from pytest_replication._cli.proposal import proposed, still_replicated
from pytest_replication._cli.who import git_user
from pytest_replication.accepted import Acceptance, Accepted
from pytest_replication.accepted.entries import LONGEST, Pair, today
from pytest_replication.accepted.file import add_accepted, drop_accepted, read_accepted
from pytest_replication.errors import SettingsError
from pytest_replication.escape import one_line
from pytest_replication.judging import unused_entries
from pytest_replication.reports.data import entry_data
from pytest_replication.reports.matches_file import SavedMatches, read_matches
from pytest_replication.reports.words import plural
from pytest_replication.score_text import score_text

DEFAULT = "replication-accepted.toml"


def add_parser(verbs: Verbs) -> argparse.ArgumentParser:
    """Declare the verb."""
    parser: argparse.ArgumentParser = verbs.add_parser(
        "accept",
        help="Write down matches that were looked at and do not count",
        description="Add matches of a check that was saved to a file of accepted matches, list it, or remove "
        "what has expired or is not needed.",
    )
    parser.add_argument(
        "--accepted", default=DEFAULT, metavar="FILE", help="File of accepted matches (default: %(default)s)"
    )
    parser.add_argument(
        "--from",
        dest="runs",
        nargs="+",
        default=[],
        metavar="FILE",
        help="What 'check --save' or --replication-save has written; several with --prune only",
    )
    parser.add_argument(
        "--sample",
        nargs="+",
        default=[],
        metavar="NAME",
        help="Names of samples as the verdict shows them, their file names, or their numbers from 0 on",
    )
    parser.add_argument("--all-replicated", action="store_true", help="All samples that are replicated")
    parser.add_argument(
        "--top",
        type=int,
        default=1,
        metavar="N",
        help="Nearest matches of each sample that are not accepted yet (default: %(default)s, the one that "
        "the verdict shows)",
    )
    parser.add_argument(
        "--threshold", type=float, metavar="SCORE", help="Replicated from this score on (default: as saved)"
    )
    parser.add_argument("--reason", help="Why these matches are no copies that matter")
    parser.add_argument("--by", metavar="WHO", help="Who decided (default: the user of git)")
    parser.add_argument(
        "--expires", metavar="DATE", help="Last day on which it counts, such as 2027-05-31; two years at most"
    )
    parser.add_argument("--list", action="store_true", help="List the entries, the next to expire first")
    parser.add_argument(
        "--prune",
        action="store_true",
        help="Remove what has expired and, with --from, what no match of these checks needs",
    )
    return parser


def run(args: argparse.Namespace) -> int:
    """Answer the verb."""
    if sum([args.list, args.prune, bool(args.sample or args.all_replicated)]) != 1:
        raise SettingsError(
            "accept takes one of --sample or --all-replicated (with --from, --reason and --expires), --list, "
            "--prune"
        )
    if args.list:
        return _list(args)
    return _prune(args) if args.prune else _add(args)


def _add(args: argparse.Namespace) -> int:
    if len(args.runs) != 1 or args.reason is None or args.expires is None:
        raise SettingsError(
            "accept needs the file that 'pytest-replication check --save FILE' has written (--from FILE), a "
            "--reason and a last day (--expires 2027-05-31)"
        )
    path = Path(args.accepted)
    before = read_accepted(path) if path.exists() else Accepted()
    decision = _decision(args)
    saved = read_matches(args.runs[0])
    found = proposed(saved, args, before)
    new = [
        Acceptance(**{"sample": sample, "training": training, **decision, **shown})
        for (sample, training), shown in found
    ]
    after = add_accepted(path, new) if new else before
    left = still_replicated(saved, args, after)
    if args.json:
        added = [entry_data(e) for e in new]
        print_json(
            {"file": str(path), "added": added, "entries": len(after.entries), "still_replicated": left}
        )
        return 0
    print(one_line(f"{path}: {plural(len(new), 'match', 'matches')} added, {len(after.entries)} in it"))
    for entry in new:
        print(one_line(f"  {_alike(entry)}  {_named(entry)}"))
    if not new:
        print("  all that were named are accepted already")
    if left:
        are = "sample is" if left == 1 else "samples are"
        print(
            f"  {left} {are} still replicated by a next match: look at it (check --accepted shows it), then "
            f"accept again, or at once with --top {args.top + 1}"
        )
    return 0


def _decision(args: argparse.Namespace) -> dict[str, Any]:
    """What was decided, by whom and until when.

    Raises:
        SettingsError: something is missing, empty or too far away.
    """
    who = args.by if args.by is not None else git_user()
    if who is None:
        raise SettingsError("git knows no user here: say who decided with --by")
    day = today()
    try:
        expires = date.fromisoformat(args.expires)
    except ValueError as error:
        raise SettingsError(f"--expires {args.expires} is no date such as 2027-05-31") from error
    if not day <= expires <= day + LONGEST:
        raise SettingsError(
            f"--expires {expires} is not within two years from now: give a day from {day} to {day + LONGEST}"
        )
    for name, text in (("--reason", args.reason), ("--by", who)):
        if not text.strip():
            raise SettingsError(f"{name} is empty: say it")
    return {"reason": args.reason.strip(), "by": who.strip(), "decided": day, "expires": expires}


def _list(args: argparse.Namespace) -> int:
    found = read_accepted(args.accepted)
    entries = sorted(found.entries, key=lambda entry: (entry.expires, entry.pair))
    if args.json:
        print_json([entry_data(entry) | {"in_force": found.in_force(entry)} for entry in entries])
        return 0
    print(one_line(f"{args.accepted}: {plural(len(entries), 'accepted match', 'accepted matches')}"))
    for entry in entries:
        state = "until" if found.in_force(entry) else "EXPIRED"
        told = f"{entry.reason} ({entry.by}, {entry.decided})"
        print(one_line(f"  {state} {entry.expires}  {_named(entry)}: {told}"))
    return 0


def _prune(args: argparse.Namespace) -> int:
    found = read_accepted(args.accepted)
    expired = {entry.pair for entry in found.entries if not found.in_force(entry)}
    unused = _unused(found, [read_matches(path) for path in args.runs], args.threshold)
    gone = [entry for entry in found.entries if entry.pair in expired | unused]
    left = drop_accepted(args.accepted, [entry.pair for entry in gone]) if gone else found
    if args.json:
        removed = [entry_data(entry) | {"in_force": found.in_force(entry)} for entry in gone]
        print_json({"file": args.accepted, "removed": removed, "entries": len(left.entries)})
        return 0
    count = plural(len(gone), "entry", "entries")
    print(one_line(f"{args.accepted}: {count} removed, {len(left.entries)} left"))
    for entry in gone:
        why = "expired" if entry.pair in expired else "matches nothing"
        print(one_line(f"  {why}: {_named(entry)} (until {entry.expires})"))
    return 0


def _unused(found: Accepted, runs: Sequence[SavedMatches], threshold: float | None) -> set[Pair]:
    """Entries that none of the checks needs; none without a check."""
    unused = {entry.pair for entry in found.entries} if runs else set()
    for saved in runs:
        policy = saved.policy if threshold is None else saved.policy.at(threshold, "command line")
        unused &= {entry.pair for entry in unused_entries(saved.matches, policy, found)}
    return unused


def _alike(entry: Acceptance) -> str:
    return score_text(entry.score) if entry.score is not None else plural(entry.points or 0, "point")


def _named(entry: Acceptance) -> str:
    sample = entry.sample_name or f"{entry.sample[:12]}…"
    return f"{sample} -> {entry.training_uri or f'{entry.training[:12]}…'}"
