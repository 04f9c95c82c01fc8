"""``engine``: make the codes with which the exact scan is faster."""

from __future__ import annotations

import argparse

from pytest_replication._cli.options import Verbs, print_json
from pytest_replication.index.reader import open_index
from pytest_replication.search.codes import NAME, write_codes


def add_parser(verbs: Verbs) -> argparse.ArgumentParser:
    """Declare the verb."""
    parser: argparse.ArgumentParser = verbs.add_parser(
        "engine",
        help="Make the 8-bit codes that speed up the exact scan",
        description="Make the 8-bit codes with which the exact scan rules most vectors out before it reads "
        "them; nothing is lost. They are derived: delete INDEX/engines at any time.",
    )
    parser.add_argument("index", metavar="INDEX", help="Folder of the index")
    parser.add_argument("name", choices=(NAME,), help="Which codes")
    return parser


def run(args: argparse.Namespace) -> int:
    """Answer the verb."""
    index = open_index(args.index)
    made = write_codes(index)
    if args.json:
        print_json({"index": str(index.path), "engine": args.name, "made": made, "shards": len(index.shards)})
    else:
        print(f"{index.path}: codes of {made} of {len(index.shards)} shards made, the others were there")
    return 0
