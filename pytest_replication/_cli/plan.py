"""``plan``: how many samples a claim needs, before they are made."""

from __future__ import annotations

import argparse
from pathlib import Path

from pytest_replication._cli.options import Verbs, print_json
from pytest_replication.reports.plan import Question, plan_data
from pytest_replication.reports.plan_text import plan_text


def add_parser(verbs: Verbs) -> argparse.ArgumentParser:
    """Declare the verb."""
    parser: argparse.ArgumentParser = verbs.add_parser(
        "plan",
        help="Say how many samples a claim needs",
        description="Say how many samples a claim about the rate of a model needs, and what so many prove. "
        "Exact binomial probabilities; samples are taken as independent.",
    )
    parser.add_argument(
        "--max-rate", type=float, default=0.0, metavar="SHARE", help="Tolerated share (default: none)"
    )
    parser.add_argument(
        "--model-rate",
        type=float,
        metavar="SHARE",
        help="Share of copies of a model that has to be told from it",
    )
    parser.add_argument(
        "--power",
        type=float,
        default=0.9,
        metavar="SHARE",
        help="Wanted probability that such a model is told (default: %(default)s)",
    )
    parser.add_argument(
        "--confidence", type=float, default=0.95, metavar="SHARE", help="Of the bounds (default: %(default)s)"
    )
    parser.add_argument(
        "--samples", type=int, metavar="N", help="What so many prove, in the place of how many"
    )
    parser.add_argument(
        "--fpr",
        type=float,
        default=0.0,
        metavar="SHARE",
        help="Share of innocent samples that the threshold flags (default: none)",
    )
    parser.add_argument(
        "--recall",
        type=float,
        default=1.0,
        metavar="SHARE",
        help="Share of copies that the threshold flags (default: all)",
    )
    parser.add_argument("--fdr", type=float, metavar="SHARE", help="False discovery rate that is wanted")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="Draw the probabilities over the samples")
    return parser


def run(args: argparse.Namespace) -> int:
    """Answer the verb."""
    question = Question(
        max_rate=args.max_rate,
        model_rate=args.model_rate,
        power=args.power,
        confidence=args.confidence,
        samples=args.samples,
        fpr=args.fpr,
        recall=args.recall,
        fdr=args.fdr,
    )
    data = plan_data(question)
    if args.plot is not None:
        from pytest_replication.reports.power_plot import draw_power

        draw_power(question, data, args.plot)
    if args.json:
        print_json(data)
    else:
        print(plan_text(data))
    return 0
