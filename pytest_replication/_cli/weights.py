"""``weights``: fetch published weights, or show which are at hand."""

from __future__ import annotations

import argparse

from pytest_replication._cli.options import Verbs, print_json
from pytest_replication.embedders import sscd
from pytest_replication.embedders.base import sha256_of
from pytest_replication.embedders.catalogue import ENTRIES
from pytest_replication.embedders.locate import at_hand, remedy
from pytest_replication.embedders.sscd_variants import VARIANTS
from pytest_replication.embedders.weights import PUBLISHED, cached, pull
from pytest_replication.errors import EmbedderUnavailable


def add_parser(verbs: Verbs) -> argparse.ArgumentParser:
    """Declare the verb."""
    parser: argparse.ArgumentParser = verbs.add_parser(
        "weights",
        help="Fetch published weights, or show which are at hand",
        description="Fetch published weights into the cache, or show which are at hand. Nothing "
        "else in this program uses the network on its own.",
    )
    parser.add_argument("action", choices=("list", "pull"), help="What to do")
    names = sorted({*PUBLISHED, *ENTRIES})
    parser.add_argument("name", nargs="?", default="sscd", choices=names, help="Whose weights")
    parser.add_argument("--sha256", help="Refuse a file with another digest")
    return parser


def run(args: argparse.Namespace) -> int:
    """Answer the verb."""
    if args.action == "pull":
        if args.name not in PUBLISHED:
            raise EmbedderUnavailable(remedy(ENTRIES[args.name]))
        path, digest = pull(args.name, sha256=args.sha256)
        found = [{"path": str(path), "sha256": digest}]
    else:
        paths = sscd.candidates(args.name) if args.name in VARIANTS else at_hand(ENTRIES[args.name])
        found = [{"path": str(path), "sha256": sha256_of(path)} for path in paths]
    if args.json:
        print_json({"name": args.name, "found": found})
    elif found:
        for number, entry in enumerate(found):
            note = "" if number else "  (used unless a path is given)"
            print(f"{args.name}  {entry['path']}{note}\n      sha256 {entry['sha256']}")
    elif args.name not in PUBLISHED:
        print(remedy(ENTRIES[args.name]))
    else:
        print(
            f"{args.name}: no weights on this machine; 'pytest-replication weights pull {args.name}' "
            f"fetches {PUBLISHED[args.name].url} to {cached(args.name)}"
        )
    return 0
