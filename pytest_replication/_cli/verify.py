"""``verify``: is every byte of an index the one that was written?"""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict, replace

from pytest_replication._cli.options import Verbs, print_json
from pytest_replication.index.reader import index_as_it_is
from pytest_replication.index.verify import verify_index
from pytest_replication.search.caches import damages


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
    found = replace(found, faults=[*found.faults, *damages(index_as_it_is(args.index))])
    if args.json:
        print_json(asdict(found) | {"sound": found.sound})
    elif found.sound:
        print(f"{args.index}: sound, {found.files} files and {found.bytes / 1e6:.1f} MB compared")
    else:
        for fault in found.faults:
            print(f"error: {fault}", file=sys.stderr)
        print(
            f"{args.index}: DAMAGED: restore these files, or build the index again with --overwrite; what "
            "lies "
            "in its engines/ can be deleted",
            file=sys.stderr,
        )
    return 0 if found.sound else 3
