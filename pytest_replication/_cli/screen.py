"""``screen``: do prompts of a text-to-image model behave as memorised ones do?"""

from __future__ import annotations

import argparse

from pytest_replication._cli.options import Verbs, add_device, add_model_option, print_json
from pytest_replication.models import load_model
from pytest_replication.reports.screens import render_screen, screen_data
from pytest_replication.screens.options import ScreenOptions
from pytest_replication.screens.registry import MAGNITUDE, SCREENS
from pytest_replication.screens.run import screen_prompts


def add_parser(verbs: Verbs) -> argparse.ArgumentParser:
    """Declare the verb."""
    parser: argparse.ArgumentParser = verbs.add_parser(
        "screen",
        help="Do prompts behave as memorised ones do? Without an index: exit 0 no, 1 some do, 3 cannot tell",
        description="Screen prompts of a text-to-image model without an index: exit 0 where none behaves as "
        "memorised ones do, 1 where some do, 3 cannot tell. A pass is no proof that nothing is copied.",
    )
    parser.add_argument(
        "model",
        metavar="MODEL",
        help="Folder of a diffusers pipeline (Stable Diffusion 1, 2), or a model.toml",
    )
    add_model_option(parser)
    add_device(parser)
    _add_prompts(parser)
    _add_rule(parser)
    _add_measuring(parser)
    return parser


def _add_prompts(parser: argparse.ArgumentParser) -> None:
    for option, what in (
        ("--prompts", "Prompts to screen: .txt with one a line, .jsonl, .csv, .parquet"),
        ("--clean-prompts", "Prompts that the model cannot have memorised: they set the line"),
    ):
        parser.add_argument(option, required=True, metavar="FILE", help=what)
    parser.add_argument(
        "--control-prompts",
        metavar="FILE",
        help="Prompts known to be memorised, half of which have to be flagged",
    )


def _add_rule(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--screen",
        action="append",
        metavar="NAME",
        help=f"{', '.join(SCREENS)}; several share the false alarms (default: {MAGNITUDE})",
    )
    parser.add_argument(
        "--fpr",
        type=float,
        default=0.01,
        metavar="RATE",
        help="Share of clean prompts that may be flagged (default: %(default)s)",
    )
    parser.add_argument(
        "--per",
        choices=("prompt", "check"),
        default="prompt",
        help="Let --fpr be the rate of one prompt, or of a whole check (default: %(default)s)",
    )


def _add_measuring(parser: argparse.ArgumentParser) -> None:
    default = ScreenOptions()
    for option, value, what in (
        ("--seeds", default.seeds, "Generations of each prompt"),
        ("--seed", default.seed, "First seed"),
        ("--steps", default.steps, "Steps of the DDIM schedule"),
        ("--clique", default.clique, "Generations that have to agree in seed-agreement"),
        ("--batch-size", default.batch, "Generations that go through the model at once"),
    ):
        parser.add_argument(
            option, type=int, default=value, metavar="N", help=f"{what} (default: %(default)s)"
        )
    parser.add_argument(
        "--first",
        type=int,
        metavar="N",
        help="Steps that noise-magnitude runs, noisiest first (default: all)",
    )
    parser.add_argument(
        "--guidance",
        type=float,
        metavar="SCALE",
        help="Of classifier-free guidance (default: the model's own, else 7.5)",
    )


def run(args: argparse.Namespace) -> int:
    """Answer the verb."""
    options = ScreenOptions(
        seeds=args.seeds,
        seed=args.seed,
        steps=args.steps,
        first=args.first,
        guidance=args.guidance,
        clique=args.clique,
        batch=args.batch_size,
    )
    verdict = screen_prompts(
        load_model(args.model, args.model_option, device=args.device),
        args.prompts,
        clean_prompts=args.clean_prompts,
        control_prompts=args.control_prompts or (),
        screens=tuple(args.screen or (MAGNITUDE,)),
        fpr=args.fpr,
        per=args.per,
        options=options,
    )
    if args.json:
        print_json(screen_data(verdict))
    else:
        print(f"{verdict.outcome.value.upper()}: {render_screen(verdict)}")
    return 0 if verdict.passed else 1
