"""``verify``: is every byte of an index the one that was written?"""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict

from pytest_replication._cli.options import Verbs, print_json
from pytest_replication.escape import one_line
from pytest_replication.index.verify import VerifyReport
from pytest_replication.search.verify import verify_index


def add_parser(verbs: Verbs) -> argparse.ArgumentParser:
    """Declare the verb."""
    parser: argparse.ArgumentParser = verbs.add_parser(
        "verify",
        help="Compare every file of an index with its sha256",
        description="Compare every file of an index with its sha256; exit 3 if one differs.",
    )
    parser.add_argument("index", metavar="INDEX", help="Folder of the index")
    return parser


def run(args: argparse.Namespace) -> int:
    """Answer the verb."""
    found = verify_index(args.index)
    if args.json:
        print_json(asdict(found) | {"sound": found.sound})
    elif found.sound:
        print(f"{args.index}: sound, {found.files} files and {found.bytes / 1e6:.1f} MB compared")
    else:
        print(_text(args.index, found), file=sys.stderr)
    return 0 if found.sound else 3


def _text(index: str, found: VerifyReport) -> str:
    lines = [f"error: {fault}" for fault in found.faults]
    if found.faults:
        lines.append(
            f"{index}: DAMAGED: restore these files; or, for shards, give the same 'pytest-replication "
            "build' again, it makes damaged shards anew (with --overwrite it forgets what was removed and "
            "appended); "
            "what lies in its engines/ can be deleted"
        )
    if found.unfinished:
        sound = "" if found.faults else f"the {found.files} files that are there are sound, but "
        lines.append(f"{index}: UNFINISHED: {sound}{found.unfinished}")
    return "\n".join(map(one_line, lines))
