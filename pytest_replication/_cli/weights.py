"""``weights``: fetch published weights, or show which are at hand."""

from __future__ import annotations

import argparse
from pathlib import Path

from pytest_replication._cli.options import Verbs, print_json
from pytest_replication.embedders import sscd
from pytest_replication.embedders.base import sha256_of
from pytest_replication.embedders.catalogue import ENTRIES
from pytest_replication.embedders.locate import at_hand, remedy
from pytest_replication.embedders.sscd_variants import PLAIN, VARIANTS
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
    names = sorted({*PUBLISHED, *VARIANTS, *ENTRIES})
    parser.add_argument(
        "name",
        nargs="?",
        choices=names,
        help=f"Whose weights (default: of {PLAIN} to pull, of all that are at hand to list)",
    )
    parser.add_argument("--sha256", help="Refuse a file with another digest")
    return parser


def run(args: argparse.Namespace) -> int:
    """Answer the verb."""
    name = args.name or PLAIN
    if args.action == "pull":
        if name not in PUBLISHED:
            raise EmbedderUnavailable(_remedy(name))
        path, digest = pull(name, sha256=args.sha256)
        found = [{"name": name, "path": str(path), "sha256": digest}]
    else:
        found = [
            entry for each in ([args.name] if args.name else [*VARIANTS, *ENTRIES]) for entry in _found(each)
        ]
    if args.json:
        print_json({"name": args.name or (PLAIN if args.action == "pull" else None), "found": found})
        return 0
    met: set[str] = set()
    for entry in found:
        note = "" if entry["name"] in met else "  (used unless a path is given)"
        if why := entry.get("refused"):
            note = f"  (not used: {why})"
        else:
            met.add(entry["name"])
        print(f"{entry['name']}  {entry['path']}{note}\n      sha256 {entry['sha256']}")
    if name not in met:
        print(_remedy(name))
    return 0


def _found(name: str) -> list[dict[str, str]]:
    return [_entry(name, path, sha256_of(path)) for path in _paths(name)]


def _entry(name: str, path: Path, sha256: str) -> dict[str, str]:
    entry = {"name": name, "path": str(path), "sha256": sha256}
    why = sscd.unknown_release(name, path, sha256) if name in VARIANTS else ""
    return {**entry, "refused": why} if why else entry


def _paths(name: str) -> list[Path]:
    return sscd.candidates(name) if name in VARIANTS else at_hand(ENTRIES[name])


def _remedy(name: str) -> str:
    if name in PUBLISHED:
        return (
            f"{name}: no weights on this machine; 'pytest-replication weights pull {name}' "
            f"fetches {PUBLISHED[name].url} to {cached(name)}"
        )
    if name in VARIANTS:
        return f"there are no weights of {name} on this machine: {sscd.remedy(VARIANTS[name])}"
    return remedy(ENTRIES[name])
