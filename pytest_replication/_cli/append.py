"""``append``: more training images for an index."""

from __future__ import annotations

import argparse
from dataclasses import asdict

from pytest_replication._cli.build import show
from pytest_replication._cli.options import Verbs, add_index, add_work, print_json
from pytest_replication.errors import SettingsError
from pytest_replication.escape import one_line
from pytest_replication.index.abandon import abandon_append
from pytest_replication.index.append import AppendOptions, append_index
from pytest_replication.reports.words import plural


def add_parser(verbs: Verbs) -> argparse.ArgumentParser:
    """Declare the verb."""
    parser: argparse.ArgumentParser = verbs.add_parser(
        "append",
        help="Add training images to an index",
        description="Add the images of a source that are not in an index yet. Until it has finished no gate "
        "opens the index; the same command again goes on where it stopped.",
    )
    add_index(parser)
    parser.add_argument(
        "source", nargs="?", metavar="IMAGES", help="As for build; a folder may have grown since"
    )
    parser.add_argument(
        "--abandon",
        action="store_true",
        help="Take out again what an append that did not finish has added, in the place of IMAGES",
    )
    add_work(parser)
    return parser


def run(args: argparse.Namespace) -> int:
    """Answer the verb."""
    if (args.source is None) != args.abandon:
        raise SettingsError("append takes IMAGES, or --abandon in their place")
    if args.abandon:
        _abandon(args.index, args.json)
        return 0
    options = AppendOptions(
        embedder=args.embedder,
        device=args.device,
        max_rejected=args.max_rejected,
        batch_size=args.batch_size,
        decoders=args.decoders,
        workers=args.workers,
    )
    show(append_index(args.index, args.source, options), args.json, "after")
    return 0


def _abandon(index: str, as_json: bool) -> None:
    report = abandon_append(index)
    if as_json:
        print_json(asdict(report) | {"index": str(report.index)})
    else:
        print(
            one_line(
                f"{report.index}: {plural(report.rows, 'training image')}, as before the append of "
                f"{report.source} ({report.dropped} of its images had been done)"
            )
        )
