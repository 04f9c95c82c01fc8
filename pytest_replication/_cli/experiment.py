"""``experiment``: the experiments of the paper on models and images of the user."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pytest_replication._cli.options import Verbs, add_device, add_embedder, add_model, print_json
from pytest_replication._cli.prompts import add_prompts, draw_asked
from pytest_replication.errors import SettingsError
from pytest_replication.experiments.captions import measure_captions
from pytest_replication.experiments.captions_figure import draw_captions
from pytest_replication.experiments.classes import measure_classes
from pytest_replication.experiments.classes_figure import draw_classes
from pytest_replication.experiments.complexity import measure_complexities
from pytest_replication.experiments.complexity_figure import draw_complexity
from pytest_replication.experiments.figures import FORMATS, pyplot
from pytest_replication.experiments.judged import Asked
from pytest_replication.experiments.results import (
    captions_data,
    classes_data,
    complexity_results,
    experiment_data,
    size_data,
    write_results,
)
from pytest_replication.experiments.size import in_order, measure_size
from pytest_replication.experiments.size_figure import draw_curve, draw_histograms
from pytest_replication.experiments.tables import captions_table, classes_table, size_table
from pytest_replication.index.opening import open_index
from pytest_replication.index.reader import Index
from pytest_replication.models import Samples, load_model
from pytest_replication.reports.complexity import complexity_text
from pytest_replication.reports.pictures import draw_pictures
from pytest_replication.verdicts import Verdict


def add_parser(verbs: Verbs) -> argparse.ArgumentParser:
    """Declare the verb and the experiments."""
    parser: argparse.ArgumentParser = verbs.add_parser(
        "experiment",
        help="The experiments of the paper on your models: training-set size, classes, captions, complexity",
        description="The experiments of Somepalli et al. (CVPR 2023) on your own models and images: each "
        "measures samples, writes NAME.json, and draws its figures (docs/experiments.md).",
    )
    names = parser.add_subparsers(dest="experiment", required=True, metavar="NAME")
    size = names.add_parser("size", help="Training-set size: several models, each with its own index")
    size.add_argument(
        "--of",
        nargs=2,
        action="append",
        required=True,
        dest="pairs",
        metavar=("MODEL", "INDEX"),
        help="A model and the index of its training images; once for each model",
    )
    _add_common(size, _size)
    for name, words, call in (
        ("classes", "Classes: are those that are alike copied more?", _classes),
        ("captions", "Captions and duplicates: which images do prompts bring back?", _captions),
        ("complexity", "Complexity: do simple images score higher?", _complexity),
    ):
        one = names.add_parser(name, help=words)
        one.add_argument("model", metavar="MODEL", help="What makes the samples, as for check")
        one.add_argument("index", metavar="INDEX", help="Folder of the index of its training images")
        _add_common(one, call)
    return parser


def _add_common(parser: argparse.ArgumentParser, call: Callable[[argparse.Namespace], int]) -> None:
    parser.add_argument("--out", required=True, type=Path, metavar="FOLDER", help="Takes results and figures")
    parser.add_argument(
        "--count",
        type=int,
        metavar="N",
        help="Samples of a model (default: 256, or all that are ready)",
    )
    add_model(parser)
    add_prompts(parser)
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="First seed (default: %(default)s)")
    parser.add_argument(
        "--threshold",
        type=float,
        metavar="SCORE",
        help="Replicated from this score on (default: that of an index's calibration, else its embedder's)",
    )
    parser.add_argument(
        "--confidence",
        type=float,
        default=0.95,
        metavar="SHARE",
        help="Of all intervals (default: %(default)s)",
    )
    parser.add_argument(
        "--training",
        type=int,
        default=1000,
        metavar="N",
        help="Training images that are drawn for comparisons among themselves (default: %(default)s)",
    )
    parser.add_argument(
        "--format", choices=FORMATS, default="png", help="Of the figures (default: %(default)s)"
    )
    parser.add_argument("--no-figures", action="store_true", help="Draw nothing")
    add_embedder(parser)
    add_device(parser)
    # SUPPRESS: the option of the verb, which stands before NAME, is not overruled by this one's default.
    parser.add_argument(
        "--json", action="store_true", default=argparse.SUPPRESS, help="Print the answer as JSON"
    )
    parser.set_defaults(call=call)


def run(args: argparse.Namespace) -> int:
    """Answer the verb."""
    if not args.no_figures:
        pyplot()  # that it is missing is said before hours of sampling
    try:
        args.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(f"--out {args.out} cannot be made: {error}") from error
    status: int = args.call(args)
    return status


def _open(args: argparse.Namespace, folder: str) -> Index:
    return open_index(folder, embedder=args.embedder, device=args.device)


def _size(args: argparse.Namespace) -> int:
    asked, results = _asked(args), []
    # All indexes are opened before the first model samples: a wrong name shows at once.
    opened = [(model, _open(args, folder)) for model, folder in args.pairs]
    for number, (model, index) in enumerate(opened, 1):
        _say(f"{number} of {len(opened)}: {model} against {index.path} ({index.rows} training images)")
        samples = _samples(args, model, index)
        result = measure_size(samples, index, asked)
        _pictures(args, f"size-pictures-{number}.png", result.verdict, samples, index)
        results.append(result)
    ordered = in_order(results)
    _finish(args, experiment_data("size", asked, size_data(ordered)), size_table(ordered))
    _draw(args, "size-histograms", lambda path: draw_histograms(ordered, path))
    _draw(args, "size-curve", lambda path: draw_curve(ordered, path))
    return 0


def _classes(args: argparse.Namespace) -> int:
    asked, index = _asked(args), _open(args, args.index)
    samples = _samples(args, args.model, index)
    result = measure_classes(samples, index, asked)
    _finish(args, experiment_data("classes", asked, classes_data(result)), classes_table(result))
    _draw(args, "classes", lambda path: draw_classes(result, path))
    _pictures(args, "classes-pictures.png", result.verdict, samples, index)
    return 0


def _captions(args: argparse.Namespace) -> int:
    asked, index = _asked(args), _open(args, args.index)
    samples = _samples(args, args.model, index)
    result = measure_captions(samples, index, asked)
    _finish(args, experiment_data("captions", asked, captions_data(result)), captions_table(result))
    _draw(args, "captions", lambda path: draw_captions(result, path))
    _pictures(args, "captions-pictures.png", result.verdict, samples, index)
    return 0


def _complexity(args: argparse.Namespace) -> int:
    asked, index = _asked(args), _open(args, args.index)
    result = measure_complexities(_samples(args, args.model, index), index, asked)
    told = f"{100 * asked.confidence:g} % intervals: {complexity_text(result.correlations)}"
    _finish(args, experiment_data("complexity", asked, complexity_results(result)), told)
    _draw(args, "complexity", lambda path: draw_complexity(result, path))
    return 0


def _asked(args: argparse.Namespace) -> Asked:
    return Asked(threshold=args.threshold, confidence=args.confidence, training=args.training, seed=args.seed)


def _samples(args: argparse.Namespace, name: str, index: Index) -> Samples:
    model = load_model(name, args.model_option, device=args.device, cache=args.cache)
    return draw_asked(args, model, index)


def _finish(args: argparse.Namespace, data: dict[str, Any], told: str) -> None:
    """Write the results and print them; figures come after, so that none can lose them."""
    path = args.out / f"{args.experiment}.json"
    write_results(data, path)
    if args.json:
        print_json(data)
    else:
        print(told)
        _say(str(path))


def _draw(args: argparse.Namespace, name: str, draw_to: Callable[[Path], None]) -> None:
    if args.no_figures:
        return
    path = args.out / f"{name}.{args.format}"
    draw_to(path)
    _say(str(path))


def _pictures(args: argparse.Namespace, name: str, verdict: Verdict, samples: Samples, index: Index) -> None:
    if args.no_figures:
        return
    if draw_pictures(verdict, samples, index, args.out / name):
        _say(str(args.out / name))
    else:
        _say(f"no pictures of the worst: the training images of {index.path} are not at hand")


def _say(text: str) -> None:
    print(text, file=sys.stderr)
