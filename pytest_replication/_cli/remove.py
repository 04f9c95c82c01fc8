"""``remove``: take training images out of an index."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path

from pytest_replication._cli.options import Verbs, print_json
from pytest_replication._cli.outdated import out_of_use, outdated_lines
from pytest_replication.errors import SettingsError
from pytest_replication.index.removed import RemoveReport, remove_images
from pytest_replication.reports.words import plural


def add_parser(verbs: Verbs) -> argparse.ArgumentParser:
    """Declare the verb."""
    parser: argparse.ArgumentParser = verbs.add_parser(
        "remove",
        help="Take training images out of an index, such as opt-outs",
        description="Mask training images in every search, and keep append from adding them again. 'compact' "
        "deletes their vectors and records.",
    )
    parser.add_argument("index", metavar="INDEX", help="Folder of the index")
    parser.add_argument(
        "--id", action="append", default=[], metavar="ID", help="Id or uri of an image; repeatable"
    )
    parser.add_argument(
        "--sha256", action="append", default=[], metavar="HEX", help="Digest of an image file; repeatable"
    )
    parser.add_argument(
        "--list",
        type=Path,
        metavar="FILE",
        help="Text file with an id, a uri or a sha256 a line; '# …' is a comment",
    )
    parser.add_argument(
        "--source",
        metavar="NUMBER",
        help="Look among the images of this source only, by its number or name ('info' lists them)",
    )
    parser.add_argument(
        "--all-sources",
        action="store_true",
        help="Let an id that stands in several sources, or for several images of one, mean all of them",
    )
    return parser


def run(args: argparse.Namespace) -> int:
    """Answer the verb."""
    ids, digests = list(args.id), list(args.sha256)
    for line in _lines(args.list):
        (digests if _is_digest(line) else ids).append(line)
    report = remove_images(
        args.index, ids=ids, sha256=digests, source=args.source, all_sources=args.all_sources
    )
    if args.json:
        print_json(asdict(report) | {"out_of_use": out_of_use(args.index)})
    else:
        print(_text(args.index, report))
    return 0


def _text(index: str, report: RemoveReport) -> str:
    before = f" ({report.already} more had been removed before)" if report.already else ""
    text = f"{index}: {plural(report.removed, 'training image')} removed{before}, {report.rows} left"
    if report.copies:
        are = "is a copy of a file" if report.copies == 1 else "are copies of files"
        text += (
            f"\n  {report.copies} of these {are} named by id and still searched: --sha256 takes every copy "
            "of a file out"
        )
    return "\n".join([text, *outdated_lines(index)])


def _lines(path: Path | None) -> list[str]:
    if path is None:
        return []
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} cannot be read as a list: {error}") from error
    # The blank tells a comment from an id such as #17, which must not be passed over.
    return [line for line in lines if line and line != "#" and not line.startswith("# ")]


def _is_digest(text: str) -> bool:
    return len(text) == 64 and set(text.lower()) <= set("0123456789abcdef")
