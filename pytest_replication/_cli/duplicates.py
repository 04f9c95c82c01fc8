"""``duplicates``: training images that stand in the index more than once."""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np

from pytest_replication._cli.options import Verbs, add_embedder, print_json
from pytest_replication.errors import ThresholdMissing
from pytest_replication.escape import one_line
from pytest_replication.index.duplicates import Duplicates, store_duplicates
from pytest_replication.index.opening import open_index
from pytest_replication.index.reader import Index
from pytest_replication.reports.words import plural
from pytest_replication.search.duplicates import DUPLICATE, find_duplicates


def add_parser(verbs: Verbs) -> argparse.ArgumentParser:
    """Declare the verb."""
    parser: argparse.ArgumentParser = verbs.add_parser(
        "duplicates",
        help="Find training images that stand in the index more than once",
        description="Compare all training images with each other and keep how many are like each; verdicts "
        "then say so.",
    )
    parser.add_argument("index", metavar="INDEX", help="Folder of the index")
    add_embedder(parser)
    parser.add_argument(
        "--threshold",
        type=float,
        metavar="SCORE",
        help=f"Duplicates from this score on (default: {DUPLICATE} where the embedder has a threshold)",
    )
    parser.add_argument(
        "--show", type=int, default=10, metavar="N", help="Largest groups to list (default: %(default)s)"
    )
    return parser


def run(args: argparse.Namespace) -> int:
    """Answer the verb."""
    index = open_index(args.index, embedder=args.embedder)
    found = find_duplicates(index, _default(index) if args.threshold is None else args.threshold)
    store_duplicates(index, found)
    groups = _largest(index, found, args.show)
    if args.json:
        print_json(
            {
                "index": str(index.path),
                "threshold": found.threshold,
                "images": len(found.rows),
                "groups": found.groups,
                "largest": groups,
            }
        )
    else:
        print(
            f"{index.path}: {len(found.rows)} of {index.rows} training images are duplicates "
            f"(score >= {found.threshold:g}), in {plural(found.groups, 'group')}"
        )
        for group in groups:
            line = f"  {group['copies']} alike, {group['exact']} exactly  {group['training_uri']}"
            print(one_line(line))
    return 0


def _default(index: Index) -> float:
    if index.embedder.default_threshold is None:
        raise ThresholdMissing(
            f"the embedder {index.manifest.embedder.name} of {index.path} has no documented threshold, and "
            "so none from which on two images are duplicates: give --threshold"
        )
    return DUPLICATE


def _largest(index: Index, found: Duplicates, count: int) -> list[dict[str, Any]]:
    """The leaders that stand in the index most often."""
    leading = np.flatnonzero(found.rows == found.leaders)
    first = leading[np.argsort(-found.copies[leading], kind="stable")][: max(0, count)]
    records = index.records(found.rows[first].tolist())
    return [
        {
            "training_id": records[int(found.rows[place])].id,
            "training_uri": records[int(found.rows[place])].uri,
            "copies": int(found.copies[place]),
            "exact": int(found.exact[place]),
        }
        for place in first
    ]
