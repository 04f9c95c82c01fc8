"""``build``: make the index of a training set."""

from __future__ import annotations

import argparse
from typing import Any

from pytest_replication._cli.options import Verbs, add_new_index, add_work, print_json
from pytest_replication._cli.outdated import out_of_use, outdated_lines, small_lines
from pytest_replication.escape import one_line
from pytest_replication.images.parts import GRIDS, USUAL
from pytest_replication.index.build import BuildOptions, BuildReport, build_index
from pytest_replication.reports.words import plural


def add_parser(verbs: Verbs) -> argparse.ArgumentParser:
    """Declare the verb."""
    default = BuildOptions()
    parser: argparse.ArgumentParser = verbs.add_parser(
        "build",
        help="Make the index of a training set",
        description="Embed training images into an index. A build that was interrupted goes on "
        "where it stopped when the same command is given again.",
    )
    parser.add_argument(
        "source",
        metavar="IMAGES",
        help="Folder, file, or KIND:… such as webdataset:/data/{00000..00041}.tar (docs/sources.md)",
    )
    add_new_index(parser, default.embedder)
    add_work(parser)
    parser.add_argument(
        "--shard-rows",
        type=int,
        metavar="N",
        help="Images a shard; a killed build loses at most one a worker (default: 1024, more in large sets)",
    )
    parser.add_argument(
        "--thumbnails",
        type=int,
        default=default.thumbnails,
        metavar="PIXELS",
        help="Keep a small picture of each image for reports, of this longest side (default: none)",
    )
    parser.add_argument(
        "--tokens",
        action="store_true",
        help="Store the tokens of every image too, for 'search --score split': needs an embedder with tokens "
        "and much room, which is told before the build starts",
    )
    parser.add_argument(
        "--pixels",
        type=int,
        metavar="SIDE",
        help="Store every image as a square of SIDE x SIDE pixels too, for 'check --pixels' and for samples "
        "with next to nothing in them; what it takes is told before the build starts (default: none)",
    )
    parser.add_argument(
        "--objects",
        nargs="?",
        const=USUAL,
        metavar="GRID",
        help="Store local features of every image too, a picture of 256 pixels, and vectors of its parts, to "
        f"find copies of a part; GRID of parts is one of {', '.join(GRIDS)}, {USUAL} (no parts) where "
        "it is left out (IMAGES first then). What it takes is told before the build starts (default: none)",
    )
    return parser


def run(args: argparse.Namespace) -> int:
    """Answer the verb."""
    options = BuildOptions(
        embedder=args.embedder,
        preset=args.preset,
        device=args.device,
        max_rejected=args.max_rejected,
        dtype=args.dtype,
        shard_rows=args.shard_rows,
        batch_size=args.batch_size,
        decoders=args.decoders,
        workers=args.workers,
        thumbnails=args.thumbnails,
        tokens=args.tokens,
        pixels=args.pixels,
        objects=args.objects,
        overwrite=args.overwrite,
    )
    show(build_index(args.source, args.out, options), args.json)
    return 0


def show(report: BuildReport, as_json: bool, how: str = "from") -> None:
    """Print what a build or an append did: training images from a source, or after it was added."""
    if as_json:
        print_json(_data(report))
    else:
        print(_text(report, how))


def _data(report: BuildReport) -> dict[str, Any]:
    return {
        "index": str(report.index),
        "source": report.source,
        "listed": report.listed,
        "rows": report.rows,
        "resumed": report.resumed,
        "known": report.known,
        "rejected": report.rejected.data(),
        "seconds": report.seconds,
        "out_of_use": out_of_use(report.index),
    }


def _text(report: BuildReport, how: str) -> str:
    seconds = report.seconds
    new = report.listed - report.resumed
    speed = f", {new / seconds['total']:.1f} images/s" if new else ""
    spent = ", ".join(f"{name} {value:.1f} s" for name, value in seconds.items() if name != "total")
    lines = [f"{report.index}: {plural(report.rows, 'training image')} {how} {report.source}"]
    if report.known:
        lines.append(f"  {report.known} of its images were met before: indexed, rejected or removed")
    if report.resumed:
        lines.append(f"  {report.resumed} images were there from an earlier run")
    if report.rejected.count:
        lines.append(f"  NOT in the index: {plural(report.rejected.count, 'image')} that could not be read")
        lines += [f"    {line}" for line in report.rejected.lines()]
    lines.append(f"  {seconds['total']:.1f} s{speed} ({spent})")
    lines += [*outdated_lines(report.index), *small_lines(report.index)]
    return "\n".join(map(one_line, lines))
