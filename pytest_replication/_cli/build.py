"""``build``: make the index of a training set."""

from __future__ import annotations

import argparse
from dataclasses import asdict

from pytest_replication._cli.options import Verbs, add_device, print_json
from pytest_replication.index.build import BuildOptions, BuildReport, build_index


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
        "source", metavar="IMAGES", help="Folder, .txt list of files, or parquet file or folder"
    )
    parser.add_argument("--out", required=True, metavar="INDEX", help="Folder of the index")
    parser.add_argument(
        "--embedder", default=default.embedder, metavar="NAME", help="Embedder (default: %(default)s)"
    )
    parser.add_argument("--preset", help="Preprocessing preset (default: the embedder's own)")
    add_device(parser)
    parser.add_argument(
        "--max-rejected",
        type=int,
        default=default.max_rejected,
        metavar="N",
        help="Unreadable images that may be left out (default: %(default)s)",
    )
    parser.add_argument(
        "--dtype",
        choices=("float32", "float16"),
        default=default.dtype,
        help="Stored vectors (default: %(default)s)",
    )
    parser.add_argument(
        "--shard-rows",
        type=int,
        default=default.shard_rows,
        metavar="N",
        help="Images a shard; a killed build loses at most one (default: %(default)s)",
    )
    parser.add_argument(
        "--batch-size", type=int, metavar="N", help="Images a batch (default: the embedder's own)"
    )
    parser.add_argument("--decoders", type=int, metavar="N", help="Threads that decode (default: one a core)")
    parser.add_argument("--overwrite", action="store_true", help="Replace an index that is in the folder")
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
        overwrite=args.overwrite,
    )
    report = build_index(args.source, args.out, options)
    if args.json:
        print_json(asdict(report) | {"index": str(report.index)})
    else:
        print(_text(report))
    return 0


def _text(report: BuildReport) -> str:
    seconds = report.seconds
    new = report.listed - report.resumed
    speed = f", {new / seconds['total']:.1f} images/s" if new else ""
    spent = ", ".join(f"{name} {value:.1f} s" for name, value in seconds.items() if name != "total")
    lines = [f"{report.index}: {report.rows} training images from {report.source}"]
    if report.resumed:
        lines.append(f"  {report.resumed} images were there from an earlier run")
    if report.rejected:
        lines.append(f"  {len(report.rejected)} images could not be read and are NOT in the index:")
        lines += [f"    {row.uri}: {row.reason}" for row in report.rejected]
    lines.append(f"  {seconds['total']:.1f} s{speed} ({spent})")
    return "\n".join(lines)
