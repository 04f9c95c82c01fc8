"""``compact``: delete what was removed from an index."""

from __future__ import annotations

import argparse
from dataclasses import asdict

from pytest_replication._cli.options import Verbs, print_json
from pytest_replication._cli.outdated import out_of_use, outdated_lines
from pytest_replication.index.compact import compact_index
from pytest_replication.reports.words import plural


def add_parser(verbs: Verbs) -> argparse.ArgumentParser:
    """Declare the verb."""
    parser: argparse.ArgumentParser = verbs.add_parser(
        "compact",
        help="Delete the vectors and records of removed images",
        description="Write the shards that hold removed images anew, without them.",
    )
    parser.add_argument("index", metavar="INDEX", help="Folder of the index")
    return parser


def run(args: argparse.Namespace) -> int:
    """Answer the verb."""
    report = compact_index(args.index)
    if args.json:
        print_json(asdict(report) | {"out_of_use": out_of_use(args.index)})
    else:
        print(
            f"{args.index}: {plural(report.deleted, 'removed image')} deleted, "
            f"{plural(report.shards, 'shard')} written anew, {plural(report.rows, 'training image')} left"
        )
        for line in outdated_lines(args.index):
            print(line)
    return 0
