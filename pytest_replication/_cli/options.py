"""Options that several verbs share, and how answers are printed."""

from __future__ import annotations

import argparse
import json
from fractions import Fraction
from typing import Any

from pytest_replication.choices import EXACT, EngineChoice
from pytest_replication.embedders.base import DEVICES
from pytest_replication.models import Model, load_model
from pytest_replication.reports.words import read_size

Verbs = Any
"""What ``add_subparsers`` returns; argparse keeps its type private."""


def add_index(parser: argparse.ArgumentParser, *, optional: bool = False) -> None:
    """Declare the index and where its embedder comes from."""
    parser.add_argument("index", nargs="?" if optional else None, metavar="INDEX", help="Folder of the index")
    add_embedder(parser)
    add_device(parser)


def add_embedder(parser: argparse.ArgumentParser) -> None:
    """Declare where the embedder of an index comes from."""
    parser.add_argument(
        "--embedder",
        metavar="NAME",
        help="Where to load the index's embedder from, such as sscd:/path/weights.onnx; to be given for one "
        "that is a program, such as callable:module:function",
    )


def add_model(parser: argparse.ArgumentParser) -> None:
    """Declare how a model is loaded and where its samples stay; its name stands in ``args.model``."""
    add_model_option(parser)
    parser.add_argument(
        "--cache", metavar="FOLDER", help="Keep the samples of a model, and make none of them twice"
    )


def add_model_option(parser: argparse.ArgumentParser) -> None:
    """Declare the options of a model."""
    parser.add_argument(
        "--model-option",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="Option of the model, such as steps=25, before those of its file; may be given repeatedly",
    )


def loaded_model(args: argparse.Namespace) -> Model:
    """Load the model that a verb is about, as `add_model` and `add_device` declared.

    Raises:
        ReplicationError: it cannot be loaded.
    """
    return load_model(args.model, args.model_option, device=args.device, cache=args.cache)


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
        type=_recall,
        default=EngineChoice().min_recall,
        metavar="SHARE",
        help="What a certificate of an engine has to prove (default: %(default)s)",
    )


def add_new_index(parser: argparse.ArgumentParser, embedder: str | None) -> None:
    """Declare where a new index goes and how its vectors are made and stored.

    Args:
        parser: of the verb.
        embedder: the default, None where it has to be named.
    """
    parser.add_argument("--out", required=True, metavar="INDEX", help="Folder of the index")
    if embedder is None:
        parser.add_argument("--embedder", required=True, metavar="NAME", help="What made the vectors")
    else:
        parser.add_argument(
            "--embedder",
            default=embedder,
            metavar="NAME",
            help="What makes the vectors (default: %(default)s)",
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
    parser.add_argument("--device", default="auto", help=f"{DEVICES} (default: %(default)s)")


def add_work(parser: argparse.ArgumentParser) -> None:
    """Declare how images are embedded."""
    add_max_rejected(parser)
    parser.add_argument(
        "--batch-size", type=int, metavar="N", help="Images a batch (default: the embedder's own)"
    )
    parser.add_argument("--decoders", type=int, metavar="N", help="Threads that decode (default: one a core)")
    parser.add_argument(
        "--workers", type=int, default=1, metavar="N", help="Processes that embed (default: %(default)s)"
    )


def size(text: str) -> int:
    """Read a number of bytes, such as 20MB."""
    try:
        return read_size(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} {error}") from error


def add_max_rejected(parser: argparse.ArgumentParser) -> None:
    """Declare how many images may be left out."""
    parser.add_argument(
        "--max-rejected",
        type=limit,
        default=0,
        metavar="N",
        help="Unreadable images that may be left out, a number or a share such as 5%% (default: 0)",
    )


def limit(text: str) -> int | float:
    """Read a number of images, or a share such as 5%."""
    try:
        number: int | float = float(Fraction(text[:-1]) / 100) if text.endswith("%") else int(text)
    except (ValueError, ZeroDivisionError, OverflowError):
        number = -1
    if number < 0 or (text.endswith("%") and not number < 1):
        raise argparse.ArgumentTypeError(
            f"{text!r} is neither a number of images, such as 3, nor a share from 0% to below 100%, as 5% is"
        )
    return number


def _recall(text: str) -> float:
    share = float(text)
    if not 0 < share < 1:
        raise argparse.ArgumentTypeError(f"{text} is no recall between 0 and 1 (99.9 % is 0.999)")
    return share


def print_json(data: Any) -> None:
    """Print an answer as JSON."""
    print(json.dumps(data, indent=1))
