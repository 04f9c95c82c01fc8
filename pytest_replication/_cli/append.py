"""``append``: more training images for an index."""

from __future__ import annotations

import argparse

from pytest_replication._cli.build import show
from pytest_replication._cli.options import Verbs, add_index, add_work
from pytest_replication.index.append import AppendOptions, append_index


def add_parser(verbs: Verbs) -> argparse.ArgumentParser:
    """Declare the verb."""
    parser: argparse.ArgumentParser = verbs.add_parser(
        "append",
        help="Add training images to an index",
        description="Add the images of a source that are not in an index yet. Until it has finished no gate "
        "opens the index; the same command again goes on where it stopped.",
    )
    add_index(parser)
    parser.add_argument("source", metavar="IMAGES", help="As for build; a folder may have grown since")
    add_work(parser)
    return parser


def run(args: argparse.Namespace) -> int:
    """Answer the verb."""
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
