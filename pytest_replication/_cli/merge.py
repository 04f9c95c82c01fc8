"""``merge``: several indexes into one."""

from __future__ import annotations

import argparse
from dataclasses import asdict

from pytest_replication._cli.options import Verbs, add_embedder, print_json
from pytest_replication.index.merge import merge_indexes
from pytest_replication.reports.words import plural


def add_parser(verbs: Verbs) -> argparse.ArgumentParser:
    """Declare the verb."""
    parser: argparse.ArgumentParser = verbs.add_parser(
        "merge",
        help="Copy several indexes into one",
        description="Copy indexes that were built elsewhere, with the same embedder, into a new one.",
    )
    parser.add_argument("parts", nargs="+", metavar="INDEX", help="Folders of two or more indexes")
    parser.add_argument("--out", required=True, metavar="INDEX", help="Folder of the new index")
    parser.add_argument("--overwrite", action="store_true", help="Replace an index that is in the folder")
    add_embedder(parser)
    return parser


def run(args: argparse.Namespace) -> int:
    """Answer the verb."""
    report = merge_indexes(args.parts, args.out, overwrite=args.overwrite, embedder=args.embedder)
    if args.json:
        print_json(asdict(report) | {"index": str(report.index), "parts": args.parts})
    else:
        removed = f", {report.removed} removed" if report.removed else ""
        images = plural(report.rows, "training image")
        print(f"{report.index}: {images} from {report.parts} indexes{removed}")
    return 0
