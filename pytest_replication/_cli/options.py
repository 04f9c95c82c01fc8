"""Options that several verbs share, and how answers are printed."""

from __future__ import annotations

import argparse
import json
from typing import Any

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


def add_device(parser: argparse.ArgumentParser) -> None:
    """Declare the device."""
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N (default: %(default)s)")


def print_json(data: Any) -> None:
    """Print an answer as JSON."""
    print(json.dumps(data, indent=1))
