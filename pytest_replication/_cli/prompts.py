"""Prompts on the command line of verbs that draw samples."""

from __future__ import annotations

import argparse

from pytest_replication.index.reader import Index
from pytest_replication.models import Model, Samples
from pytest_replication.prompts import draw_samples


def add_prompts(parser: argparse.ArgumentParser) -> None:
    """Declare which prompts samples are made from."""
    parser.add_argument(
        "--prompts",
        metavar="NAME",
        help="Prompts of the model: a .txt, .jsonl, .csv or .parquet file, captions, "
        "captions:duplicated-first, captions:label=NAME, labels or labels:NAME (docs/prompts.md)",
    )
    parser.add_argument(
        "--seeds-per-prompt", type=int, metavar="N", help="Samples of each prompt (default: 1)"
    )


def draw_asked(args: argparse.Namespace, model: Model, index: Index) -> Samples:
    """Draw the samples that a command line asks for.

    Raises:
        ReplicationError: as `draw_samples`.
    """
    return draw_samples(
        model,
        args.prompts,
        lambda: index,
        count=args.count,
        seeds_per_prompt=args.seeds_per_prompt,
        seed=args.seed,
    )
