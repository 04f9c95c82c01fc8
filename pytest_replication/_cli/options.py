"""Options that several verbs share, and how answers are printed."""

from __future__ import annotations

import argparse
import json
from typing import Any

from pytest_replication.surroundings import EXACT, EngineChoice

Verbs = Any
"""What ``add_subparsers`` returns; argparse keeps its type private."""


def add_index(parser: argparse.ArgumentParser) -> None:
    """Declare the index and where its embedder comes from."""
    parser.add_argument("index", metavar="INDEX", help="Folder of the index")
    parser.add_argument(
        "--embedder",
        metavar="NAME",
        help="Where to load the index's embedder from, such as sscd:/path/weights.onnx",
    )
    add_device(parser)


def add_engine(parser: argparse.ArgumentParser) -> None:
    """Declare what searches, and how far it is trusted."""
    parser.add_argument(
        "--engine",
        default=EXACT,
        metavar="NAME",
        help="What searches: exact, annoy, faiss-hnsw or faiss-ivf (default: %(default)s)",
    )
    parser.add_argument(
        "--allow-approximate",
        action="store_true",
        help="Let samples pass on the word of an engine that is certified at the threshold",
    )
    add_min_recall(parser)


def add_min_recall(parser: argparse.ArgumentParser) -> None:
    """Declare what a certificate has to prove."""
    parser.add_argument(
        "--min-recall",
        type=float,
        default=EngineChoice().min_recall,
        metavar="SHARE",
        help="What a certificate of an engine has to prove (default: %(default)s)",
    )


def add_new_index(parser: argparse.ArgumentParser, embedder: str) -> None:
    """Declare where a new index goes and how its vectors are made and stored."""
    parser.add_argument("--out", required=True, metavar="INDEX", help="Folder of the index")
    parser.add_argument(
        "--embedder", default=embedder, metavar="NAME", help="What makes the vectors (default: %(default)s)"
    )
    parser.add_argument("--preset", help="Its preprocessing preset (default: the embedder's own)")
    add_device(parser)
    parser.add_argument(
        "--dtype",
        choices=("float32", "float16"),
        default="float32",
        help="Stored vectors (default: %(default)s)",
    )
    parser.add_argument("--overwrite", action="store_true", help="Replace an index that is in the folder")


def add_device(parser: argparse.ArgumentParser) -> None:
    """Declare the device."""
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N (default: %(default)s)")


def add_work(parser: argparse.ArgumentParser) -> None:
    """Declare how images are embedded."""
    parser.add_argument(
        "--max-rejected",
        type=_limit,
        default=0,
        metavar="N",
        help="Unreadable images that may be left out, a number or a share such as 5%% (default: 0)",
    )
    parser.add_argument(
        "--batch-size", type=int, metavar="N", help="Images a batch (default: the embedder's own)"
    )
    parser.add_argument("--decoders", type=int, metavar="N", help="Threads that decode (default: one a core)")
    parser.add_argument(
        "--workers", type=int, default=1, metavar="N", help="Processes that embed (default: %(default)s)"
    )


def _limit(text: str) -> int | float:
    if not text.endswith("%"):
        return int(text)
    share = float(text[:-1]) / 100
    if not 0 <= share < 1:
        raise argparse.ArgumentTypeError(f"{text} is no share from 0% to below 100%")
    return share


def plural(count: int, one: str, several: str = "") -> str:
    """A number with what is counted: 1 image, 2 images."""
    return f"{count} {one if count == 1 else several or one + 's'}"


def print_json(data: Any) -> None:
    """Print an answer as JSON."""
    print(json.dumps(data, indent=1))
