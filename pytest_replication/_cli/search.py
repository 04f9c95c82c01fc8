"""``search``: the nearest training images of some images."""

from __future__ import annotations

import argparse
from pathlib import Path

from pytest_replication._cli.options import Verbs, add_index, print_json
from pytest_replication.check import nearest
from pytest_replication.escape import one_line
from pytest_replication.index.reader import open_index
from pytest_replication.models.samples import Samples
from pytest_replication.search import Matches
from pytest_replication.surroundings import EXACT


def add_parser(verbs: Verbs) -> argparse.ArgumentParser:
    """Declare the verb."""
    parser: argparse.ArgumentParser = verbs.add_parser(
        "search",
        help="Show the nearest training images of images",
        description="Show the nearest training images of images, without judging them.",
    )
    add_index(parser)
    parser.add_argument("images", nargs="+", metavar="IMAGE", help="Image files, or one folder")
    parser.add_argument(
        "-k", type=int, default=5, metavar="N", help="Training images an image (default: %(default)s)"
    )
    parser.add_argument(
        "--engine",
        default=EXACT,
        metavar="NAME",
        help="What searches; an approximate one may overlook images (default: %(default)s)",
    )
    return parser


def run(args: argparse.Namespace) -> int:
    """Answer the verb."""
    single = len(args.images) == 1 and Path(args.images[0]).is_dir()
    samples = Samples.of(args.images[0] if single else args.images)
    index = open_index(args.index, embedder=args.embedder, device=args.device)
    matches = nearest(samples, index, args.k, engine=args.engine)
    if args.json:
        print_json(_data(matches))
    else:
        print(_text(matches))
    return 0


def _data(matches: Matches) -> list[dict[str, object]]:
    return [
        {
            "sample": name,
            "neighbours": [
                {"score": m.score, "training_id": m.record.id, "training_uri": m.record.uri} for m in found
            ],
        }
        for name, found in zip(matches.subject.samples, matches.of, strict=True)
    ]


def _text(matches: Matches) -> str:
    lines = []
    for name, found in zip(matches.subject.samples, matches.of, strict=True):
        lines.append(name)
        lines += [f"  {match.score:6.3f}  {match.record.uri}  (id {match.record.id})" for match in found]
    return "\n".join(map(one_line, lines))
