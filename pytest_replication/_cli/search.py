"""``search``: the nearest training images of some images."""

from __future__ import annotations

import argparse
from pathlib import Path

from pytest_replication._cli.options import Verbs, add_index, print_json
from pytest_replication.check import nearest
from pytest_replication.choices import EXACT
from pytest_replication.errors import SettingsError
from pytest_replication.escape import one_line
from pytest_replication.index.opening import open_index
from pytest_replication.models.samples import Samples
from pytest_replication.scoring.rerank import SPLIT_SCORES
from pytest_replication.search import Matches
from pytest_replication.search.rescore import Rescoring

_INNER = "inner"


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
    default = Rescoring()
    parser.add_argument(
        "--score",
        choices=(_INNER, *SPLIT_SCORES),
        default=_INNER,
        help="Order by the inner product, or score its best again by corresponding (split) or any two chunks "
        "(cross); with -concat not each chunk, but all of an image together are of unit length: needs "
        "an index with tokens (default: %(default)s)",
    )
    parser.add_argument(
        "--rerank",
        type=int,
        metavar="N",
        help=f"Training images an image that are scored again (default: {default.candidates})",
    )
    return parser


def run(args: argparse.Namespace) -> int:
    """Answer the verb."""
    single = len(args.images) == 1 and Path(args.images[0]).is_dir()
    samples = Samples.of(args.images[0] if single else args.images)
    index = open_index(args.index, embedder=args.embedder, device=args.device)
    rescoring = _rescoring(args)
    matches = nearest(samples, index, args.k, engine=args.engine, rescoring=rescoring)
    if args.json:
        print_json(_data(matches, rescoring))
    else:
        print(_text(matches, decimals=6 if args.score.endswith("-concat") else 3))
    return 0


def _rescoring(args: argparse.Namespace) -> Rescoring | None:
    chosen = {} if args.rerank is None else {"candidates": args.rerank}
    if args.score != _INNER:
        return Rescoring(args.score, **chosen)
    if chosen:
        raise SettingsError("--rerank belongs to a split score: give --score split or cross as well")
    return None


def _data(matches: Matches, rescoring: Rescoring | None) -> list[dict[str, object]]:
    how = _INNER if rescoring is None else rescoring.score
    return [
        {
            "sample": name,
            "scored_by": how,
            "neighbours": [
                {
                    "score": m.score,
                    "training_id": m.record.id,
                    "training_uri": m.record.uri,
                    "training_sha256": m.record.sha256,
                    "caption": m.record.caption,
                    "label": m.record.label,
                }
                for m in found
            ],
        }
        for name, found in zip(matches.subject.samples, matches.of, strict=True)
    ]


def _text(matches: Matches, decimals: int) -> str:
    lines = []
    for name, found in zip(matches.subject.samples, matches.of, strict=True):
        lines.append(name)
        lines += [
            f"  {match.score:{decimals + 3}.{decimals}f}  {match.record.uri}  (id {match.record.id})"
            + (f' "{match.record.caption}"' if match.record.caption else "")
            for match in found
        ]
    return "\n".join(map(one_line, lines))
