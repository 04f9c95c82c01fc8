"""``import``: an index of embeddings that were made elsewhere."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path

from pytest_replication._cli.options import Verbs, add_new_index, limit, print_json
from pytest_replication.escape import one_line
from pytest_replication.index.imported import ImportOptions, import_index
from pytest_replication.reports.words import plural


def add_parser(verbs: Verbs) -> argparse.ArgumentParser:
    """Declare the verb."""
    parser: argparse.ArgumentParser = verbs.add_parser(
        "import",
        help="Make an index of embeddings that were made elsewhere",
        description="Make an index of embeddings that were made elsewhere. The embedder is declared, and "
        "proved on source images where they are at hand; else checks pass only with --allow-unproved.",
    )
    parser.add_argument(
        "source",
        metavar="EMBEDDINGS",
        help="KIND:PATH with clip-retrieval, npy, faiss, annoy, fastdup or dcr; or a path that tells",
    )
    add_new_index(parser, None)
    parser.add_argument("--images", type=Path, metavar="FOLDER", help="Source images, for the proof")
    parser.add_argument("--names", type=Path, metavar="FILE", help="List of names, for faiss, annoy and npy")
    parser.add_argument("--dim", type=int, metavar="N", help="Length of a vector (default: the embedder's)")
    parser.add_argument("--metric", choices=("angular", "euclidean"), help="Of an annoy file")
    parser.add_argument(
        "--max-rejected",
        type=limit,
        default=0,
        metavar="N",
        help="Images that may have got no vector, a number or a share such as 5%% (default: %(default)s)",
    )
    return parser


def run(args: argparse.Namespace) -> int:
    """Answer the verb."""
    options = ImportOptions(
        embedder=args.embedder,
        preset=args.preset,
        device=args.device,
        images=args.images,
        dim=args.dim,
        metric=args.metric,
        names=args.names,
        dtype=args.dtype,
        max_rejected=args.max_rejected,
        overwrite=args.overwrite,
    )
    report = import_index(args.source, args.out, options)
    if args.json:
        print_json(asdict(report) | {"index": str(report.index)})
    else:
        proof = (
            "WARNING: the embedder is NOT proved (give --images): a check on it passes only with "
            "--allow-unproved, and every verdict says so"
            if report.proved == 0
            else f"{plural(report.proved, 'image')} embedded again agree"
        )
        images = plural(report.rows, "training image")
        print(one_line(f"{report.index}: {images} from {report.source}; {proof}"))
    return 0
